/** `atlaspay verify`: whether what all stores say of history is one history, and a sound one. */
import { Console, Effect } from "effect"
import { Argument, Command, Flag } from "effect/cli"
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

export const verify = Command.make(
  "verify",
  {
    batches: batchId.pipe(Argument.variadic()),
    all,
    dataDir,
    json: json("Print each finding as a line of JSON, and the result as the last line"),
  },
  Effect.fn(function* ({ batches, all, dataDir, json }) {
    if (all === batches.length > 0)
      return yield* new CliFailure({ reason: "Give batch ids, or --all.", status: NOT_DONE })
    const options = {
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
