import { Redacted } from "effect"
import { expect, it } from "vitest"
import { AHEAD_MS_MAX, AHEAD_PER_ENDPOINT_MAX, ClaimedAhead } from "../../src/webhooks/claimed-ahead.ts"
import type { Delivery } from "../../src/webhooks/deliveries.ts"

const NOW = 1_000_000

const deliveryOf = (endpoint: string, number: number): Delivery => ({
  eventId: `${endpoint}:${number}`,
  endpoint,
  partner: "acme",
  host: endpoint,
  url: `https://${endpoint}/`,
  secret: Redacted.make(`whsec_${Buffer.alloc(32).toString("base64")}`),
  body: "{}",
  attempts: 0,
  dueAt: "2026-01-01 00:00:00+00",
  claimedUntil: "2026-01-01 00:00:25+00",
})
const deliveriesOf = (endpoint: string, count: number) =>
  Array.from({ length: count }, (_, index) => deliveryOf(endpoint, index + 1))

const open = (took: Readonly<Record<string, number>> = {}) => {
  const ahead = new ClaimedAhead()
  ahead.onAdded = () => {}
  for (const [endpoint, count] of Object.entries(took))
    for (let nth = 0; nth < count; nth += 1) ahead.took(endpoint, NOW)
  return ahead
}
const takeAll = (ahead: ClaimedAhead, now = NOW, mayHaveMore = (_: { endpoint: string }) => true) => {
  const taken: Array<string> = []
  for (let one = ahead.take(mayHaveMore, now); one !== undefined; one = ahead.take(mayHaveMore, now))
    taken.push(one.eventId)
  return taken
}

it("claims ahead only for endpoints that took deliveries lately, and as many", () => {
  const ahead = open({ quick: 40, slow: 3 })
  expect(ahead.rooms(NOW)).toEqual(
    new Map([
      ["quick", 40],
      ["slow", 3],
    ]),
  )
  expect(ahead.rooms(NOW + 10_000)).toEqual(new Map())
  ahead.refused("quick")
  expect(ahead.rooms(NOW)).toEqual(new Map([["slow", 3]]))
})

it("claims nothing ahead while nobody would send it, or what is older is being claimed", () => {
  const ahead = open({ quick: 40 })
  ahead.beingClaimed = new Set(["quick"])
  expect(ahead.rooms(NOW)).toEqual(new Map())
  ahead.beingClaimed = new Set()
  ahead.onAdded = undefined
  expect(ahead.rooms(NOW)).toEqual(new Map())
})

it("is bounded for an endpoint and in all, also by what waits already", () => {
  const ahead = open(Object.fromEntries(Array.from({ length: 10 }, (_, index) => [`e${index}`, 1_000])))
  const rooms = [...ahead.rooms(NOW).values()]
  expect(Math.max(...rooms)).toBe(AHEAD_PER_ENDPOINT_MAX)
  expect(rooms.reduce((sum, room) => sum + room, 0)).toBe(512)
  ahead.add(deliveriesOf("e0", 500), NOW)
  expect(ahead.roomsOf(["e0", "e1", "e2"], NOW)).toEqual(new Map([["e1", 12]]))
})

it("gives each endpoint's deliveries in order, endpoints in turns, and passes over those without a place", () => {
  const ahead = open()
  ahead.add([...deliveriesOf("one", 3), ...deliveriesOf("two", 2), ...deliveriesOf("full", 2)], NOW)
  expect(takeAll(ahead, NOW, ({ endpoint }) => endpoint !== "full")).toEqual([
    "one:1",
    "two:1",
    "one:2",
    "two:2",
    "one:3",
  ])
  expect(ahead.endpoints).toEqual(["full"])
})

it("starts nothing late: it gives it back, with what is behind it, and claims no more for that endpoint", () => {
  const ahead = open({ stuck: 20, quick: 20 })
  ahead.add(deliveriesOf("stuck", 2), NOW)
  const late = NOW + AHEAD_MS_MAX + 1
  ahead.add([deliveryOf("stuck", 3), deliveryOf("quick", 1)], late)
  expect(takeAll(ahead, late)).toEqual(["quick:1"])
  expect(ahead.takeLate(late).map(({ eventId }) => eventId)).toEqual(["stuck:1", "stuck:2", "stuck:3"])
  expect(ahead.roomsOf(["stuck"], NOW)).toEqual(new Map())
  expect(ahead.takeLate(late)).toEqual([])
  expect(ahead.takeAll()).toEqual([])
})

const inOrder = (endpoint: string, batch: string, count: number) =>
  deliveriesOf(endpoint, count).map((one) => ({ ...one, batch, eventId: `${batch}:${one.eventId}` }))

it("gives one delivery of a batch in order at a time, and others beside it", () => {
  const ahead = open()
  ahead.add([...inOrder("one", "a", 2), ...inOrder("one", "b", 1), ...deliveriesOf("two", 1)], NOW)
  expect(takeAll(ahead)).toEqual(["a:one:1", "two:1", "b:one:1"])
  ahead.ended({ ...deliveryOf("one", 1), batch: "b" }, true)
  expect(takeAll(ahead)).toEqual([])
  ahead.ended({ ...deliveryOf("one", 1), batch: "a" }, true)
  expect(takeAll(ahead)).toEqual(["a:one:2"])
})

it("gives back what is behind a delivery of its batch that did not arrive", () => {
  const ahead = open()
  ahead.add([...inOrder("one", "a", 3), ...inOrder("one", "b", 2)], NOW)
  expect(takeAll(ahead)).toEqual(["a:one:1", "b:one:1"])
  ahead.ended({ ...deliveryOf("one", 1), batch: "a" }, false)
  expect(takeAll(ahead)).toEqual([])
  expect(ahead.takeLate(NOW).map(({ eventId }) => eventId)).toEqual(["a:one:2", "a:one:3"])
  ahead.ended({ ...deliveryOf("one", 1), batch: "b" }, true)
  expect(takeAll(ahead)).toEqual(["b:one:2"])
})

it("gives back all that waits for an endpoint that must not be called, and counts what is left", () => {
  const ahead = open({ one: 3, two: 3 })
  ahead.add([...deliveriesOf("one", 3), ...deliveriesOf("two", 1)], NOW)
  ahead.giveBack("one")
  expect(ahead.roomsOf(["one", "two"], NOW)).toEqual(
    new Map([
      ["one", 3],
      ["two", 2],
    ]),
  )
  expect(takeAll(ahead)).toEqual(["two:1"])
  expect(ahead.takeAll().map(({ eventId }) => eventId)).toEqual(["one:1", "one:2", "one:3"])
})

it("starts nothing later behind a delivery that was cut off when it stopped", () => {
  const ahead = open()
  ahead.add([...inOrder("one", "a", 2), ...inOrder("two", "b", 1)], NOW)
  expect(takeAll(ahead, NOW, ({ endpoint }) => endpoint === "one")).toEqual(["a:one:1"])
  ahead.stop()
  ahead.onAdded = () => {}
  expect(takeAll(ahead)).toEqual(["b:two:1"])
  expect(ahead.takeLate(NOW).map(({ eventId }) => eventId)).toEqual(["a:one:2"])
})
