/** `/proofs/…` and the public keys of the proof tree: what partners compare and verify roots with. */
import { Effect, Schema } from "effect"
import { access } from "../../identity/access.ts"
import { StoreUnavailable } from "../../platform/store-unavailable.ts"
import { ConsistencyProof, proveConsistency } from "../../proof/consistency.ts"
import { ProofKeySet, proofKeySet } from "../../proof/key-set.ts"
import { ProofRoots } from "../../proof/proof-roots.ts"
import { atATime } from "../edge/at-a-time.ts"
import { InvalidRequest, NotFound } from "../edge/failures.ts"
import { caller, open } from "../routing/guards.ts"
import { wholeNumber } from "../routing/parameters.ts"
import { reply } from "../routing/reply.ts"
import { route } from "../routing/route.ts"
import { exampleHash, exampleRoot, provePayoutItem } from "./item-proof.ts"

const SIZE_MAX = 9_999_999_999
const SignedRootShown = Schema.Struct({
  number: Schema.Int.annotate({ description: "Roots are numbered from 1 without gaps." }),
  size: Schema.Int.annotate({ description: "How many leaves the tree had." }),
  root: Schema.String.annotate({ description: "The root of these leaves, in base64." }),
  signedAt: Schema.String.annotate({ format: "date-time" }),
  note: Schema.String.annotate({
    description:
      "The signed checkpoint (https://c2sp.org/tlog-checkpoint). Keep it: all that counts is in it.",
  }),
}).annotate({ identifier: "SignedRoot", description: "A signed root of the proof tree." })

export const showProofRoot = route({
  method: "GET",
  path: "/proofs/root",
  operationId: "showProofRoot",
  tag: "Proofs",
  summary: "Show the latest signed root",
  description: "404 before the first root is signed.",
  guard: caller(access.readBatches),
  answers: {
    200: {
      description: "The root.",
      schema: SignedRootShown,
      example: {
        number: 17,
        size: 1_024,
        root: exampleHash,
        signedAt: "2026-11-28T10:00:00.000Z",
        note: exampleRoot,
      },
    },
  },
  failures: ["NotFound", "StoreUnavailable"],
}).handledBy(
  Effect.fnUntraced(function* () {
    const latest = yield* (yield* ProofRoots).published
    if (latest === undefined) return yield* new NotFound({ what: "signed root" })
    const { number, size, root, at, note } = latest
    return reply(200, {
      number,
      size,
      root: root.toString("base64"),
      signedAt: new Date(at).toISOString(),
      note,
    })
  }),
)

const sizeOf = (description: string, example: number) =>
  wholeNumber({ description, example, minimum: 1, maximum: SIZE_MAX, fallback: undefined })

export const showProofConsistency = route({
  method: "GET",
  path: "/proofs/consistency",
  operationId: "showProofConsistency",
  tag: "Proofs",
  summary: "Prove that one root grew out of another",
  description:
    "Nothing that the older root has was changed or left out. Verified with `examples/verify-roots.mjs`.",
  guard: caller(access.readBatches),
  query: {
    from: sizeOf("The size in the older root.", 1_000),
    to: sizeOf("The size in the newer root.", 1_024),
  },
  answers: {
    200: {
      description: "The proof.",
      schema: ConsistencyProof,
      example: {
        from: { size: 1_000, root: exampleHash },
        to: { size: 1_024, root: exampleHash },
        proof: [exampleHash],
      },
    },
  },
  failures: ["InvalidRequest", "StoreUnavailable"],
}).handledBy(
  Effect.fnUntraced(function* ({ query: { from, to } }) {
    if (from === undefined || to === undefined)
      return yield* new InvalidRequest({ detail: "from, to: expected the sizes of two roots." })
    const proof = yield* proveConsistency(from, to).pipe(
      Effect.catchTags({
        NoSuchSize: ({ size }) =>
          Effect.fail(
            new InvalidRequest({
              detail: `from, to: expected 1 ≤ from ≤ to ≤ ${size}, the leaves of the tree.`,
            }),
          ),
        TreeDamaged: ({ reason }) =>
          Effect.fail(new StoreUnavailable({ store: "postgres", step: "read the proof tree", reason })),
      }),
    )
    return reply(200, proof)
  }),
)

/** How many of these requests a process answers at a time: anybody may ask, and each reads Postgres. */
const UNDER_WAY_MAX = 16
/** How long an answer may be kept, in seconds. */
const KEPT_S = 300

const limited = atATime(UNDER_WAY_MAX, "concurrent requests for public keys")

export const showProofKeys = route({
  method: "GET",
  path: "/.well-known/atlaspay-proof-keys.json",
  operationId: "showProofKeys",
  tag: "Proofs",
  summary: "Show the public keys of the proof tree",
  description:
    "All keys that signed roots, also those that were replaced. Needs no key. Keep the one that you trust: who could change " +
    "a root could change this answer.",
  guard: open,
  answers: {
    200: {
      description: "The keys, the latest first; none before the first root is signed.",
      schema: ProofKeySet,
      headers: {
        "cache-control": {
          description: `An answer may be kept for ${KEPT_S} s.`,
          example: `public, max-age=${KEPT_S}`,
        },
      },
      example: {
        keys: [
          {
            kty: "OKP",
            crv: "Ed25519",
            alg: "EdDSA",
            use: "sig",
            kid: "01010101",
            x: "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
            vkey: "atlaspay+01010101+AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB",
          },
        ],
      },
    },
  },
  failures: ["StoreUnavailable", "TooManyRequests"],
}).handledBy(
  Effect.fnUntraced(function* () {
    const keys = yield* limited(proofKeySet)
    return reply(200, keys, { "cache-control": `public, max-age=${KEPT_S}` })
  }),
)

/** The routes of proofs, in the order of the document. */
export const proofRoutes = [provePayoutItem, showProofRoot, showProofConsistency, showProofKeys]
