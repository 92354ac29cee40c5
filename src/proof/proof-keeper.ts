/** Keeps the proof tree: enters heads of closed batches, signs roots at intervals and publishes them, while its layer lives. */
import { Cause, Effect, Layer, Option, Redacted, Schedule } from "effect"
import { AppConfig } from "../config.ts"
import { Metrics } from "../telemetry/metrics.ts"
import { countingFailures } from "../telemetry/readings.ts"
import { enterHeads } from "./entering.ts"
import { type ProofSigner, signerOf } from "./proof-key.ts"
import { ProofRoots } from "./proof-roots.ts"
import { ProofTree } from "./proof-tree.ts"
import { agree, type PublishedOtherwise, publishRoots, signRoot } from "./signing.ts"

/** How long a process has the turn to write after it last said so. Longer than a page of heads takes. */
const TURN_MS = 30_000
/** Pages of one round; the next round goes on. */
const PAGES_MAX = 50

/**
 * One round: takes the turn, compares what was published with the tree, enters what is due, signs, publishes. Does nothing if it is
 * another process's turn. Gives how many heads were entered.
 */
export const proofRound = Effect.fn("proofRound")(function* (signer: ProofSigner, holder: string) {
  const tree = yield* ProofTree
  const { proofContradicted, proofRefusals, proofSignedSeconds } = yield* Metrics
  const latest = yield* (yield* ProofRoots).latest
  proofSignedSeconds.set((latest?.at ?? 0) / 1_000)
  if ((yield* tree.takeTurn(holder, TURN_MS)) === undefined) {
    // What this process found when it had the turn is no longer its to say.
    proofContradicted.set(0)
    proofRefusals.set(0)
    return 0
  }
  const { name: origin } = signer.publicKey
  yield* agree(origin)
  proofContradicted.set(0)
  let entered = 0
  for (let pages = 0; pages < PAGES_MAX; pages += 1) {
    const size = yield* tree.takeTurn(holder, TURN_MS)
    if (size === undefined) return entered
    const page = yield* enterHeads(size)
    entered += page.entered
    if (!page.more) break
  }
  proofRefusals.set(yield* tree.refused)
  const signed = yield* signRoot(signer, yield* agree(origin))
  if (signed !== undefined) proofSignedSeconds.set(signed.at / 1_000)
  yield* publishRoots(origin)
  return entered
})

const noteContradicted = Effect.fnUntraced(function* ({ place, number, reason }: PublishedOtherwise) {
  ;(yield* Metrics).proofContradicted.set(1)
  yield* Effect.logError("nothing is signed: what was published contradicts the tree", {
    place,
    number,
    reason,
  })
})

/** Goes round for as long as the layer lives. Without PROOF_SIGNING_KEY nothing is entered or signed, and that is said. */
export const proofKeeperLayer = Layer.effectDiscard(
  Effect.gen(function* () {
    const { proof } = yield* AppConfig
    if (Option.isNone(proof.signingKey))
      return yield* Effect.logWarning("no proofs are made: PROOF_SIGNING_KEY is not set")
    const signer = signerOf(Redacted.value(proof.signingKey.value), proof.origin)
    const holder = crypto.randomUUID()
    const counted = yield* countingFailures("proofs")
    const round = Effect.catchTag(proofRound(signer, holder), "PublishedOtherwise", noteContradicted)
    yield* counted(round).pipe(
      Effect.catchCause((cause) =>
        Cause.hasInterruptsOnly(cause)
          ? Effect.failCause(cause)
          : Effect.logWarning("a round of proofs failed, and is tried again", cause),
      ),
      Effect.repeat(Schedule.spaced(proof.everyMs)),
      Effect.forkScoped,
    )
  }),
)
