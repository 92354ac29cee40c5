/** `<prefix>:taker` is the mark of the taker on Redis. It belongs to no partition. */
import { Effect, Layer } from "effect"
import { AppConfig } from "../config.ts"
import { RedisConnections } from "../platform/redis.ts"
import { attempt } from "../platform/redis-failure.ts"
import { inTime } from "./deadline.ts"
import { unavailable } from "./partition-steps-redis.ts"
import { TakerMark } from "./taker-mark.ts"

/** The mark of all workers that share REDIS_URL. */
export const layer = Layer.effect(
  TakerMark,
  Effect.gen(function* () {
    const key = `${(yield* AppConfig).redis.prefix}:taker`
    const { commands } = yield* RedisConnections
    const ask = <A>(step: string, command: () => Promise<A>) =>
      inTime(attempt(command).pipe(unavailable(step)))
    const orNone = (mark: string | null) => mark ?? undefined
    return {
      read: Effect.map(
        ask("read the taker", () => commands.get(key)),
        orNone,
      ),
      leave: (mark, keptMs) =>
        Effect.map(
          ask("become the taker", () => commands.set(key, mark, "PX", keptMs, "NX", "GET")),
          orNone,
        ),
      replace: (mark, keptMs) =>
        Effect.asVoid(ask("stay the taker", () => commands.set(key, mark, "PX", keptMs))),
      remove: Effect.asVoid(ask("end as the taker", () => commands.del(key))),
    }
  }),
)
