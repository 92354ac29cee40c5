/** How many events of the stream have no stored deliveries yet, for metrics; and whether the consumer is still there. */
import type { ConsumerInfo } from "@nats-io/jetstream"
import { Effect } from "effect"
import { natsStep } from "../platform/nats.ts"
import { nextBeat } from "../telemetry/beat.ts"
import { Metrics } from "../telemetry/metrics.ts"
import { countingFailures } from "../telemetry/readings.ts"

const EVERY_MS = 5_000

/** The names that the client library gives to errors about what is not there. */
const isGone = /^(?:Consumer|Stream)NotFoundError/

/**
 * Keeps the gauge up to date. Fails once the consumer or its stream is gone: whoever receives from the consumer notices that only
 * after the better part of a minute.
 */
export const measureInbox = Effect.fnUntraced(function* (consumer: {
  readonly info: () => Promise<ConsumerInfo>
}) {
  const { webhookEventsPending } = yield* Metrics
  const measure = Effect.map(
    natsStep("look at the consumer", () => consumer.info()),
    ({ num_pending, num_ack_pending }) => {
      webhookEventsPending.set({ state: "waiting" }, num_pending)
      webhookEventsPending.set({ state: "being-stored" }, num_ack_pending)
    },
  )
  yield* measure.pipe(
    yield* countingFailures("webhook-events"),
    Effect.catchTag("StoreUnavailable", (failure) =>
      isGone.test(failure.reason)
        ? Effect.fail(failure)
        : Effect.logWarning("the events that wait for their webhooks are not counted", {
            step: failure.step,
            reason: failure.reason,
          }),
    ),
    Effect.andThen(nextBeat(EVERY_MS)),
    Effect.forever,
  )
})
