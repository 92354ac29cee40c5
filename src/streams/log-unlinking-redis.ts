/** Takes archived logs out of Redis, and brings them back. */
import { randomUUID } from "node:crypto"
import { Array as Arr, Effect, Result } from "effect"
import type { BatchId } from "../domain/identifiers.ts"
import { attempt } from "../platform/redis-failure.ts"
import { StoreUnavailable } from "../platform/store-unavailable.ts"
import { inTime } from "./deadline.ts"
import { fieldIs, isGone, logUpTo } from "./evidence.ts"
import type { ArchivedLog, LogArchive } from "./log-archive.ts"
import type { LogUnlinking, Restoring, Unlinking } from "./log-unlinking.ts"
import { STAGED_MS } from "./opening-steps.ts"
import { type PartitionSteps, unavailable } from "./partition-steps-redis.ts"
import type { Stage } from "./restoring.ts"

/** Names that are marked in one step. */
const MARKED_TOGETHER_MAX = 256

export const logUnlinking = (
  steps: PartitionSteps,
  archive: LogArchive["Service"],
  restore: LogUnlinking["Service"]["restore"],
): LogUnlinking["Service"] => ({
  unlink: unlinking(steps),
  restore,
  counts: unlinkedCounts(steps),
  restored: Effect.fnUntraced(function* (limit) {
    const found = yield* Effect.forEach(
      steps.partitions,
      ({ restored }) =>
        attempt(() => steps.commands.zrange(restored, "0", String(Math.max(0, limit - 1)))).pipe(
          unavailable("list restored logs"),
        ),
      { concurrency: "unbounded" },
    )
    return found.flat() as ReadonlyArray<string> as ReadonlyArray<BatchId>
  }),
  mark: (names) =>
    Effect.forEach(
      Map.groupBy(names, steps.partitionOf),
      ([partition, some]) =>
        Effect.forEach(Arr.chunksOf(some, MARKED_TOGETHER_MAX), (page) =>
          marking(steps, partition, [], page),
        ),
      { discard: true },
    ),
  recount: recounting(steps, archive, restore),
})

/** What each partition counts. The feed of one that does not answer cannot be read either, so nobody is paid there meanwhile. */
export const unlinkedCounts = ({ call, partitions }: PartitionSteps): LogUnlinking["Service"]["counts"] =>
  Effect.gen(function* () {
    const found = yield* Effect.forEach(
      partitions,
      ({ archived, restored }) => Effect.result(inTime(call("count-unlinked", [archived, restored], []))),
      { concurrency: "unbounded" },
    )
    const [first] = found
    if (first !== undefined && found.every(Result.isFailure)) yield* Effect.fromResult(first)
    return found.flatMap((counts, partition) => {
      if (Result.isFailure(counts)) return []
      const [unlinked, restored] = counts.success as [number, number]
      return [{ partition, unlinked, restored }]
    })
  })

const ANSWERS: Readonly<Record<string, Unlinking>> = { UNLINKED: "unlinked", BUSY: "busy", MOVED: "moved" }

const unlinking = (steps: PartitionSteps): LogUnlinking["Service"]["unlink"] =>
  Effect.fn("LogUnlinking.unlink")(function* ({ batch, version, head, reservedName }) {
    if (reservedName !== undefined) {
      const { reserved, archived, archivedNames } = steps.keysOf(reservedName)
      const mark = reserved(reservedName)
      yield* steps.call("forget-reservation", [mark, archived, archivedNames], [reservedName])
    }
    const keys = steps.keysOf(batch)
    const { mail, open, timers, scheduled, archived, archivedNames, restored } = keys
    const log = keys.log(batch)
    const answer =
      ANSWERS[
        String(
          yield* steps.call(
            "unlink-log",
            [log, mail(batch), open, timers, scheduled, archived, archivedNames, restored],
            [batch, version, head],
          ),
        )
      ]
    if (answer === undefined)
      return yield* new StoreUnavailable({ store: "redis", step: "unlink-log", reason: "an unknown answer" })
    // A failover that lost this would look like a Redis that came back older.
    if (answer === "unlinked") yield* steps.replicated(log, isGone(log))
    return answer
  })

/** Marks names of one partition. Gives the batches whose logs are not in Redis, and those whose logs are shorter there. */
const marking = (
  { call, keysAt }: PartitionSteps,
  partition: number,
  logs: ReadonlyArray<ArchivedLog>,
  others: ReadonlyArray<BatchId>,
) => {
  const { archivedNames, restored, log } = keysAt(partition)
  const known = logs.flatMap(({ batch, version, unlinkedAt }) => [
    ...[batch, version, unlinkedAt === undefined ? "0" : "1"],
  ])
  return Effect.map(
    call(
      "mark-archived",
      [archivedNames, restored, ...logs.map(({ batch }) => log(batch))],
      [...known, ...others],
    ),
    (answer) => {
      const [absent, shorter] = answer as readonly [ReadonlyArray<string>, ReadonlyArray<BatchId>]
      return { absent: new Set(absent), shorter }
    },
  )
}

/** Logs are unlinked or restored while they are counted at most so often. */
const RECOUNTS_MAX = 5

const recounting =
  (
    steps: PartitionSteps,
    archive: LogArchive["Service"],
    restore: LogUnlinking["Service"]["restore"],
  ): LogUnlinking["Service"]["recount"] =>
  (partition, gone) =>
    Effect.gen(function* () {
      const { archived } = steps.keysAt(partition)
      for (let recounts = 0; recounts < RECOUNTS_MAX; recounts += 1) {
        const before = yield* attempt(() => steps.commands.hmget(archived, "unlinked", "unlinks")).pipe(
          unavailable("count unlinked logs"),
        )
        const count = yield* countAbsent(steps, archive, partition, restore, gone)
        const isSet = yield* steps.call(
          "recount-unlinked",
          [archived],
          [count, ...before.map((value) => value ?? "")],
        )
        if (isSet !== 1) continue
        // A failover that lost this would have forgotten names.
        yield* steps.replicated(archived, fieldIs(archived, "unlinked", String(count)))
        return count
      }
      return yield* new StoreUnavailable({
        store: "redis",
        step: "count unlinked logs",
        reason: "logs were unlinked or restored each time",
      })
    })

/** Goes over the whole archive: a partition has names that were reserved by batches of others. */
const countAbsent = Effect.fnUntraced(function* <E, R>(
  steps: PartitionSteps,
  archive: LogArchive["Service"],
  partition: number,
  restore: LogUnlinking["Service"]["restore"],
  gone: (logs: ReadonlyArray<ArchivedLog>) => Effect.Effect<void, E, R>,
) {
  const isHere = (name: BatchId | undefined): name is BatchId =>
    name !== undefined && steps.partitionOf(name) === partition
  let [after, count] = ["", 0]
  while (true) {
    const page = yield* archive.logs(after, MARKED_TOGETHER_MAX)
    const last = page.at(-1)
    if (last === undefined) return count
    after = last.batch
    const logs = page.filter(({ batch }) => isHere(batch))
    const reserved = page.map(({ reservedName }) => reservedName).filter(isHere)
    if (logs.length + reserved.length === 0) continue
    const { absent, shorter } = yield* marking(steps, partition, logs, reserved)
    yield* Effect.forEach(shorter, (batch) => lengthen(batch, restore), { discard: true })
    const uncounted = logs.filter(({ batch, unlinkedAt }) => absent.has(batch) && unlinkedAt === undefined)
    if (uncounted.length > 0) yield* gone(uncounted)
    count += absent.size
  }
})

/** What the archive has of a log is not lost: it takes the place of its beginning. One that goes on otherwise is for people to look at. */
const lengthen = Effect.fnUntraced(function* (batch: BatchId, restore: LogUnlinking["Service"]["restore"]) {
  const reason = yield* restore(batch).pipe(
    Effect.map((restored) => (restored === "restored" ? undefined : "it is another log")),
    Effect.catchTag("CorruptEntry", ({ entry, reason }) => Effect.succeed(`entry ${entry}: ${reason}`)),
  )
  if (reason !== undefined)
    yield* Effect.logError("a log that is shorter than the archived one stays", { batch, reason })
})

/** A new place to stage an archived log in. */
export const stageIn = (steps: PartitionSteps): Stage => {
  const id = `restored-${randomUUID()}`
  return {
    version: Effect.fnUntraced(function* (batch) {
      const { log, archivedNames } = steps.keysOf(batch)
      const [, version = 0] = (yield* steps.call("find-log", [log(batch), archivedNames], [batch])) as [
        string,
        number?,
      ]
      return version
    }),
    stage: Effect.fnUntraced(function* (batch, { after, count, lines }) {
      const { log, staged } = steps.keysOf(batch)
      // No command began these events: the log has them as they were.
      const args = ["", STAGED_MS, after, count, lines]
      const [answer] = (yield* steps.call("stage", [log(batch), staged(batch, id)], args)) as [string]
      if (answer !== "STAGED") return yield* gone
    }),
    finish: Effect.fnUntraced(function* ({ batch, version, head }) {
      const { log, staged, archived, archivedNames, restored } = steps.keysOf(batch)
      const answer = (yield* steps.call(
        "restore-log",
        [staged(batch, id), log(batch), archived, archivedNames, restored],
        [batch, version, head],
      )) as "RESTORED" | "THERE" | "UNSTAGED"
      if (answer === "UNSTAGED") return yield* gone
      if (answer === "RESTORED") yield* steps.replicated(log(batch), logUpTo(log(batch), version, head))
      return (answer === "RESTORED" ? "restored" : "there") satisfies Restoring
    }),
  }
}

const gone = new StoreUnavailable({
  store: "redis",
  step: "restore a log",
  reason: "the staged events are gone",
})
