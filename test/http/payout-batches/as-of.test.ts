/** `?asOf=`: a batch as it was, at every version and time of its log. */
import { Context, Effect, Result } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { BatchEvent } from "../../../src/domain/events.ts"
import type { BatchId } from "../../../src/domain/identifiers.ts"
import type { Moment } from "../../../src/domain/moment.ts"
import { batchIdOf } from "../../../src/http/payout-batches/batch-identity.ts"
import { PastFolds } from "../../../src/http/payout-batches/past-folds.ts"
import {
  emptyPast,
  foldPast,
  type PastBatch,
  pastBatch,
  pastItems,
} from "../../../src/projections/past-batch.ts"
import { beginningOf } from "../../../src/streams/event-range.ts"
import { EventStore, type LoggedEvent } from "../../../src/streams/event-store.ts"
import { linked } from "../../../src/streams/hash-chain.ts"
import { liveThrough, step, terms } from "../../domain/batch-sequences.ts"
import { batchId, type CommandWithoutTime, Story } from "../../domain/batch-story.ts"
import { appendRest, lifeOf, newBatchId, open } from "../../projections/batch-life.ts"
import { fc } from "../../property.ts"
import { ApiUnderTest, acme, globex, olga } from "../api-under-test.ts"
import { readModels } from "../read-models.ts"

const loggedOf = (id: BatchId, events: ReadonlyArray<BatchEvent>): ReadonlyArray<LoggedEvent> =>
  linked(beginningOf(id).head, events).map(({ hash }, index) => ({
    version: index + 1,
    event: events[index] as BatchEvent,
    hash,
  }))

/** Past states of a log in memory, which says how many of its events were read. */
const pastOf = (given: ReadonlyArray<BatchEvent>) => {
  const log = { events: loggedOf(batchId, given), read: 0 }
  const read: EventStore["Service"]["read"] = (_, after, limit) =>
    Effect.sync(() => {
      const found = log.events.slice(after, after + limit)
      log.read += found.length
      return found
    })
  const folds = new PastFolds({ read } as EventStore["Service"])
  const shown = (moment: Moment) => Effect.runPromise(folds.show(batchId, moment, shownOf))
  return Object.assign(log, { shown })
}

const whole = { after: 0, countMax: 500 }
const shownOf = (fold: Readonly<PastBatch>) =>
  fold.batch.version === 0
    ? "nothing"
    : {
        batch: pastBatch(batchId, fold),
        items: pastItems(batchId, fold, {}, whole),
        at: fold.batch.updatedAt,
      }

const shownAfter = (events: ReadonlyArray<LoggedEvent>) => {
  const fold = emptyPast(batchId)
  for (const recorded of events) foldPast(fold, recorded)
  return shownOf(fold)
}

/** A log of commands in any order. */
const someLog = fc.tuple(terms, fc.array(step, { minLength: 10, maxLength: 40 })).map(([terms, steps]) => {
  const story = new Story()
  const live = (command: CommandWithoutTime): void => {
    if (Result.isSuccess(story.decide(command))) {
      story.now -= 1
      story.tell(command)
    }
  }
  liveThrough(story, terms, steps, live)
  return story.events
})

describe("the state as of", () => {
  it("any version is the fold of the events up to it, and as of a time that of its last version", async () => {
    const order = fc.array(fc.nat(), { minLength: 4, maxLength: 4 })
    await fc.assert(
      fc.asyncProperty(someLog, order, async (events, picks) => {
        const log = pastOf(events)
        const every = Array.from({ length: events.length }, (_, index) => index + 1)
        // Forwards, and then back and forth.
        for (const version of [...every, ...picks.map((pick) => (pick % events.length) + 1)]) {
          const expected = shownAfter(log.events.slice(0, version))
          expect(await log.shown({ version })).toEqual(expected)
        }
        for (const pick of picks) {
          const at = (log.events[pick % events.length]?.event.at ?? 0) - (pick % 3 === 0 ? 1 : 0)
          const later = log.events.findIndex(({ event }) => event.at > at)
          const version = later === -1 ? events.length : later
          expect(await log.shown({ instant: at })).toEqual(shownAfter(log.events.slice(0, version)))
        }
      }),
      { numRuns: 60 },
    )
  })

  it("a version beyond the end is the last one, and before the first event nothing", async () => {
    const { events } = lifeOf("acme", 8)
    const log = pastOf(events)
    expect(await log.shown({ version: 1_000 })).toEqual(shownAfter(log.events))
    expect(await log.shown({ instant: (events[0]?.at ?? 0) - 1 })).toBe("nothing")
  })

  it("a time has no event that is later, also where clocks differ", async () => {
    const { events } = lifeOf("acme", 8)
    const skewed = events.map((event, index) => (index === 4 ? { ...event, at: event.at + 1_000 } : event))
    const log = pastOf(skewed)
    const at = skewed[9]?.at ?? 0
    expect(await log.shown({ instant: at })).toEqual(shownAfter(log.events.slice(0, 4)))
    expect(await log.shown({ version: 10 })).toEqual(shownAfter(log.events.slice(0, 10)))
    expect(await log.shown({ instant: at }), "after a later version was kept").toEqual(
      shownAfter(log.events.slice(0, 4)),
    )
  })

  it("the same version is not read again, and a log that came back with another history is", async () => {
    const { events } = lifeOf("acme", 8)
    const log = pastOf(events)
    await log.shown({ version: 12 })
    log.read = 0
    await log.shown({ version: 12 })
    expect(log.read, "its last event").toBe(1)
    log.read = 0
    await log.shown({ version: 14 })
    expect(log.read, "that one, and two more").toBe(3)
    const [first, ...others] = events
    log.events = loggedOf(batchId, [{ ...(first as BatchEvent), at: 5 }, ...others])
    expect(await log.shown({ version: 14 })).toEqual(shownAfter(log.events.slice(0, 14)))
  })
})

describe("over HTTP", () => {
  const id = batchIdOf("acme", "past")
  const { events } = lifeOf("acme", 12)
  const last = events.length
  const timeOf = (version: number, laterMs = 0) =>
    new Date((events[version - 1]?.at ?? 0) + laterMs).toISOString()
  const seen = { bank: "north", attempt: 1, kind: "reason", text: "closed" } as const
  let api: ApiUnderTest
  let read = 0

  beforeAll(async () => {
    const item = {} as never
    const remarks = [1, last].map((version) => ({ ...seen, seenAt: events[version - 1]?.at ?? 0 }))
    api = await ApiUnderTest.open({
      queries: readModels({ item: () => Effect.succeed({ item, remarks: remarks as never }) }),
    })
    await Effect.runPromise(api.log.open(id, events, "a life"))
    const store = Context.get(api.streams, EventStore)
    const { read: reading } = store
    Object.assign(store, {
      read: (...of: Parameters<typeof reading>) =>
        Effect.tap(reading(...of), (found) =>
          Effect.sync(() => {
            read += found.length
          }),
        ),
    })
  })
  afterAll(() => api?.[Symbol.asyncDispose]())

  const get = (path: string, key = acme) => api.get(`/payout-batches/${id}${path}`, key)

  it("a batch, its totals and its items are those of the version, under a tag of their own", async () => {
    const now = await get("")
    expect(now.json).not.toHaveProperty("asOf")
    const tags = new Set([now.headers.get("etag")])
    for (const version of [1, 2, 5, last]) {
      const { status, json, headers } = await get(`?asOf=${version}`)
      expect(status).toBe(200)
      expect(json).toMatchObject({
        version,
        asOf: { version, at: timeOf(version) },
        updatedAt: timeOf(version),
      })
      tags.add(headers.get("etag"))
      const items = await get(`/items?asOf=${version}`)
      expect(items.json).toMatchObject({ version, asOf: { version, at: timeOf(version) }, next: null })
      expect(items.json.items).toHaveLength(version === 1 ? 0 : 12)
      const byTime = await get(`?asOf=${timeOf(version)}`)
      expect(byTime.text).toBe((await get(`?asOf=${(byTime.json as { version: number }).version}`)).text)
    }
    expect(tags.size).toBe(5)
    const { json } = await get(`?asOf=${last}`)
    expect({ ...json, asOf: undefined }).toEqual({ ...now.json, asOf: undefined })
    expect(JSON.stringify((await get("?asOf=2")).json.states)).toContain("received")
  })

  it("one item is as it was, with what banks had reported by then", async () => {
    const early = await get("/items/4?asOf=2")
    expect(early.json).toMatchObject({ item: 4, state: "received", bankRemarks: [{ text: "closed" }] })
    const late = await get(`/items/4?asOf=${last}`)
    expect(late.json).toMatchObject({ state: "returned", asOf: { version: last } })
    expect(late.json.bankRemarks).toHaveLength(2)
    expect((await get("/items/4?asOf=1")).status, "it came with version 2").toBe(404)
    expect((await get(`/items/13?asOf=${last}`)).status).toBe(404)
  })

  it("the pages of a time are all of one version, and a cursor is that of its list", async () => {
    const time = timeOf(9)
    const pages: Array<Record<string, unknown>> = []
    let next: unknown = ""
    while (next !== null) {
      const cursor = next === "" ? "" : `&cursor=${next}`
      const page: Record<string, unknown> = (await get(`/items?limit=5&asOf=${time}${cursor}`)).json
      pages.push(page)
      next = page.next
    }
    const all = (await get(`/items?asOf=${time}`)).json
    expect(pages).toHaveLength(3)
    expect(pages.flatMap(({ items }) => items)).toEqual(all.items)
    expect(new Set(pages.map(({ version }) => version))).toEqual(new Set([all.version]))
    const cursor = pages[0]?.next
    for (const other of [`asOf=${last}`, `asOf=${time}&currency=EUR`, `asOf=${timeOf(10)}`])
      expect((await get(`/items?${other}&cursor=${cursor}`)).status, other).toBe(400)
    const settled = (await get(`/items?asOf=${last}&state=settled&limit=2`)).json
    expect((settled.items as Array<{ state: string }>).map(({ state }) => state)).toEqual([
      "settled",
      "settled",
    ])
  })

  it("a list stays with its version when the log goes on, also into a time that it is of", async () => {
    const own = newBatchId()
    const story = lifeOf("acme", 12)
    const owned = await Effect.runPromise(Effect.provide(open(own, story), api.streams))
    const page = async (terms = "") =>
      (await api.get(`/payout-batches/${own}/items?limit=5&asOf=${timeOf(last)}${terms}`)).json
    const first = await page()
    await Effect.runPromise(Effect.provide(appendRest(owned, story, 50), api.streams))
    expect([first.version, (await page(`&cursor=${first.next}`)).version, (await page()).version]).toEqual([
      2,
      2,
      last,
    ])
  })

  it("comes as a whole file, too", async () => {
    const answer = await api.call(`/payout-batches/${id}/items?asOf=${last}`, {
      headers: { authorization: `Bearer ${acme}`, accept: "application/x-ndjson" },
    })
    const lines = answer.text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line))
    expect(lines).toHaveLength(13)
    expect(lines.at(-1)).toEqual({ complete: true, count: 12 })
    expect(lines[3]).toMatchObject({ item: 4, state: "returned" })
  })

  it("says what there is no state of", async () => {
    const beyond = { status: 409, json: { type: "/problems/version-not-reached", version: last } }
    const outside = { status: 409, json: { type: "/problems/outside-history" } }
    const future = new Date(Date.now() + 3_600_000).toISOString()
    for (const path of ["", "/items", "/items/4"]) {
      expect(await get(`${path}?asOf=${last + 1}`), path).toMatchObject(beyond)
      expect(await get(`${path}?asOf=${timeOf(1, -1)}`), path).toMatchObject(outside)
      expect(await get(`${path}?asOf=${future}`), path).toMatchObject(outside)
      for (const wrong of [
        "0",
        "-1",
        "1.5",
        "01",
        "",
        "2026-11-27",
        "2026-11-27T10:00:00",
        "2026-02-30T10:00:00Z",
        "1000000001",
        "now",
      ])
        expect(await get(`${path}?asOf=${wrong}`), `${path} ${wrong}`).toMatchObject({
          status: 400,
          json: { type: "/problems/invalid-request" },
        })
    }
    for (const path of ["", "/items"])
      expect((await get(`${path}?asOf=2&atLeast=2`)).status, "one of both").toBe(400)
  })

  it("reads a fraction of a millisecond as the time that it is", async () => {
    const [first = ""] = timeOf(9).split("Z")
    const before = (await get(`?asOf=${timeOf(9)}`)).json.version
    expect((await get(`?asOf=${first}9Z`)).json.version).toBe(before)
    expect((await get(`?asOf=${timeOf(1, -1).replace("Z", "9Z")}`)).status).toBe(409)
    expect((await get(`?asOf=${first.replace("T", "t")}%2B00:00`)).json.version).toBe(before)
  })

  it("is for the partner and for operators", async () => {
    for (const path of ["", "/items", "/items/1"]) {
      expect((await get(`${path}?asOf=2`, globex)).status, path).toBe(404)
      expect((await get(`${path}?asOf=2`, olga)).status, path).toBe(200)
    }
    expect((await api.get(`/payout-batches/${batchIdOf("acme", "none")}?asOf=1`)).status).toBe(404)
  })

  it("leaves the present as it is", async () => {
    await get("")
    await get("?asOf=3")
    read = 0
    expect((await get("")).json).toMatchObject({ version: last })
    expect(read, "the partner's, and the last one twice at most").toBeLessThanOrEqual(3)
  })

  it("is for so many at a time", async () => {
    const answers = await Promise.all(Array.from({ length: 40 }, (_, at) => get(`?asOf=${(at % last) + 1}`)))
    const refused = answers.filter(({ status }) => status === 429)
    expect(refused.length).toBeGreaterThan(0)
    expect(refused[0]?.json.detail).toContain("past states")
    expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThan(0)
    expect((await get("?asOf=3")).status).toBe(200)
  })
})
