/** Removes old deliveries from time to time, for as long as the webhooks role lives. */
import { Effect, Schedule } from "effect"
import { AppConfig } from "../config.ts"
import { DeliveryLog } from "./delivery-log.ts"

const PRUNE_EVERY_MS = 600_000

/** Never ends. A round that fails is repeated with the next one. */
export const pruning = Effect.gen(function* () {
  const { deliveryAgeMsMax } = (yield* AppConfig).webhooks
  const { prune } = yield* DeliveryLog
  yield* prune(deliveryAgeMsMax).pipe(
    Effect.catchTag("StoreUnavailable", ({ step, reason }) =>
      Effect.logWarning("old deliveries are not removed yet", { step, reason }),
    ),
    Effect.repeat(Schedule.spaced(PRUNE_EVERY_MS)),
  )
})
