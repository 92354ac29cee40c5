/** Webhooks to partners. */
import { Array as Arr } from "effect"
import { day, duration, durations, flag, hour, seconds } from "./kinds.ts"
import { all, setting } from "./setting.ts"

export const webhooks = all({
  allowPrivate: setting(
    "WEBHOOKS_ALLOW_PRIVATE",
    flag,
    "allows endpoints with plain HTTP and on private addresses. For a laptop, never for production",
  ),
  timeoutMs: setting("WEBHOOK_TIMEOUT_MS", duration(15 * seconds), [
    "how long an endpoint may take to answer. What a process had claimed when it died is sent ten",
    "seconds after this; an [ordered endpoint](WEBHOOKS.md#in-order) waits for it with the rest of its",
    "batch",
  ]),
  disableAfterMs: setting("WEBHOOK_DISABLE_AFTER_MS", duration(120 * hour, 2_160 * hour, hour), [
    "how long nothing may arrive at an endpoint before it is",
    "[disabled](WEBHOOKS.md#when-nothing-arrives). Its partner is notified at",
    "half of it",
  ]),
  deliveryAgeMsMax: setting("WEBHOOK_DELIVERY_AGE_MS_MAX", duration(30 * day, 366 * day, 7 * day), [
    "how long deliveries that ended are kept, from when they were stored.",
    "Events that are older are only delivered by a [replay](WEBHOOKS.md#sending-again)",
  ]),
  retryDelaysMs: setting(
    "WEBHOOK_RETRY_DELAYS_MS",
    durations(
      Arr.map(
        Arr.make(5, 60, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400),
        (wait) => wait * seconds,
      ),
    ),
    [
      "the waits before retries; after the last one a delivery is dead. The default is",
      "the [schedule that partners know](WEBHOOKS.md#attempts)",
    ],
  ),
})
