import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { PartnerId } from "../../src/domain/identifiers.ts"
import { cleanText } from "../../src/domain/outside-text.ts"
import { type ActView, ReportQueries } from "../../src/projections/report-queries.ts"
import { returned, STORY_BEGINS, type Story, settled } from "../domain/batch-story.ts"
import { lifeOf, live, newBatchId } from "./batch-life.ts"
import { anotherProjector, caughtUp, readModelStack, rowsOf } from "./read-model-stack.ts"

const DAY_MS = 24 * 3_600_000
const [BEGAN, NEXT] = ["2026-11-23", "2026-11-24"]
const days = { from: BEGAN, to: NEXT }

/** A life of eight items whose second day begins before the bank says that item 4 came back, and that item 5 settled. */
const overNight = (partner: string): Story => {
  const story = lifeOf(partner, 8)
  story.now += DAY_MS
  story.hears(5, settled)
  story.hears(8, returned)
  story.tell({
    _tag: "Review",
    item: 2,
    decision: "released",
    by: "olga",
    reason: cleanText("checked"),
    commandId: `review of ${partner}`,
  } as never)
  return story
}

const shown = Effect.fnUntraced(function* (...stories: ReadonlyArray<Story>) {
  const ids = yield* Effect.forEach(stories, (story) => live(story, 50))
  yield* caughtUp.pipe(Effect.provide(anotherProjector()))
  return ids
})

layer(readModelStack(2), { excludeTestServices: true })("reports", (it) => {
  it.effect("sum up what happened on each day, by currency, bank and state", () =>
    Effect.gen(function* () {
      yield* shown(overNight("sums"), overNight("sums"), overNight("others"))
      const { dailyTotals } = yield* ReportQueries
      const partner = PartnerId.make("sums")
      const { entries } = yield* dailyTotals({ ...days, partner, limit: 500 })
      const euros = entries
        .filter(({ currency }) => currency === "EUR")
        .map(({ day, bank, state, count, amount }) => [day, bank, state, count, amount])
      assert.deepStrictEqual(euros, [
        [BEGAN, undefined, "received", 6, "7407.36"],
        [BEGAN, undefined, "rejected", 2, "2469.12"],
        [BEGAN, "north", "returned", 2, "2469.12"],
        [BEGAN, "north", "settled", 2, "2469.12"],
      ])
      const later = yield* dailyTotals({ ...days, from: NEXT, partner, limit: 500 })
      assert.deepStrictEqual(
        later.entries.map(({ day, currency, state, count }) => [day, currency, state, count]),
        [
          [NEXT, "JPY", "returned", 2],
          [NEXT, "JPY", "settled", 2],
        ],
      )
      const all = yield* dailyTotals({
        ...days,
        limit: 500,
        state: ["settled"],
        currency: "EUR",
        bank: "north",
      })
      assert.includeMembers(
        all.entries.map(({ partner, count }) => `${partner} ${count}`),
        ["sums 2", "others 1"],
      )
      const nothing = yield* dailyTotals({ ...days, partner, limit: 5, bank: "south" })
      assert.deepStrictEqual(nothing, { entries: [], next: undefined })
    }),
  )

  it.effect("give every total once over all pages, and refuse a cursor of another list", () =>
    Effect.gen(function* () {
      yield* shown(overNight("paged"))
      const { dailyTotals } = yield* ReportQueries
      const request = { ...days, partner: PartnerId.make("paged") }
      const { entries: whole } = yield* dailyTotals({ ...request, limit: 500 })
      const found = []
      let cursor: string | undefined
      do {
        const page = yield* dailyTotals({ ...request, limit: 3, cursor })
        found.push(...page.entries)
        cursor = page.next
        if (found.length === 3) {
          const other = { ...request, from: NEXT, limit: 3, cursor }
          assert.strictEqual((yield* Effect.flip(dailyTotals(other)))._tag, "InvalidCursor")
        }
      } while (cursor !== undefined)
      assert.deepStrictEqual(found, whole)
      assert.isAbove(whole.length, 6)
    }),
  )

  it.effect("count failures by bank and code, with the attempts of the bank", () =>
    Effect.gen(function* () {
      yield* shown(overNight("failing"))
      const { failures } = yield* ReportQueries
      const found = yield* failures({ ...days, partner: PartnerId.make("failing") })
      assert.deepStrictEqual(
        found.failures.map(({ bank, state, code, count, amounts }) => [bank, state, code, count, amounts]),
        [
          [
            "north",
            "returned",
            "MS03",
            2,
            [
              { currency: "EUR", value: "1234.56" },
              { currency: "JPY", value: "1200" },
            ],
          ],
          ["north", "failed", "AC04", 1, [{ currency: "KWD", value: "0.005" }]],
        ],
      )
      // Items 3, 4, 5 and 8: those of which the bank said how they ended.
      assert.deepStrictEqual(found.attempts, { north: 4 })
      assert.isFalse(found.isCut)
      const other = yield* failures({ ...days, partner: PartnerId.make("failing"), bank: "south" })
      assert.deepStrictEqual(other.failures, [])
    }),
  )

  it.effect("show an act that the log and the audit trail have once, and every other one", () =>
    Effect.gen(function* () {
      const [id = newBatchId()] = yield* shown(overNight("acting"))
      const subject = `payout-item:${id}/2`
      const entry = (act: string, about: string, after: object, address: string | null) =>
        rowsOf(
          (sql) => sql`
            insert into audit_trail (at, who, address, name, act, subject, before, after)
            values (${new Date(STORY_BEGINS + DAY_MS)}, 'operator:olga', ${address}, null, ${act}, ${about}, null,
              ${JSON.stringify(after)}::text::jsonb)`,
        )
      yield* entry("payout-item.review", subject, { commandId: "review of acting" }, "192.0.2.7")
      yield* entry("payout-item.review", subject, { commandId: "never reached the log" }, null)
      yield* entry("payout-item.review.dropped", subject, { commandId: "review of acting" }, null)
      yield* entry("partner.suspend", "partner:acting", { reason: "asked" }, null)
      // Logs of old releases do not say whose credential it was.
      yield* entry("payout-item.review", subject, { commandId: "review of an old release" }, null)
      yield* rowsOf(
        (sql) => sql`
          insert into payout_acts (batch, version, partner, at, act, outcome, name, item, command)
          values ('pb_old', 7, 'acting', ${new Date(STORY_BEGINS + DAY_MS)}, 'payout-item.review', 'released', 'olga', 2,
            'review of an old release')`,
      )
      const { acts, batchActs } = yield* ReportQueries
      const time = { from: STORY_BEGINS - DAY_MS, to: STORY_BEGINS + 3 * DAY_MS, who: "operator:olga" }
      const found: Array<ActView> = []
      let cursor: string | undefined
      do {
        const page = yield* acts({ ...time, limit: 1, cursor })
        found.push(...page.entries)
        cursor = page.next
      } while (cursor !== undefined)
      const ofBatch = found.filter(({ subject }) => subject.includes(id) || subject === "partner:acting")
      assert.deepStrictEqual(
        ofBatch.map(({ act, outcome, commandId, address }) => [act, outcome, commandId, address]).sort(),
        [
          ["partner.suspend", undefined, undefined, undefined],
          ["payout-item.review", "released", "review of acting", "192.0.2.7"],
          ["payout-item.review", undefined, "never reached the log", undefined],
          ["payout-item.review", undefined, "review of an old release", undefined],
          ["payout-item.review.dropped", undefined, "review of acting", undefined],
        ].sort(),
      )
      assert.deepStrictEqual(
        (yield* batchActs(PartnerId.make("acting"), id, 0, 10)).map(({ act, credential }) => [
          act,
          credential,
        ]),
        [
          ["payout-batch.submit", "partner:acme/clerk"],
          ["payout-item.review", "operator:olga"],
        ],
      )
      assert.deepStrictEqual(yield* batchActs(PartnerId.make("strangers"), id, 0, 10), [])
    }),
  )
})
