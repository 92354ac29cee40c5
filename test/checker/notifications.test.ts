/** The checker of events and webhooks finds what it looks for: each story here is sound but for one thing. */
import { Webhook } from "standardwebhooks"
import { describe, expect, it } from "vitest"
import { type NotificationEvidence, notificationViolations } from "./notifications.ts"
import { BATCH, logOf, story } from "./sound-story.ts"

const secret = `whsec_${Buffer.alloc(32, 1).toString("base64")}`
const [received, ...rest] = story
const entries = logOf([{ ...received, partner: "umbrella" }, ...rest])

const bodyOf = (version: number, sequence: number, type: string, data: object = {}, item?: number) =>
  JSON.stringify({
    id: `${BATCH}:${version}`,
    type,
    subject: item === undefined ? BATCH : `${BATCH}/${item}`,
    partner: "umbrella",
    sequence: `000000000${sequence}`,
    data: { batchId: BATCH, partner: "umbrella", ...data },
  })
const payout = { item: 1, itemReference: "invoice-1", amount: { currency: "EUR", value: "10.25" } }
const accepted = bodyOf(2, 1, "com.atlaspay.payout-batch.accepted.v1")
const settled = bodyOf(9, 2, "com.atlaspay.payout.settled.v1", payout, 1)
const closed = bodyOf(10, 3, "com.atlaspay.payout-batch.closed.v1")
const subject = (name: string) => `t.events.umbrella.${BATCH}.${name}`
const messages = [
  { subject: subject("PayoutBatchAccepted"), body: accepted },
  { subject: subject("PayoutSettled"), body: settled },
  { subject: subject("PayoutBatchClosed"), body: closed },
]

const idOf = (body: string) => (JSON.parse(body) as { readonly id: string }).id
const requestOf = (body: string, key = secret, endpoint = "we_1") => ({
  endpoint,
  body,
  answered: 204,
  headers: {
    "webhook-id": idOf(body),
    "webhook-timestamp": "1000",
    "webhook-signature": new Webhook(key).sign(idOf(body), new Date(1_000_000), body),
  },
})
const rowOf = (body: string) => ({
  eventId: idOf(body),
  endpoint: "we_1",
  state: "delivered",
  attempts: 1,
  partner: "umbrella",
  body,
})

const bodies = [accepted, settled, closed]
const sound: NotificationEvidence = {
  logs: new Map([[BATCH, entries]]),
  stream: "T",
  messages,
  endpoints: [
    { id: "we_1", partner: "umbrella", secret },
    { id: "we_2", partner: "globex", secret },
  ],
  deliveries: bodies.map(rowOf),
  requests: bodies.map((body) => requestOf(body)),
  attemptsMax: 9,
}

const changed = (body: string, change: object) =>
  JSON.stringify({ ...(JSON.parse(body) as object), ...change })
const [first, second, third] = messages
const others = bodies.slice(1)
/** An ordered endpoint. */
const ordered = {
  endpoints: sound.endpoints.map((one) => ({ ...one, isOrdered: true })),
}
/** A row or a request of the first event in place of the sound one. */
const row = (change: object) => ({ deliveries: [{ ...rowOf(accepted), ...change }, ...others.map(rowOf)] })
const request = (...some: NotificationEvidence["requests"]) => ({
  requests: [...some, ...others.map((body) => requestOf(body))],
})
const streamed = (...some: ReadonlyArray<(typeof messages)[number] | undefined>) => ({
  messages: some.filter((one) => one !== undefined),
})

describe("the checker of notifications", () => {
  it("has nothing to say of a sound story, nor of repetitions", () => {
    expect(notificationViolations(sound)).toEqual([])
    const repeated = {
      ...streamed(first, second, first, third, second),
      ...request(...[1, 2].map(() => requestOf(accepted))),
    }
    expect(notificationViolations({ ...sound, ...repeated })).toEqual([])
  })

  it("minds no repetition at an ordered endpoint, nor what follows an event that was given up", () => {
    const again = { requests: [...sound.requests, requestOf(accepted)] }
    expect(notificationViolations({ ...sound, ...ordered, ...again })).toEqual([])
    const refused = request(...Array.from({ length: 9 }, () => ({ ...requestOf(accepted), answered: 500 })))
    const givenUp = { ...refused, ...row({ state: "dead", attempts: 9 }) }
    expect(notificationViolations({ ...sound, ...ordered, ...givenUp })).toEqual([])
  })

  it.each<readonly [what: string, change: Partial<NotificationEvidence>, said: string]>([
    ["an event that is not in the stream", streamed(first, third), "PayoutSettled is not in the stream"],
    ["events out of order", streamed(second, first, third), "is not in order"],
    [
      "two bodies of one event",
      streamed(first, { subject: "t", body: changed(accepted, { extra: 1 }) }, second, third),
      "two bodies",
    ],
    [
      "an event of no entry",
      streamed(first, second, third, { subject: subject("PayoutHeld"), body: bodyOf(4, 4, "x") }),
      "no entry publishes it",
    ],
    ["an event of no log", { logs: new Map() }, "its batch in no log"],
    [
      "an event on another subject",
      streamed({ subject: subject("PayoutSettled"), body: accepted }, second, third),
      "is under",
    ],
    [
      "another amount",
      streamed(first, { subject: subject("PayoutSettled"), body: settled.replace("10.25", "10.26") }, third),
      "amount",
    ],
    [
      "another sequence",
      streamed({ subject: subject("PayoutBatchAccepted"), body: bodyOf(2, 2, "x") }, second, third),
      "sequence",
    ],
    [
      "another partner",
      streamed(
        { subject: first?.subject ?? "", body: accepted.replaceAll("umbrella", "globex") },
        second,
        third,
      ),
      "partner",
    ],
    ["an event without a delivery", { deliveries: others.map(rowOf) }, "has no delivery to we_1"],
    ["a delivery to another partner's endpoint", row({ endpoint: "we_2" }), "that nobody wants"],
    ["a delivery to nobody's endpoint", row({ endpoint: "we_3" }), "which nobody added"],
    ["a delivery that waits", row({ state: "pending" }), "is pending after 1 attempts"],
    ["a delivery that was given up early", row({ state: "dead", attempts: 8 }), "is dead after 8 attempts"],
    ["a delivery that did not arrive", request(), "which never took it"],
    [
      "a delivery that was refused",
      request({ ...requestOf(accepted), answered: 500 }),
      "which never took it",
    ],
    [
      "another's signature",
      request(requestOf(accepted, `whsec_${Buffer.alloc(32, 2).toString("base64")}`)),
      "without a valid signature",
    ],
    ["another body", request(requestOf(changed(accepted, { extra: 1 }))), "with another body"],
    [
      "another partner's event",
      request(requestOf(accepted), requestOf(accepted, secret, "we_2")),
      "names umbrella, and came to globex",
    ],
    [
      "an event that overtakes one that did not arrive yet",
      {
        ...ordered,
        ...request({ ...requestOf(accepted), answered: 500 }, requestOf(settled), requestOf(accepted)),
      },
      `${idOf(settled)} came to we_1 before ${idOf(accepted)} had arrived`,
    ],
    [
      "an item that ended without an event",
      {
        logs: new Map([
          [
            BATCH,
            logOf([
              { ...received, partner: "umbrella" },
              ...rest.map((one) =>
                one._tag === "TransferSettled"
                  ? { ...one, item: 1, _tag: "ItemsCancelled", items: [1] }
                  : one,
              ),
            ]),
          ],
        ]),
      },
      "no entry publishes it",
    ],
  ])("sees %s", (_, change, said) => {
    expect(notificationViolations({ ...sound, ...change }).join("\n")).toContain(said)
  })
})
