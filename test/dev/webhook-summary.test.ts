import { expect, it } from "vitest"
import type { ListedDelivery } from "../../src/client/command-client.ts"
import {
  attemptLines,
  webhookDisagreements,
  webhookSums,
  webhookTable,
} from "../../src/dev/webhook-summary.ts"

const delivery = (
  event: string,
  state: ListedDelivery["state"] = "delivered",
  attempts = 1,
  eventType = "settled",
): ListedDelivery => ({ event, eventType, state, attempts })

const received = (...webhooks: ReadonlyArray<readonly [id: string, times?: number, type?: string]>) => ({
  altered: 0,
  verified: new Map(webhooks.map(([id, times = 1, type = "settled"]) => [id, { type, times, body: "" }])),
})

const cells = (line: string | undefined) => line?.trim().split(/\s+/)

it("counts deliveries and what the receiver verified by event type", () => {
  const deliveries = [
    delivery("e1", "delivered", 1, "accepted"),
    delivery("e2", "delivered", 3),
    delivery("e3", "pending", 2),
    delivery("e4", "dead", 11),
  ]
  const webhooks = received(["e1", 1, "accepted"], ["e2", 2], ["e9", 1, "returned"])
  const [header, accepted, settled, returned, ...more] = webhookTable(webhookSums(deliveries, webhooks))
  expect(header).toContain("receiver: verified")
  expect(cells(accepted)).toEqual(["accepted", "1", "1", "0", "0", "1", "1", "0"])
  expect(cells(settled)).toEqual(["settled", "3", "1", "1", "1", "16", "1", "1"])
  expect(cells(returned)).toEqual(["returned", "0", "0", "0", "0", "0", "1", "0"])
  expect(more).toEqual([])
})

it("finds nothing wrong if each delivery arrived, however often", () => {
  expect(webhookDisagreements([delivery("e1"), delivery("e2")], received(["e1", 3], ["e2"]))).toEqual([])
})

it.each([
  [
    "what has not arrived",
    [delivery("e1"), delivery("e2", "pending"), delivery("e3", "dead")],
    received(["e1"]),
    ["2 deliveries of webhooks have not arrived, by their log"],
  ],
  [
    "what was verified and is in no log",
    [delivery("e1")],
    received(["e1"], ["e2"]),
    ["1 webhooks were verified and are in no delivery"],
  ],
  [
    "what is said to have arrived and did not",
    [delivery("e1"), delivery("e2")],
    received(["e1"]),
    ["1 deliveries say that they arrived, and the receiver has no webhook of them"],
  ],
  [
    "what came with another body",
    [delivery("e1")],
    { ...received(["e1", 2]), altered: 1 },
    ["1 webhooks came again with another body"],
  ],
])("names %s", (_, deliveries, webhooks, problems) => {
  expect(webhookDisagreements(deliveries, webhooks)).toEqual(problems)
})

it("shows each attempt with its status, or with its error where there was no answer", () => {
  const [, first, second] = attemptLines([
    { number: 1, at: "2026-11-28T08:00:00.000Z", durationMs: 15_000, error: "timeout" },
    { number: 2, at: "2026-11-28T08:00:05.000Z", durationMs: null, status: 204, error: null },
  ])
  expect(cells(first)).toEqual(["1", "2026-11-28T08:00:00.000Z", "15000", "ms", "timeout"])
  expect(cells(second)).toEqual(["2", "2026-11-28T08:00:05.000Z", "204"])
})
