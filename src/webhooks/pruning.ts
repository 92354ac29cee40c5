/** Removes old deliveries from time to time, for as long as the webhooks role lives. */
import { Effect } from "effect"
import { AppConfig } from "../config.ts"
import { DeliveryLog } from "./delivery-log.ts"

const PRUNE_EVERY_MS = 600_000
/** While more is old than one round removes: at 1,000 deliveries a second, half a million become old in less than ten minutes. */
const GO_ON_MS = 1_000

/** Never ends. A round that fails is repeated with the next one. */
export const pruning = Effect.gen(function* () {
  const { deliveryAgeMsMax } = (yield* AppConfig).webhooks
  const { prune } = yield* DeliveryLog
  const round = prune(deliveryAgeMsMax).pipe(
    Effect.map(({ isComplete }) => isComplete),
    Effect.catchTag("StoreUnavailable", ({ step, reason }) =>
      Effect.as(Effect.logWarning("old deliveries are not removed yet", { step, reason }), true),
    ),
  )
  while (true) {
    const isComplete = yield* round
    yield* Effect.sleep(isComplete ? PRUNE_EVERY_MS : GO_ON_MS)
  }
})
