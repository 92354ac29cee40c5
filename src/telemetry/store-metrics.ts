/** Redis and Postgres as the service sees them: memory, durability, replicas, lost history, clocks. */
import type { Definer } from "./metric-definition.ts"

/** Stores are looked at every ten seconds. */
const SHOWN_MS = 60_000

export const storeMetrics = ({ by }: Definer) => {
  const worker = by("worker")
  const watching = by("api", "worker", "bank-files")
  return {
    redisMemory: worker.reading("redis_memory_bytes", "Memory that a primary of Redis uses", {
      labels: ["server"],
      across: "max",
      shownForMs: SHOWN_MS,
    }),
    redisMemoryMax: worker.reading(
      "redis_memory_max_bytes",
      "Memory that a primary of Redis may use; 0 without a limit",
      { labels: ["server"], across: "max", shownForMs: SHOWN_MS },
    ),
    redisDurability: worker.reading(
      "redis_durability",
      "1 if a guarantee holds on every primary of Redis, 0 if not; absent if it cannot be read",
      { labels: ["flag"], across: "min", shownForMs: SHOWN_MS },
    ),
    redisReplicas: worker.reading("redis_replicas", "Replicas that follow a primary of Redis", {
      labels: ["server"],
      across: "min",
      shownForMs: SHOWN_MS,
    }),
    redisReplicasWanted: worker.gauge(
      "redis_replicas_wanted",
      "Replicas that must have an append before money moves because of it",
      { across: "max" },
    ),
    postgresStandbysWanted: by("projector").gauge(
      "postgres_standbys_wanted",
      "Synchronous standbys that a commit of Postgres has to wait for",
      { across: "max" },
    ),
    postgresStandbys: by("projector").reading(
      "postgres_standbys",
      "Synchronous standbys of Postgres that are connected; absent if none are wanted",
      { across: "min", shownForMs: SHOWN_MS },
    ),
    lostPartitions: watching.reading(
      "lost_partitions",
      "Partitions that pay nobody because a store lost history: page someone unless it is 0",
      { across: "max", shownForMs: SHOWN_MS },
    ),
    paymentsWithheld: watching.gauge(
      "payments_withheld",
      "1 while this process pays nobody, or not in all partitions, for a reason that is no lost history: page someone unless it is 0",
      { labels: ["reason"], across: "each" },
    ),
    clockOffset: watching.reading(
      "clock_offset_seconds",
      "Difference between the clock of this process and that of the store that differs most, as far as it is certain",
      { across: "each", shownForMs: SHOWN_MS },
    ),
  }
}
