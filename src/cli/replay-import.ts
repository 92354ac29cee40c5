/** `atlaspay replay import`: an exported batch into the sandbox of this machine, where nothing pays or publishes it. */
import { createReadStream } from "node:fs"
import { Console, Effect } from "effect"
import { Argument, Command } from "effect/cli"
import { emptyBatch } from "../domain/batch.ts"
import { evolve } from "../domain/evolve.ts"
import { type Import, importInto } from "../replay/imported-logs-redis.ts"
import {
  ExportReader,
  type Header,
  type ImportedEvent,
  InvalidExport,
  LINE_LENGTH_MAX,
} from "../replay/scrubbed-log.ts"
import { requirePartitionCount } from "../streams/partition-count-redis.ts"
import { CliFailure } from "../terminal/cli-failure.ts"
import { dataDir } from "./flags.ts"
import { logKeys } from "./log-keys.ts"
import { openRedis } from "./redis-connection.ts"

/** Events that are staged at a time. */
const STAGED_AT_ONCE = 256

export const importCommand = Command.make(
  "import",
  {
    file: Argument.String("FILE").pipe(Argument.withDescription("What replay export wrote")),
    dataDir,
  },
  Effect.fn(function* ({ file, dataDir }) {
    yield* onlyHere(process.env)
    const header = yield* Effect.mapError(checkedFile(file), inFile(file))
    yield* Effect.scoped(
      Effect.gen(function* () {
        const { commands: redis } = yield* openRedis(dataDir)
        const place = { redis, ...logKeys() }
        yield* requirePartitionCount(redis, place.prefix, place.partitions).pipe(
          Effect.mapError(({ message }) => new CliFailure({ reason: message })),
        )
        const target = importInto(place, header)
        yield* Effect.mapError(stageAll(file, header, target), inFile(file))
        const outcome = yield* Effect.mapError(target.commit, inFile(file))
        if (outcome === "other")
          return yield* new CliFailure({ reason: `${file}: another log is under ${header.batch} already.` })
        yield* Console.log(
          outcome === "there"
            ? `${header.batch} was imported before.`
            : `${header.batch}: ${header.events} events were imported.`,
        )
      }),
    )
  }),
).pipe(
  Command.withDescription(
    "Load an exported batch into the local stack, where no worker and no publisher sees it",
  ),
)

/**
 * An import writes a log. It goes to the data folder of this machine, and to no store that anybody else uses: it fails if the
 * environment names one, or says production.
 */
export const onlyHere = (environment: NodeJS.ProcessEnv): Effect.Effect<void, CliFailure> => {
  // The files of secrets were taken before; one that could not be read would name a store, too.
  const set = ["REDIS_URL", "DATABASE_URL"].filter((name) => environment[name] || environment[`${name}_FILE`])
  if (environment.NODE_ENV !== "production" && set.length === 0) return Effect.void
  const why =
    set.length > 0 ? `${set.join(" and ")} ${set.length > 1 ? "are" : "is"} set` : "NODE_ENV is production"
  return new CliFailure({ reason: `An import goes only into the local stack of a data folder, and ${why}.` })
}

const inFile =
  (file: string) =>
  ({ message }: Error): CliFailure =>
    new CliFailure({ reason: `${file}: ${message}` })

/** Reads the whole file and folds it, before anything is stored. */
const checkedFile = (file: string): Effect.Effect<Header, Error> =>
  Effect.tryPromise({
    try: async () => {
      const reader = new ExportReader()
      const batch = emptyBatch()
      let line = 0
      for await (const text of linesOf(file)) {
        line += 1
        const read = reader.read(text)
        if (read !== undefined) fold(batch, read, line)
      }
      return reader.end()
    },
    catch: asError,
  })

const fold = (batch: ReturnType<typeof emptyBatch>, { event }: ImportedEvent, line: number): void => {
  try {
    evolve(batch, event)
  } catch (error) {
    throw new InvalidExport({ line, reason: asError(error).message })
  }
}

/** Reads the file again, and stages what has the same first line and end. */
const stageAll = (file: string, checked: Header, target: Import): Effect.Effect<void, Error> =>
  Effect.tryPromise({
    try: async () => {
      const reader = new ExportReader()
      let waiting: Array<ImportedEvent> = []
      const flush = async () => {
        if (waiting.length > 0) await Effect.runPromise(target.stage(waiting))
        waiting = []
      }
      for await (const text of linesOf(file)) {
        const read = reader.read(text)
        if (read !== undefined && waiting.push(read) >= STAGED_AT_ONCE) await flush()
      }
      const { batch, head } = reader.end()
      if (batch !== checked.batch || head !== checked.head)
        throw new InvalidExport({ line: 1, reason: "the file changed while it was read" })
      await flush()
    },
    catch: asError,
  })

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)))

/** The lines of a file, each of bounded length. */
async function* linesOf(file: string): AsyncGenerator<string> {
  let rest = ""
  let line = 1
  for await (const piece of createReadStream(file, "utf8")) {
    const lines = `${rest}${piece}`.split("\n")
    rest = lines.pop() ?? ""
    for (const text of lines) {
      line += 1
      yield text
    }
    if (rest.length > LINE_LENGTH_MAX) throw new InvalidExport({ line, reason: "the line is too long" })
  }
  if (rest !== "") throw new InvalidExport({ line, reason: "the line has no end: the file is truncated" })
}
