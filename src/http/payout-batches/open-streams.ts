/** The event streams that are open in this process: their number is limited, and they end when the process stops. */
import { Context, Deferred, Effect, Layer } from "effect"
import { AppConfig } from "../../config.ts"
import { TooManyRequests } from "../edge/failures.ts"

const RETRY_AFTER_SECONDS = 5

export class OpenStreams extends Context.Service<
  OpenStreams,
  {
    /** Counts a stream of an owner in, or refuses it. Gives what counts it out again. */
    readonly open: (owner: string) => Effect.Effect<() => void, TooManyRequests>
    /** Waits until the process stops. */
    readonly stopping: Effect.Effect<void>
    /** Ends all streams. Those that are open say so to their clients, which find another process. */
    readonly stop: Effect.Effect<void>
  }
>()("atlaspay/http/OpenStreams") {
  static readonly layer = Layer.effect(
    OpenStreams,
    Effect.gen(function* () {
      const { eventStreamsMax, eventStreamsPerPartnerMax } = (yield* AppConfig).http
      const stopped = yield* Deferred.make<void>()
      const byOwner = new Map<string, number>()
      let all = 0
      return OpenStreams.of({
        open: (owner) =>
          Effect.suspend(() => {
            const own = byOwner.get(owner) ?? 0
            if (all >= eventStreamsMax || own >= eventStreamsPerPartnerMax)
              return new TooManyRequests({ what: "event streams", retryAfterSeconds: RETRY_AFTER_SECONDS })
            all += 1
            byOwner.set(owner, own + 1)
            return Effect.succeed(() => {
              all -= 1
              const left = (byOwner.get(owner) ?? 1) - 1
              if (left === 0) byOwner.delete(owner)
              else byOwner.set(owner, left)
            })
          }),
        stopping: Deferred.await(stopped),
        stop: Effect.asVoid(Deferred.succeed(stopped, undefined)),
      })
    }),
  )
}
