/** How many events of the stream have no stored deliveries yet, for metrics. */
import type { ConsumerInfo } from "@nats-io/jetstream"
import { Effect, Schedule } from "effect"
import { natsStep } from "../platform/nats.ts"
import { Metrics } from "../telemetry/metrics.ts"

const EVERY_MS = 10_000

/** Keeps the gauge up to date, for as long as the consumer is used. */
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
    Effect.catchTag("StoreUnavailable", ({ step, reason }) =>
      Effect.logWarning("the events that wait for their webhooks are not counted", { step, reason }),
    ),
    Effect.repeat(Schedule.spaced(EVERY_MS)),
  )
})
