/** Webhooks: what waits, how soon they arrive, and the health of endpoints. */
import { callSeconds, type Definer } from "./metric-definition.ts"

/** What waits and which endpoints there are is looked at every five or ten seconds. */
const SHOWN_MS = 60_000

export const webhookMetrics = ({ by }: Definer) => {
  const webhooks = by("webhooks")
  return {
    firstWebhookSeconds: webhooks.histogram(
      "first_webhook_seconds",
      "Time from the append of an event to the 2xx of an endpoint that answered the first attempt",
      { buckets: [...callSeconds, 60, 300] },
    ),
    webhookDueOldestSeconds: webhooks.reading(
      "webhook_due_oldest_seconds",
      "For how long the oldest delivery that is due has not been attempted; 0 if none is due",
      { across: "max", shownForMs: SHOWN_MS },
    ),
    webhookEventsPending: webhooks.reading(
      "webhook_events_pending",
      "Events on the stream whose webhooks are not stored yet: they wait, or are being stored",
      { labels: ["state"], across: "max", shownForMs: SHOWN_MS },
    ),
    webhookMessagesRefused: webhooks.counter(
      "webhook_messages_refused_total",
      "Messages on the event stream refused for their seal or content: someone has to look",
      ["reason"],
    ),
    webhookEndpoints: webhooks.reading("webhook_endpoints", "Webhook endpoints by state", {
      labels: ["state"],
      across: "max",
      shownForMs: SHOWN_MS,
    }),
    webhookEndpointsDisabled: webhooks.counter(
      "webhook_endpoints_disabled_total",
      "Webhook endpoints that were disabled, by reason",
      ["reason"],
    ),
    webhookDeliveries: webhooks.counter("webhook_deliveries_total", "Attempts to deliver a webhook", [
      "outcome",
    ]),
  }
}
