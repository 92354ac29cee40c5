/** `/payout-batches/:id/items/:item/proof`: the proof of an item, for its partner. */
import { Effect } from "effect"
import { isBatchId, parseItemNumber } from "../../domain/identifiers.ts"
import { access } from "../../identity/access.ts"
import { ownerOf } from "../../identity/caller.ts"
import { StoreUnavailable } from "../../platform/store-unavailable.ts"
import { ItemProof, PROOF_FORM, proveItem } from "../../proof/item-proof.ts"
import { fairlyAtATime } from "../edge/at-a-time.ts"
import { NotFound, NotYetProved } from "../edge/failures.ts"
import { noSuchBatch, ownBatch, partnerOf } from "../payout-batches/batch-from-log.ts"
import { batchInPath, itemInPath } from "../payout-batches/shapes.ts"
import { caller } from "../routing/guards.ts"
import { reply } from "../routing/reply.ts"
import { route } from "../routing/route.ts"

/** Proofs under way in a process: each reads a whole log. */
const PROOFS_MAX = 4

const sharing = fairlyAtATime(PROOFS_MAX, "proofs at a time")

export const exampleHash = "oUqVKOA2rSIWGlz6HsYSpdsjHdTCVYCRkHYAqqHtXmA="

export const exampleRoot = [
  "atlaspay",
  "1024",
  exampleHash,
  "number 17",
  "time 2026-11-28T10:00:00.000Z",
  "",
  `— atlaspay ${Buffer.alloc(68, 1).toString("base64")}`,
  "",
].join("\n")

export const provePayoutItem = route({
  method: "GET",
  path: "/payout-batches/:id/items/:item/proof",
  operationId: "provePayoutItem",
  tag: "Proofs",
  summary: "Prove an item",
  description:
    "The log's events about the item, and the hashes that lead from them to the latest signed root. It is verified offline, with " +
    "`examples/verify-proof.mjs`. 409 until a root was signed and published after the batch was closed.",
  guard: caller(access.readBatches),
  parameters: { ...batchInPath, item: { ...itemInPath, what: "payout item", read: parseItemNumber } },
  answers: {
    200: {
      description: "The proof.",
      schema: ItemProof,
      example: {
        format: PROOF_FORM,
        batch: "pb_7qfdkz5nhm2rj3wtxay4ebgc6u",
        item: 1,
        version: 12,
        head: "oUqVKOA2rSIWGlz6HsYSpdsjHdTCVYCRkHYAqqHtXmA",
        eventsRoot: exampleHash,
        events: [
          {
            version: 11,
            text: '{"_tag":"TransferSettled","item":1}',
            hash: exampleHash,
            path: [exampleHash],
          },
        ],
        position: 1_000,
        path: [exampleHash],
        root: exampleRoot,
        publicKey: "atlaspay+01010101+AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB",
      },
    },
  },
  failures: ["CorruptEntry", "NotFound", "NotYetProved", "StoreUnavailable", "TooManyRequests"],
}).handledBy(
  Effect.fnUntraced(function* ({ caller, parameters: { id, item } }) {
    if (!isBatchId(id)) return yield* noSuchBatch
    yield* ownBatch(yield* partnerOf(caller, id), id)
    const reader = caller.kind === "partner" ? "partner" : "operator"
    const proof = yield* sharing(ownerOf(caller), proveItem(id, item, reader)).pipe(
      Effect.catchTags({
        ProofNotYetMade: ({ batch }) => Effect.fail(new NotYetProved({ batch })),
        NoItemToProve: () => Effect.fail(new NotFound({ what: "payout item" })),
        TreeDamaged: ({ reason }) =>
          Effect.fail(new StoreUnavailable({ store: "postgres", step: "read the proof tree", reason })),
      }),
    )
    return reply(200, proof)
  }),
)
