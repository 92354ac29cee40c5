/** The relay would try for ever to publish an event that the stream does not take. */
import { assert, layer } from "@effect/vitest"
import { codes } from "currency-codes"
import { Effect, Schema } from "effect"
import { AppConfig } from "../../src/config.ts"
import { Currency, MINOR_UNITS_MAX } from "../../src/domain/money.ts"
import { TEXT_LENGTH_MAX } from "../../src/domain/outside-text.ts"
import { eventMessages } from "../../src/publisher/event-message.ts"
import type { PublicEvent } from "../../src/publisher/public-event.ts"
import { settings } from "../settings.ts"
import { eventsOf } from "../webhooks/webhook-platform.ts"

const MESSAGE_BYTES_MAX = 64 * 1024
const ITEMS_MAX = 100_000

/** The longest value that a sum can have: that of all items at their limit, with a point. */
const LONGEST_SUM = `${MINOR_UNITS_MAX * BigInt(ITEMS_MAX)}.`

layer(settings())("the largest events", (it) => {
  it.effect("fit into a message, with their headers", () =>
    Effect.gen(function* () {
      const { write } = eventMessages(yield* AppConfig)
      const [{ partner: _, ...event }] = eventsOf("p") as [PublicEvent]
      const text = "\u{1d11e}".repeat(TEXT_LENGTH_MAX)
      const totals = Object.fromEntries(
        codes()
          .filter(Schema.is(Currency))
          .map((currency) => [
            currency,
            {
              accepted: LONGEST_SUM,
              settled: LONGEST_SUM,
              failed: LONGEST_SUM,
              returned: LONGEST_SUM,
              rejected: LONGEST_SUM,
              cancelled: LONGEST_SUM,
            },
          ]),
      )
      assert.isAbove(Object.keys(totals).length, 100)
      const largest = {
        ...event,
        partner: "p".repeat(64),
        traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-01`,
        type: "com.atlaspay.payout-batch.closed.v1",
        data: { ...event.data, reference: text, reason: text, by: text, state: "partially-settled", totals },
      } as unknown as PublicEvent
      const { subject, id, headers, body } = write(largest, Date.now())
      const bytes =
        [...headers].flat(2).join("").length + 4 * headers.keys().length + id.length + subject.length
      assert.isBelow(Buffer.byteLength(body) + bytes, MESSAGE_BYTES_MAX)
    }),
  )
})
