import { Effect, Layer, Schedule } from "effect"
import { ClaimedAhead } from "./claimed-ahead.ts"
import { makeWakeUps, runDispatcher } from "./dispatcher.ts"
import { measureDue } from "./due-gauge.ts"
import { KnownHealth } from "./endpoint-health.ts"
import { runEndpointKeeper } from "./endpoint-keeper.ts"
import { runEventConsumer } from "./event-consumer.ts"
import { forgetExpiredSecrets } from "./expired-secrets.ts"
import { pruning } from "./pruning.ts"
import { replaying } from "./replaying.ts"

const RESTART_MS = 1_000

/**
 * The webhooks role: takes events from JetStream, delivers them, replays events from the logs, looks after endpoints, and removes
 * what is old, for as long as the layer lives. A part that fails, also
 * by a mistake of ours, is restarted. `retryDelaysMs` are the waits after each failed attempt; after the last, the delivery is dead.
 */
export const layerWith = (retryDelaysMs?: ReadonlyArray<number>) =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const wakeUps = yield* makeWakeUps
      const ahead = new ClaimedAhead()
      const known = new KnownHealth()
      yield* measureDue
      yield* Effect.forkScoped(restarting("webhook event consumer", runEventConsumer(wakeUps, ahead)))
      yield* Effect.forkScoped(restarting("forgetting of expired webhook secrets", forgetExpiredSecrets))
      yield* Effect.forkScoped(
        restarting("webhook dispatcher", runDispatcher(wakeUps, retryDelaysMs, ahead, known)),
      )
      yield* Effect.forkScoped(restarting("webhook endpoint keeper", runEndpointKeeper(known, ahead)))
      yield* Effect.forkScoped(restarting("webhook replays", replaying))
      yield* Effect.forkScoped(restarting("webhook pruning", pruning))
    }),
  )

export const layer = layerWith()

const restarting = <A, E extends { readonly step: string; readonly reason: string }, R>(
  part: string,
  run: Effect.Effect<A, E, R>,
) =>
  run.pipe(
    Effect.catchDefect((defect) => Effect.fail({ step: "defect", reason: String(defect) })),
    Effect.tapError(({ step, reason }) =>
      Effect.logWarning("restarting after a failure", { part, step, reason }),
    ),
    Effect.retry(Schedule.spaced(RESTART_MS)),
  )
