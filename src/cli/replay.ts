import { Console, Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { emptyBatch } from "../domain/batch.ts"
import type { BatchId } from "../domain/identifiers.ts"
import { type Moment, momentOf } from "../domain/moment.ts"
import { causeLine, causeOf } from "../replay/causes.ts"
import { type StoredLogs, visitWritten } from "../replay/stored-logs.ts"
import { CliFailure } from "../terminal/cli-failure.ts"
import { batchId, dataDir, json } from "./flags.ts"
import { diff } from "./replay-diff.ts"
import { exportCommand } from "./replay-export.ts"
import { importCommand } from "./replay-import.ts"
import { itemJson, itemLines } from "./replay-items.ts"
import { closingLines, replayJson, replayLine, step } from "./replay-step.ts"
import { asFailure, eventOf, openLogs } from "./replay-stores.ts"
import { whatIf } from "./replay-what-if.ts"

const at = Flag.optional(
  Flag.String("at").pipe(
    Flag.withMetavar("VERSION|TIME"),
    Flag.withDescription(
      "Stop at a version or at a time such as 2026-11-23T16:05:00Z, and show each item as it was then",
    ),
    Flag.mapTryCatch(
      (text): Moment => {
        const moment = momentOf(text)
        if (moment === undefined) throw new Error("expected a version from 1, or a time with its offset")
        return moment
      },
      (error) => (error instanceof Error ? error.message : String(error)),
    ),
  ),
)

/** Prints every state of a batch and why it came: reads and folds the log, and calls no provider. */
export const replay = Command.make(
  "replay",
  { batchId, at, dataDir, json: json("Print each state as one line of JSON") },
  Effect.fn(function* ({ batchId, at, dataDir, json }) {
    yield* Effect.scoped(
      Effect.gen(function* () {
        const logs = yield* openLogs(dataDir)
        const until = Option.isNone(at) ? undefined : yield* versionAt(logs, batchId, at.value)
        yield* show(logs, batchId, until, json)
      }),
    )
  }),
).pipe(
  Command.withDescription("Replay a batch's log and print each state, and why it came"),
  Command.withSubcommands([diff, whatIf, exportCommand, importCommand]),
)

const show = Effect.fnUntraced(function* (
  logs: StoredLogs["Service"],
  id: BatchId,
  until: number | undefined,
  json: boolean,
) {
  const batch = emptyBatch()
  const { version } = yield* visitWritten(logs, id, (written) => {
    const taken = step(batch, { version: written.version, event: eventOf(written) })
    const why = causeOf(taken.recorded.event)
    if (json) console.log(JSON.stringify({ ...replayJson(taken), why }))
    else {
      const line = causeLine(why)
      console.log(line === undefined ? replayLine(taken) : `${replayLine(taken)}\n${MARGIN}${line}`)
    }
    return written.version !== until
  }).pipe(Effect.mapError(asFailure))
  if (version === 0) return yield* noLog(id)
  if (!json) yield* Console.log(closingLines(batch).join("\n"))
  if (until === undefined) return
  for (const item of batch.items.values()) if (json) console.log(JSON.stringify(itemJson(item)))
  if (!json) yield* Console.log(["", ...itemLines(batch)].join("\n"))
})

/** Under the event's name. */
const MARGIN = `${" ".repeat(19)}why: `

const noLog = (id: BatchId) => new CliFailure({ reason: `There is no log of ${id}.` })

/** The version to stop at: of an instant, that of the last event at or before it. */
const versionAt = Effect.fnUntraced(function* (logs: StoredLogs["Service"], id: BatchId, until: Moment) {
  let [found, last] = [0, 0]
  yield* visitWritten(logs, id, (written) => {
    last = written.version
    if ("version" in until ? last <= until.version : eventOf(written).at <= until.instant) found = last
    return true
  }).pipe(Effect.mapError(asFailure))
  if (last === 0) return yield* noLog(id)
  if ("version" in until && until.version > last)
    return yield* new CliFailure({ reason: `--at: the log ends at version ${last}.` })
  if (found === 0) return yield* new CliFailure({ reason: "--at: the batch was received later." })
  return found
})
