/** `atlaspay verify`: whether what all stores say of history is one history, and a sound one. */
import { Console, Effect } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { readPublicKey } from "../proof/proof-key.ts"
import { CliFailure } from "../terminal/cli-failure.ts"
import { findingLine } from "../verification/finding.ts"
import {
  type Verification,
  type VerificationProgress,
  verifyAll,
  verifyBatches,
} from "../verification/verify-all.ts"
import { batchId, dataDir, json } from "./flags.ts"
import { NOT_DONE, withEvidence } from "./verify-stores.ts"

const PROGRESS_EVERY_MS = 2_000

const all = Flag.Boolean("all").pipe(
  Flag.withDescription("Verify every batch that any store knows, and how they belong together"),
  Flag.withDefault(false),
)

const publicKeys = Flag.String("public-key").pipe(
  Flag.withMetavar("KEY"),
  Flag.withDescription(
    "A key that you trust: only such ones may have signed roots. May be given again; without it those in Postgres count. With --all",
  ),
  Flag.atLeast(0),
)

export const verify = Command.make(
  "verify",
  {
    batches: batchId.pipe(Argument.variadic()),
    all,
    publicKeys,
    dataDir,
    json: json("Print each finding as a line of JSON, and the result as the last line"),
  },
  Effect.fn(function* ({ batches, all, publicKeys, dataDir, json }) {
    if (all === batches.length > 0)
      return yield* new CliFailure({ reason: "Give batch ids, or --all.", status: NOT_DONE })
    const trustedKeys = publicKeys.flatMap((text) => readPublicKey(text) ?? [])
    if (trustedKeys.length < publicKeys.length || (!all && publicKeys.length > 0))
      return yield* new CliFailure({
        reason: "--public-key: expected name+id+base64, with --all.",
        status: NOT_DONE,
      })
    const options = {
      trustedKeys,
      onFinding: (finding: Parameters<typeof findingLine>[0]) =>
        console.log(json ? JSON.stringify({ finding }) : findingLine(finding)),
      onProgress: told(),
    }
    const result = yield* withEvidence(dataDir, all ? verifyAll(options) : verifyBatches(batches, options))
    yield* Console.log(json ? JSON.stringify(result) : closingLine(result))
    if (result.findings > 0) return yield* new CliFailure({ reason: `${result.findings} findings.` })
  }),
).pipe(
  Command.withDescription(
    "Verify logs, archive, registers, read models and proof tree against each other. Status 0 if all agree, 1 if not, 2 if not all could be verified",
  ),
)

const closingLine = ({ batches, events, findings }: Verification): string =>
  `${batches} batches, ${events} events verified: ${findings === 0 ? "all agree" : `${findings} findings`}.`

/** Says on stderr how far it is, now and then. */
const told = () => {
  let saidAt = Date.now()
  return ({ batches, events, findings }: VerificationProgress): void => {
    if (Date.now() - saidAt < PROGRESS_EVERY_MS) return
    saidAt = Date.now()
    console.error(`${batches} batches, ${events} events, ${findings} findings`)
  }
}
