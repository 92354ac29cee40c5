/** For operators of the archive: what is in it, and to archive, unlink or restore logs now. */
import { Array as Arr, Console, Effect, type Layer } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { ArchiveStore, type ShownChunk } from "../archive/archive-store.ts"
import { verifyArchived } from "../archive/archive-verification.ts"
import { archiveRound, CLAIMED_MAX } from "../archive/archiving.ts"
import { compareCounts } from "../archive/count-comparison.ts"
import { UNLINKED_MAX, unlinkRound } from "../archive/unlinking.ts"
import { AppConfig } from "../config.ts"
import { type BatchId, isBatchId } from "../domain/identifiers.ts"
import type { CorruptEntry } from "../streams/event-store.ts"
import { LogArchive } from "../streams/log-archive.ts"
import { LogUnlinking } from "../streams/log-unlinking.ts"
import { CliFailure } from "../terminal/cli-failure.ts"
import { aligned } from "../terminal/text-table.ts"
import { audited } from "./audited.ts"
import { batchId, dataDir, json } from "./flags.ts"
import { type Failure, withLayer } from "./service-layer.ts"

const status = Command.make(
  "status",
  { dataDir, json: json("Print each partition as one line of JSON") },
  Effect.fn(function* ({ dataDir, json }) {
    const { rows, older } = yield* withServices(dataDir, standing)
    const lines = json
      ? rows.map((row) => JSON.stringify(row))
      : aligned([HEADINGS, ...rows.map((row) => HEADINGS.map((name) => String(row[name] ?? "-")))])
    for (const line of lines) yield* Console.log(line)
    if (older > 0)
      yield* new CliFailure({
        reason: `In ${older} partitions a store came back older: nothing is unlinked there.`,
      })
  }),
).pipe(
  Command.withDescription(
    "Show what each partition has in the archive, what waits, and what Redis counts. Status 1 if a store came back older",
  ),
)

const HEADINGS = [
  "partition",
  "archived",
  "unlinked",
  "unlinkedByRedis",
  "restored",
  "waiting",
  "failing",
  "older",
] as const

/** What the archive, and Redis, have of each partition. */
const standing = Effect.gen(function* () {
  const archive = new Map((yield* (yield* ArchiveStore).standing).map((one) => [one.partition, one]))
  const mismatches = new Map((yield* compareCounts()).map((one) => [one.partition, one]))
  const rows = (yield* (yield* LogUnlinking).counts).map(({ partition, unlinked, restored }) => {
    const { archived, unlinked: noted, waiting, failing } = archive.get(partition) ?? NOTHING
    return {
      ...{ partition, archived, unlinked: noted, unlinkedByRedis: unlinked, restored, waiting, failing },
      older: mismatches.get(partition)?.older ?? null,
    }
  })
  return { rows, older: mismatches.size }
})

const NOTHING = { archived: 0, unlinked: 0, waiting: 0, failing: 0 }

const someBatches = Argument.String("ID").pipe(
  Argument.withDescription("Closed payout batches: pb_…"),
  Argument.mapTryCatch(
    (text): BatchId => {
      if (!isBatchId(text)) throw new Error("expected a payout batch id such as pb_…")
      return text
    },
    (error) => (error instanceof Error ? error.message : String(error)),
  ),
  Argument.variadic(),
)

const run = Command.make(
  "run",
  {
    batches: someBatches,
    all: Flag.Boolean("all").pipe(
      Flag.withDescription("Archive every closed batch that is not archived, however long ago it closed"),
      Flag.withDefault(false),
    ),
    unlink: Flag.Boolean("unlink").pipe(
      Flag.withDescription("Also unlink the logs from Redis, once they are verified"),
      Flag.withDefault(false),
    ),
    dataDir,
  },
  Effect.fn(function* ({ batches, all, unlink, dataDir }) {
    if (all === batches.length > 0) return yield* new CliFailure({ reason: "Name batches, or give --all." })
    const failed = yield* withServices(dataDir, runNow(all ? undefined : batches, unlink))
    if (failed > 0) return yield* new CliFailure({ reason: `${failed} logs are at fault.` })
  }),
).pipe(Command.withDescription("Archive closed batches now, and unlink them if asked to"))

const runNow = Effect.fnUntraced(function* (batches: ReadonlyArray<BatchId> | undefined, unlink: boolean) {
  const { afterMs, unlinkAfterMs } = (yield* AppConfig).archive
  let [archived, unlinked, failed] = [0, 0, 0]
  yield* inRounds(batches, CLAIMED_MAX, (which) =>
    Effect.gen(function* () {
      const round = yield* archiveRound({ afterMs, which })
      archived += round.archived.length
      failed += yield* reportFailed(round.failed)
      return round
    }),
  )
  yield* Console.log(`${archived} logs were archived.`)
  if (!unlink) return failed
  const older = (yield* compareCounts()).map(({ partition }) => partition)
  yield* inRounds(batches, UNLINKED_MAX, (which) =>
    Effect.gen(function* () {
      const round = yield* unlinkRound({ afterMs: unlinkAfterMs, which }, older)
      unlinked += round.unlinked.length
      failed += yield* reportFailed(round.failed)
      for (const { batch, reason } of round.kept) yield* Console.log(`${batch} stays in Redis: ${reason}`)
      return round
    }),
  )
  yield* Console.log(`${unlinked} logs were unlinked from Redis.`)
  if (older.length > 0)
    yield* Console.log(`A store came back older, so none in these partitions: ${older.join(", ")}.`)
  return failed
})

type Which = { readonly batches: ReadonlyArray<BatchId> } | { readonly after: string }

/** Does a step for some batches, or for all by their ids, at most `max` at a time. */
const inRounds = Effect.fnUntraced(function* <E, R>(
  batches: ReadonlyArray<BatchId> | undefined,
  max: number,
  step: (which: Which) => Effect.Effect<{ readonly taken: number; readonly last: BatchId | undefined }, E, R>,
) {
  if (batches !== undefined) {
    for (const some of Arr.chunksOf(batches, max)) yield* step({ batches: some })
    return
  }
  let after = ""
  for (;;) {
    const { taken, last } = yield* step({ after })
    if (taken < max || last === undefined) return
    after = last
  }
})

const reportFailed = Effect.fnUntraced(function* (failed: ReadonlyArray<CorruptEntry>) {
  for (const { batch, entry, reason } of failed) yield* Console.log(`${batch}, entry ${entry}: ${reason}`)
  return failed.length
})

const CHUNKS_SHOWN = 1_000

const show = Command.make(
  "show",
  { batch: batchId, dataDir, json: json("Print the log, and then each chunk, as one line of JSON") },
  Effect.fn(function* ({ batch, dataDir, json }) {
    const { log, chunks } = yield* withServices(dataDir, archivedLog(batch))
    if (json) {
      for (const one of [log, ...chunks]) yield* Console.log(JSON.stringify(one))
      return
    }
    const since = (at: number | undefined) => (at === undefined ? "no" : `at ${new Date(at).toISOString()}`)
    yield* Console.log(`${batch}: version ${log.version}, hash ${log.head}, sound`)
    yield* Console.log(`archived ${since(log.archivedAt)}; unlinked from Redis: ${since(log.unlinkedAt)}`)
    const cells = ({ after, version, base, head, codec, bytes }: ShownChunk) =>
      [`${after + 1} to ${version}`, `${bytes} bytes`, codec, base, head] as const
    for (const line of aligned([["events", "size", "codec", "follows", "hash"], ...chunks.map(cells)]))
      yield* Console.log(line)
  }),
).pipe(Command.withDescription("Verify an archived log, and show its chunks"))

const archivedLog = Effect.fnUntraced(function* (batch: BatchId) {
  const archive = yield* LogArchive
  const log = yield* archive.find(batch)
  if (log === undefined) return yield* new CliFailure({ reason: `The archive has no log of ${batch}.` })
  const store = yield* ArchiveStore
  const chunks: Array<ShownChunk> = []
  for (;;) {
    const some = yield* store.chunks(batch, chunks.at(-1)?.version ?? 0, CHUNKS_SHOWN)
    chunks.push(...some)
    if (some.length < CHUNKS_SHOWN) break
  }
  yield* verifyArchived(archive, log)
  return { log, chunks }
})

const restore = Command.make(
  "restore",
  { batch: batchId, dataDir },
  Effect.fn(function* ({ batch, dataDir }) {
    const outcome = yield* withServices(
      dataDir,
      Effect.gen(function* () {
        const { restore } = yield* LogUnlinking
        const subject = `batch:${batch}`
        return yield* audited(
          { act: "archive.restore", subject, before: null },
          restore(batch),
          (outcome) => ({
            outcome,
          }),
        )
      }),
    )
    if (outcome === "not-archived")
      return yield* new CliFailure({ reason: `The archive has no log of ${batch}.` })
    yield* Console.log(
      outcome === "restored" ? `${batch}: the log is in Redis again.` : `${batch}: Redis has a log of it.`,
    )
  }),
).pipe(Command.withDescription("Write an archived log to Redis again, as it was, if Redis has none"))

export const archive = Command.make("archive").pipe(
  Command.withDescription("Look after the archive of closed batches' logs"),
  Command.withSubcommands([status, run, show, restore]),
)

/** Runs an effect with the services that archive. */
const withServices = <A, E extends Failure>(
  dataDir: string,
  use: Effect.Effect<A, E, Layer.Success<typeof import("../app.ts")["archiveLayer"]>>,
) => withLayer(dataDir, ({ archiveLayer }) => archiveLayer, use)
