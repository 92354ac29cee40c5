/** Reads the run queue with Redis consumer groups. A pending entry proves that its worker owns the batch. */
import { Effect } from "effect"
import type { Reader, RedisConnections } from "../platform/redis.ts"
import { attempt } from "../platform/redis-failure.ts"
import { inTime } from "./deadline.ts"
import { unavailable, wherever } from "./partition-steps-redis.ts"
import type { Admitted, Ownership, QueuePart, RunQueue } from "./run-queue.ts"
import { readFirstOwnership, readOwnership, type StreamEntry } from "./stream-entry.ts"

const GROUP = "workers"

type Commands = RedisConnections["Service"]["commands"]

/** Who enters the run queue when a batch leaves it, as the functions expect it. */
export const admitting = (admitted: Admitted = "next"): string => (admitted === "begun" ? "-" : "")

/** Creates the consumer groups that are missing. */
export const createGroups = Effect.fnUntraced(function* (commands: Commands, streams: ReadonlyArray<string>) {
  for (const stream of streams) {
    yield* attempt(() => commands.xgroup("CREATE", stream, GROUP, "0", "MKSTREAM")).pipe(
      Effect.catchIf(
        (error) => error.reason === "BUSYGROUP",
        () => Effect.void,
      ),
    )
  }
})

/** The longest time that one read may block. The watchdog of its connection allows for it. */
export const WAIT_MS_MAX = 5_000
/** The same on a cluster, where a wait cannot be ended: a client of a cluster does not show which connection waits. */
const CLUSTER_WAIT_MS_MAX = 250

/** The streams that one connection reads together, out of `of` in all. Each stream gives at most its part of the limit. */
export const queuePart = ({ client, keys: streams }: Reader, of: number, commands: Commands): QueuePart => {
  const positions = streams.map(() => ">")
  const waitMsMax = client.isCluster ? CLUSTER_WAIT_MS_MAX : WAIT_MS_MAX
  const number = client.isCluster ? undefined : connectionNumber(client)
  return {
    endWait: Effect.suspend(() => {
      const known = number?.known()
      return known === undefined ? Effect.void : attempt(() => commands.client("UNBLOCK", known))
    }).pipe(Effect.ignore),

    take: Effect.fnUntraced(function* (worker, limit, waitMs) {
      const perStream = Math.max(1, Math.floor(limit / of))
      const block = Math.min(waitMs, waitMsMax)
      const read = attempt(async () => {
        // First, because the server answers nothing on this connection while the read blocks.
        const [, answer] = await Promise.all([
          number?.learn(),
          client.xreadgroup(
            "GROUP",
            GROUP,
            worker,
            "COUNT",
            perStream,
            "BLOCK",
            block,
            "STREAMS",
            ...streams,
            ...positions,
          ),
        ])
        return answer
      })
      const regroup = Effect.as(createGroups(commands, streams), null)
      const found = (yield* read.pipe(
        // A server that lost its data has no groups. Creates them, so that the next read works.
        Effect.catchIf(
          (error) => error.reason === "NOGROUP",
          () => regroup,
        ),
        unavailable("take"),
      )) as ReadonlyArray<[string, ReadonlyArray<StreamEntry>]> | null
      return (found ?? []).flatMap(([, entries]) =>
        entries.flatMap((entry) => readFirstOwnership(worker, entry)),
      )
    }),
  }
}

/**
 * The server's number of a connection. A new connection has another one, so it is asked for again. Who may not ask for it waits
 * until a read ends.
 */
const connectionNumber = (client: Reader["client"]) => {
  let number: number | undefined
  client.on("close", () => {
    number = undefined
  })
  return {
    known: () => number,
    learn: async (): Promise<void> => {
      if (number !== undefined) return
      try {
        number = await client.client("ID")
      } catch {
        // A failure of the connection is that of the read, too.
      }
    },
  }
}

/** The streams with an entry whose owner has been silent for `idleMs`, and those that do not answer. Redis takes whole ones. */
export const silentIn = (commands: Commands, streams: ReadonlyArray<string>, idleMs: number) =>
  wherever(
    commands,
    streams,
    (pipeline, stream) => pipeline.xpending(stream, GROUP, "IDLE", Math.floor(idleMs), "-", "+", 1),
    (entries) => (entries as ReadonlyArray<unknown>).length > 0,
  )

/**
 * Scans each stream to its end, or until enough is found, because an idle entry may be behind many busy ones. If one stream
 * cannot be scanned, what was taken from the others is kept.
 */
export const takingOver = (
  commands: Commands,
  streams: ReadonlyArray<string>,
): RunQueue["Service"]["takeOver"] =>
  Effect.fnUntraced(function* (worker, idleMs, limit) {
    const taken: Array<Ownership> = []
    const scan = Effect.fnUntraced(function* (stream: string) {
      let cursor = "0-0"
      do {
        const room = limit - taken.length
        if (room <= 0) return
        const claim = attempt(() => commands.xautoclaim(stream, GROUP, worker, idleMs, cursor, "COUNT", room))
        const [next, entries] = (yield* claim.pipe(unavailable("take over"))) as [
          string,
          ReadonlyArray<StreamEntry | null>,
        ]
        for (const entry of entries) if (entry !== null) taken.push(...readOwnership(worker, entry))
        cursor = next
      } while (cursor !== "0-0")
    })
    // A look costs less than a scan, and rarely finds anything.
    const idle = yield* silentIn(commands, streams, idleMs)
    const exits = yield* Effect.forEach(idle, (stream) => Effect.exit(inTime(scan(stream))))
    return taken.length > 0 ? taken : yield* Effect.as(Effect.all(exits), taken)
  })

/** A live worker reads the run queue all the time. One that was silent for this long is dead. */
export const LEFT_BEHIND_MS = 3_600_000

/** Killed workers: consumers of a stream that own nothing in it and were silent for `idleMs`. */
export const leftBehind = Effect.fnUntraced(function* (commands: Commands, stream: string, idleMs: number) {
  const consumers = (yield* attempt(() => commands.xinfo("CONSUMERS", stream, GROUP)).pipe(
    unavailable("list workers"),
  )) as ReadonlyArray<ReadonlyArray<unknown>>
  return consumers.flatMap((fields) => {
    const field = (name: string) => fields[fields.indexOf(name) + 1]
    const isLeftBehind = field("pending") === 0 && Number(field("idle")) >= idleMs
    return isLeftBehind ? [String(field("name"))] : []
  })
})
