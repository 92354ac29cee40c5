/**
 * How many partitions the deployment was created with. A batch is looked for where its id leads to, so with another number
 * those that are there would not be found, and a repeated request would open its batch anew.
 */
import { Effect, Schema } from "effect"
import type { RedisCommands } from "../platform/redis-client.ts"
import { attempt, type RedisUnavailable } from "../platform/redis-failure.ts"

/** PARTITIONS is another number than the one that the deployment was created with. */
export class PartitionsChanged extends Schema.TaggedError<PartitionsChanged>()("PartitionsChanged", {
  created: Schema.String,
  given: Schema.String,
}) {
  override get message() {
    return `PARTITIONS: this deployment was created with ${this.created}, not ${this.given}: its batches would not be found`
  }
}

/** Keeps the number at the first start, and holds every later one to it. */
export const heldToPartitions = Effect.fnUntraced(function* (
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
