/** The run queue, the timers and the open batches on Redis. */
import { Effect } from "effect"
import { attempt } from "../platform/redis-failure.ts"
import { inTime } from "./deadline.ts"
import { lastKnown } from "./last-known.ts"
import {
  onAll,
  type PartitionSteps,
  readings,
  unavailable,
  whereAny,
  wherever,
} from "./partition-steps-redis.ts"
import {
  admitting,
  createGroups,
  LEFT_BEHIND_MS,
  leftBehind,
  queuePart,
  silentIn,
  takingOver,
  WAIT_MS_MAX,
} from "./queue-readers-redis.ts"
import { type Backlog, OwnershipLost, type RunQueue } from "./run-queue.ts"

/**
 * How long the last known backlog of a partition is used while the partition does not answer. A failover takes less time.
 */
const BACKLOG_MS_MAX = 60_000

/** Creates missing consumer groups, and opens the connections that wait for batches. */
export const runQueue = Effect.fnUntraced(function* (steps: PartitionSteps) {
  const { connections, commands, partitions } = steps
  const streams = partitions.map(({ ready }) => ready)
  yield* createGroups(commands, streams).pipe(unavailable("create groups"))
  const readers = yield* connections.readers(WAIT_MS_MAX, streams).pipe(unavailable("open readers"))
  const queue: RunQueue["Service"] = {
    parts: readers.map((reader) => queuePart(reader, partitions.length, commands)),
    takeOver: takingOver(commands, streams),
    isAnySilent: (idleMs) => Effect.map(silentIn(commands, streams, idleMs), ({ length }) => length > 0),
    renew: renewing(steps),
    release: releasing(steps),
    postpone: postponing(steps),
    admit: admittingOver(steps),
    handOver: handingOver(steps),
    retire: retiring(steps),
    nextTimer: readingNextTimer(steps),
    wake: waking(steps),
    sweep: sweeping(steps),
    backlog: readingBacklog(steps),
  }
  return queue
})

const renewing = ({ keysAt, partitionOf, call }: PartitionSteps): RunQueue["Service"]["renew"] =>
  Effect.fn("RunQueue.renew")(function* (owned) {
    const groups = Map.groupBy(owned, ({ batch }) => partitionOf(batch))
    const lost = yield* onAll(groups, ([partition, batches]) => {
      const { ready } = keysAt(partition)
      return call("renew", [ready], [batches[0]?.worker ?? "", ...batches.map(({ entry }) => entry)]).pipe(
        Effect.map((entries) =>
          batches.filter(({ entry }) => (entries as ReadonlyArray<string>).includes(entry)),
        ),
      )
    })
    return lost.flat()
  })

const releasing = ({ keysOf, call, limits }: PartitionSteps): RunQueue["Service"]["release"] =>
  Effect.fnUntraced(function* ({ batch, entry, worker }, wakeAt, leaveMail, admitted) {
    const { mail, ready, scheduled, lanes, waiting, timers } = keysOf(batch)
    const answer = yield* call(
      "release",
      [mail(batch), ready, scheduled, lanes, waiting, timers],
      [
        ...[batch, limits.partnerShare, entry, worker, wakeAt ?? ""],
        ...[leaveMail === undefined ? "0" : "1", admitting(admitted)],
      ],
    )
    if (answer === "LOST") return yield* new OwnershipLost({ batch, reason: "taken-over" })
    return answer === "MAIL" ? "mail-waiting" : "released"
  })

const postponing = ({ keysOf, call, limits }: PartitionSteps): RunQueue["Service"]["postpone"] =>
  Effect.fnUntraced(function* ({ batch, entry, worker }) {
    const { ready, scheduled, lanes, waiting } = keysOf(batch)
    const keys = [ready, scheduled, lanes, waiting]
    const answer = yield* call("postpone", keys, [batch, limits.partnerShare, entry, worker])
    if (answer === "LOST") return yield* new OwnershipLost({ batch, reason: "taken-over" })
  })

/** Looks where anybody waits before it calls the function. Each call begins with another partition and partner. */
const admittingOver = ({
  commands,
  partitions,
  call,
  limits,
}: PartitionSteps): RunQueue["Service"]["admit"] => {
  const lastShards = new Map<string, string>()
  let turn = 0
  return Effect.fnUntraced(function* (limit) {
    turn = (turn + 1) % partitions.length
    const inTurn = [...partitions.slice(turn), ...partitions.slice(0, turn)]
    const lines = yield* whereAny(commands, inTurn, ({ waiting }) => waiting)
    const some = lines.slice(0, limit)
    const fairPart = Math.max(1, Math.floor(limit / some.length))
    const counts = yield* onAll(some, ({ ready, scheduled, lanes, waiting }) => {
      const args = [limits.partnerShare, fairPart, lastShards.get(waiting) ?? ""]
      return Effect.map(call("admit", [ready, scheduled, lanes, waiting], args), (answer) => {
        const [admitted, lastShard] = answer as [number, string]
        lastShards.set(waiting, lastShard)
        return admitted
      })
    })
    return sum(counts)
  })
}

const handingOver = ({ keysOf, call }: PartitionSteps): RunQueue["Service"]["handOver"] =>
  Effect.fnUntraced(function* ({ batch, entry, worker }) {
    const { ready, scheduled } = keysOf(batch)
    const answer = yield* call("hand-over", [ready, scheduled], [batch, entry, worker])
    if (answer === "LOST") return yield* new OwnershipLost({ batch, reason: "taken-over" })
  })

const retiring = ({ partitions, call }: PartitionSteps): RunQueue["Service"]["retire"] =>
  Effect.fn("RunQueue.retire")(function* (worker) {
    yield* Effect.forEach(partitions, ({ ready }) => call("retire", [ready], [worker]), { discard: true })
  })

const readingNextTimer = ({ commands, partitions }: PartitionSteps): RunQueue["Service"]["nextTimer"] =>
  Effect.suspend(() =>
    readings(commands, partitions, (pipeline, { timers }) => pipeline.zrange(timers, "0", "0", "WITHSCORES")),
  ).pipe(
    Effect.map((answers) => {
      const dueAt = answers.flatMap((answer) => {
        const [, score] = (answer ?? ["", 0]) as ReadonlyArray<string>
        return score === undefined ? [] : [Number(score)]
      })
      return dueAt.length === 0 ? undefined : Math.min(...dueAt)
    }),
  )

/** Looks before it calls the function: a look costs less than a call, and timers are rarely due. */
const waking = ({ commands, partitions, call, limits }: PartitionSteps): RunQueue["Service"]["wake"] =>
  Effect.fnUntraced(function* (now, limit) {
    const due = yield* wherever(
      commands,
      partitions,
      (pipeline, { timers }) => pipeline.zcount(timers, "-inf", now),
      (count) => Number(count) > 0,
    )
    const counts = yield* onAll(due, ({ timers, ready, scheduled, lanes, waiting }) =>
      call("wake", [timers, ready, scheduled, lanes, waiting], [limits.partnerShare, now, limit]),
    )
    return sum(counts)
  })

const sweeping = ({ commands, partitions, call, limits }: PartitionSteps): RunQueue["Service"]["sweep"] =>
  Effect.fn("RunQueue.sweep")(function* (before, now, limit) {
    const counts = yield* onAll(partitions, ({ open, timers, ready, scheduled, lanes, waiting }) =>
      call(
        "sweep",
        [open, timers, ready, scheduled, lanes, waiting],
        [limits.partnerShare, before, now, limit],
      ),
    )
    yield* onAll(partitions, ({ ready }) =>
      Effect.flatMap(leftBehind(commands, ready, LEFT_BEHIND_MS), (workers) =>
        Effect.forEach(workers.slice(0, limit), (worker) => call("retire", [ready], [worker])),
      ),
    )
    return sum(counts)
  })

/** No batch is opened or closed in a partition whose server is down, so its last known backlog still holds. */
const readingBacklog = ({ commands, partitions }: PartitionSteps): RunQueue["Service"]["backlog"] => {
  const lastShares = lastKnown<Readonly<Record<string, string>>>(BACKLOG_MS_MAX)
  return Effect.forEach(
    partitions,
    ({ shares }) => {
      const reading = attempt(() => commands.hgetall(shares)).pipe(unavailable("backlog"))
      return lastShares(shares, inTime(reading))
    },
    { concurrency: "unbounded" },
  ).pipe(Effect.map(readBacklog))
}

/** Sums the counters of all partitions: open batches by partner shard, and under '' the batches ever closed. */
const readBacklog = (shares: ReadonlyArray<Readonly<Record<string, string>>>): Backlog => {
  const byPartnerShard = new Map<string, number>()
  let [open, closed] = [0, 0]
  for (const [partnerShard, value] of shares.flatMap((of) => Object.entries(of))) {
    if (partnerShard === "") closed += Number(value)
    else {
      open += Number(value)
      byPartnerShard.set(partnerShard, (byPartnerShard.get(partnerShard) ?? 0) + Number(value))
    }
  }
  return { open, closed, byPartnerShard }
}

const sum = (counts: ReadonlyArray<unknown>): number =>
  counts.reduce<number>((total, count) => total + Number(count), 0)
