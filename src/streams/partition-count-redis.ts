/**
 * How many partitions the deployment was created with. The id of a batch and this number determine where its log is. With
 * another number, existing batches would not be found, and a repeated request would open its batch, and pay, again.
 */
import { Effect, Schema } from "effect"
import type { RedisCommands } from "../platform/redis-client.ts"
import { attempt, type RedisUnavailable } from "../platform/redis-failure.ts"

/** PARTITIONS differs from the number that the deployment was created with. */
export class PartitionsChanged extends Schema.TaggedError<PartitionsChanged>()("PartitionsChanged", {
  created: Schema.String,
  given: Schema.String,
}) {
  override get message() {
    return `PARTITIONS: this deployment was created with ${this.created}, not ${this.given}: its batches would not be found`
  }
}

/** Stores the number at the first start, and refuses any other number at later starts. */
export const requirePartitionCount = Effect.fnUntraced(function* (
  redis: RedisCommands,
  prefix: string,
  partitions: number,
): Effect.fn.Return<void, PartitionsChanged | RedisUnavailable> {
  const key = `${prefix}:partitions`
  const given = String(partitions)
  yield* attempt(() => redis.set(key, given, "NX"))
  const created = yield* attempt(() => redis.get(key))
  if (created !== given) return yield* new PartitionsChanged({ created: created ?? "none", given })
})
