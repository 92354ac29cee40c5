/** How much waits for a worker, on Redis: one call of a function that only reads for each partition. */
import { Effect } from "effect"
import { onAll, type PartitionSteps } from "./partition-steps-redis.ts"
import type { QueueDepth } from "./queue-depth.ts"

export const queueDepth = ({ partitions, call }: PartitionSteps): QueueDepth["Service"] => ({
  depth: onAll(partitions, ({ ready, waiting, timers, open }) =>
    Effect.map(call("queue-depth", [ready, waiting, timers, open], []), (answer) => {
      const [batches, oldestMs] = answer as [number, number]
      return { batches, oldestMs }
    }),
  ).pipe(
    Effect.map((found) => ({
      batches: found.reduce((sum, { batches }) => sum + batches, 0),
      oldestMs: Math.max(...found.map(({ oldestMs }) => oldestMs)),
    })),
  ),
})
