/** Takes archived logs out of Redis, and brings them back. */
import { randomUUID } from "node:crypto"
import { Array as Arr, Effect, Result } from "effect"
import type { BatchId } from "../domain/identifiers.ts"
import { attempt } from "../platform/redis-failure.ts"
import { StoreUnavailable } from "../platform/store-unavailable.ts"
import { inTime } from "./deadline.ts"
import { isGone, logUpTo } from "./evidence.ts"
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
  counts: counting(steps),
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
  recount: recounting(steps, archive),
})

/** The feed of a partition that does not answer cannot be read either, so nobody is paid there meanwhile. */
const counting = ({ call, partitions }: PartitionSteps): LogUnlinking["Service"]["counts"] =>
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

/** Marks names of one partition. Gives the batches whose logs are not in Redis. */
const marking = (
  { call, keysAt }: PartitionSteps,
  partition: number,
  logs: ReadonlyArray<ArchivedLog>,
  others: ReadonlyArray<BatchId>,
) => {
  const { archivedNames, restored, log } = keysAt(partition)
  const flagged = logs.flatMap(({ batch, unlinkedAt }) => [batch, unlinkedAt === undefined ? "0" : "1"])
  return Effect.map(
    call(
      "mark-archived",
      [archivedNames, restored, ...logs.map(({ batch }) => log(batch))],
      [...flagged, ...others],
    ),
    (absent) => new Set(absent as ReadonlyArray<string>),
  )
}

/** Goes over the whole archive: a partition has names that were reserved by batches of others. */
const recounting =
  (steps: PartitionSteps, archive: LogArchive["Service"]): LogUnlinking["Service"]["recount"] =>
  (partition, gone) =>
    Effect.gen(function* () {
      const isHere = (name: BatchId | undefined): name is BatchId =>
        name !== undefined && steps.partitionOf(name) === partition
      let [after, count] = ["", 0]
      while (true) {
        const page = yield* archive.logs(after, MARKED_TOGETHER_MAX)
        const last = page.at(-1)
        if (last === undefined) break
        after = last.batch
        const logs = page.filter(({ batch }) => isHere(batch))
        const reserved = page.map(({ reservedName }) => reservedName).filter(isHere)
        if (logs.length + reserved.length === 0) continue
        const absent = yield* marking(steps, partition, logs, reserved)
        const uncounted = logs.filter(
          ({ batch, unlinkedAt }) => absent.has(batch) && unlinkedAt === undefined,
        )
        if (uncounted.length > 0) yield* gone(uncounted)
        count += absent.size
      }
      const { archived } = steps.keysAt(partition)
      yield* attempt(() => steps.commands.hset(archived, "unlinked", count)).pipe(
        unavailable("count unlinked logs"),
      )
      return count
    })

type Opening = readonly ["STAGED" | "EXISTS" | "UNSTAGED", first?: string]

/** A new place to stage an archived log in. */
export const stageIn = (steps: PartitionSteps): Stage => {
  const id = `restored-${randomUUID()}`
  return {
    stage: Effect.fnUntraced(function* (batch, { after, count, lines }) {
      const { log, staged } = steps.keysOf(batch)
      // No command began these events: the log has them as they were.
      const args = ["", STAGED_MS, after, count, lines]
      const [answer] = (yield* steps.call("stage", [log(batch), staged(batch, id)], args)) as Opening
      if (answer === "UNSTAGED") return yield* gone
      return answer === "EXISTS" ? ("there" as const) : ("staged" as const)
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
