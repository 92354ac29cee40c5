/** `atlaspay replay export`: a batch to take home, without whom it paid. */
import { appendFileSync, closeSync, openSync, renameSync, rmSync } from "node:fs"
import { Console, Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import type { BatchId } from "../domain/identifiers.ts"
import { exportLog } from "../replay/exporting.ts"
import { CliFailure } from "../terminal/cli-failure.ts"
import { batchId, dataDir } from "./flags.ts"
import { asFailure, NOT_DONE, openLogs } from "./replay-stores.ts"

const FILE_MODE = 0o600

export const exportCommand = Command.make(
  "export",
  {
    batchId,
    amounts: Flag.Boolean("amounts").pipe(
      Flag.withDescription("Replace amounts, too: the same amount by the same one"),
      Flag.withDefault(false),
    ),
    file: Flag.optional(
      Flag.String("output").pipe(
        Flag.withAlias("o"),
        Flag.withMetavar("FILE"),
        Flag.withDescription("Where to write it; stdout by default"),
      ),
    ),
    dataDir,
  },
  Effect.fn(function* ({ batchId, amounts, file, dataDir }) {
    yield* Effect.scoped(
      Option.isSome(file)
        ? exportToFile(dataDir, batchId, amounts, file.value)
        : exportTo(dataDir, batchId, amounts, (line) => void process.stdout.write(`${line}\n`)),
    )
  }),
).pipe(
  Command.withDescription(
    "Write a batch's log as lines of JSON, with names, accounts, texts and credentials replaced",
  ),
)

const exportTo = Effect.fnUntraced(function* (
  dataDir: string,
  id: BatchId,
  amounts: boolean,
  write: (line: string) => void,
) {
  const logs = yield* openLogs(dataDir)
  const { batch, events } = yield* exportLog(logs, id, { amounts }, write).pipe(
    Effect.catchTag(
      "NotWritten",
      ({ reason }) => new CliFailure({ reason: `The export cannot be written: ${reason}`, status: NOT_DONE }),
    ),
    Effect.mapError((error) => (error._tag === "CliFailure" ? error : asFailure(error))),
  )
  if (events === 0) return yield* new CliFailure({ reason: `There is no log of ${id}.` })
  yield* Console.error(`${events} events of ${id}, as ${batch}`)
})

/** The file is there as a whole or not at all. */
const exportToFile = Effect.fnUntraced(function* (
  dataDir: string,
  id: BatchId,
  amounts: boolean,
  file: string,
) {
  const part = `${file}.part`
  const out = yield* Effect.acquireRelease(
    Effect.try({
      try: () => openSync(part, "w", FILE_MODE),
      catch: () => new CliFailure({ reason: `${file} cannot be written.` }),
    }),
    (out) =>
      Effect.sync(() => {
        closeSync(out)
        rmSync(part, { force: true })
      }),
  )
  yield* exportTo(dataDir, id, amounts, (line) => void appendFileSync(out, `${line}\n`))
  yield* Effect.try({
    try: () => renameSync(part, file),
    catch: () => new CliFailure({ reason: `${file} cannot be written.` }),
  })
})
