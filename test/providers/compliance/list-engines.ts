/** Engines that search lists, over their twins or over a server that misbehaves; and what all of them have to do. */
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { cleanedAnswer } from "../../../src/domain/clearance-answers.ts"
import type { PayoutItem } from "../../../src/domain/events.ts"
import { policyOf } from "../../../src/providers/calling/call-policy.ts"
import type { ClearanceRequest } from "../../../src/providers/compliance/compliance-engine.ts"
import type { ScreeningKind } from "../../../src/providers/compliance/screening-kind.ts"
import { type Sandbox, startSandbox } from "../../../src/sandbox/sandbox.ts"
import { batchId, payoutItem, visibleIban } from "../../domain/batch-story.ts"
import type { Plain } from "../../plain-texts.ts"
import { isPublishedDataThere, publishedFile } from "../../published-data.ts"
import { providerSettings } from "../../settings.ts"
import { canary, PATIENT_MS } from "../calling/misbehaving-server.ts"

export const thresholds = { review: 0.8, reject: 0.95 }

/** One call at a time is made once: a test sees what it fails with. */
const policy = (timeoutMs: number) =>
  policyOf({ retries: { attemptsMax: 1 } }, { timeoutMs, concurrency: 256 })

/** The entry of an engine in the settings. */
export const entryOf = (kind: ScreeningKind, url: string, own: object, timeoutMs = PATIENT_MS) => ({
  name: "compliance-engine",
  url,
  kind: kind.name,
  own: { ...own },
  policy: policy(timeoutMs),
  place: { setting: "PROVIDERS_FILE", path: "compliance" },
})

export const screenBy = (
  kind: ScreeningKind,
  url: string,
  own: object,
  items: ClearanceRequest["items"],
  timeoutMs?: number,
) =>
  Effect.gen(function* () {
    const engine = yield* kind.connect(entryOf(kind, url, own, timeoutMs))
    return yield* engine.screen({ clearanceId: "c-1", partner: "acme", batch: batchId, items })
  }).pipe(Effect.provide(providerSettings()))

export const named = (
  item: number,
  name: string,
  more: Partial<PayoutItem["beneficiary"]> = {},
): PayoutItem => payoutItem(item, { beneficiary: { name, account: visibleIban(canary), ...more } })

type Twin = "watchman" | "yente"

/** A sandbox with a twin, which is held to its document where that is there. */
export const withTwin = (twin: Twin) =>
  Effect.acquireRelease(
    Effect.promise(() =>
      startSandbox({
        twins: [twin],
        ...(isPublishedDataThere ? { documents: publishedFile("openapi") } : {}),
      }),
    ),
    (sandbox) => Effect.promise(() => sandbox.close()),
  )

export const urlOf = ({ urls }: Sandbox, twin: Twin): string => urls.twins?.[twin] ?? ""

export const asked = (url: string, path: string, body?: unknown) =>
  Effect.promise(async () => {
    const init =
      body === undefined
        ? {}
        : { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) }
    const answer = await fetch(`${url}${path}`, init)
    return (await answer.json()) as Record<string, unknown>
  })

/** What every engine that searches lists has to do, over its twin. */
export const listEngineContract = (kind: ScreeningKind, twin: Twin, own: object) => {
  const screened = (url: string, items: ReadonlyArray<PayoutItem>) =>
    Effect.map(screenBy(kind, url, own, items), (clearance) => ({
      ...clearance,
      decisions: clearance.decisions.flatMap((answer) =>
        answer.decision === "pending" ? [] : [cleanedAnswer(answer)],
      ),
    }))

  it.live("approves, rejects and sends to review by the thresholds, and says what it found", () =>
    Effect.gen(function* () {
      const url = urlOf(yield* withTwin(twin), twin)
      const items = [
        named(4, "Ada Lovelace"),
        named(7, "Sam Sanctioned", { type: "person" }),
        named(9, "Rita Review Ltd", { type: "company" }),
      ]
      const { decisions, listVersion, clearanceId } = yield* screened(url, items)
      assert.strictEqual(clearanceId, "c-1")
      assert.isAbove(listVersion.length, 0)
      const [approved, rejected, review] = decisions.map((answer) => answer as Plain<typeof answer>)
      assert.deepStrictEqual<unknown>(approved, { item: 4, decision: "approved" })
      assert.deepInclude(rejected, { item: 7, decision: "rejected", cause: "sanctions" })
      assert.deepInclude(rejected?.matches?.[0], { name: "SANCTIONED, Sam", id: "17646", score: 1 })
      assert.deepInclude(review, { item: 9, decision: "review", cause: "sanctions" })
      assert.deepInclude(review?.matches?.[0], { name: "REVIEWER, Rita", lists: ["us_csl"], score: 0.87 })
      const reasons = decisions.map(({ reason }) => reason ?? "").join()
      assert.notMatch(reasons, /sanctioned|reviewer|us_|0\.87/i, "partners see the reason")
    }),
  )

  it.live("lets a person look at a name that no list can be searched for", () =>
    Effect.gen(function* () {
      const url = urlOf(yield* withTwin(twin), twin)
      const nameless = ["***", "4711", "\u2605 \u2605"].map((name, index) => named(index + 1, name))
      const { decisions } = yield* screened(url, [...nameless, named(4, "Ada Lovelace")])
      assert.deepStrictEqual(
        decisions.toSorted((one, other) => one.item - other.item).map(({ decision }) => decision),
        ["review", "review", "review", "approved"],
      )
      const alone = yield* screened(url, nameless)
      assert.strictEqual(alone.decisions.length, 3)
    }),
  )

  it.live("gives another version with other lists, and the same for the same", () =>
    Effect.gen(function* () {
      const url = urlOf(yield* withTwin(twin), twin)
      const items = [named(1, "Ada Lovelace")]
      const loadedAt = new Date().toISOString()
      yield* asked(url, "/sandbox/lists", { listVersion: "one", loadedAt })
      const first = yield* screened(url, items)
      const again = yield* screened(url, items)
      assert.strictEqual(first.listVersion, again.listVersion)
      const entries = [{ name: "Ada Lovelace", id: "ada", list: "us_ofac", score: 0.9 }]
      yield* asked(url, "/sandbox/lists", { listVersion: "two", loadedAt, entries })
      const later = yield* screened(url, items)
      assert.notStrictEqual(later.listVersion, first.listVersion)
      assert.strictEqual(later.decisions[0]?.decision, "review")
    }),
  )

  it.live("clears nobody while nothing is loaded, or when what is loaded is too old or from the future", () =>
    Effect.gen(function* () {
      const url = urlOf(yield* withTwin(twin), twin)
      const loadedAt = (days: number) => new Date(Date.now() + days * 86_400_000).toISOString()
      for (const lists of [{ isLoaded: false }, { loadedAt: loadedAt(-3) }, { loadedAt: loadedAt(1) }]) {
        yield* asked(url, "/sandbox/lists", { listVersion: "x", ...lists })
        const error = yield* Effect.flip(screened(url, [named(1, "Ada Lovelace")]))
        assert.match(`${error._tag} ${error.message}`, /ProviderUnavailable.*lists: (has|says|does)/)
      }
    }),
  )

  it.live("tells nothing of the account, and asks for the country only if the settings say so", () =>
    Effect.gen(function* () {
      const url = urlOf(yield* withTwin(twin), twin)
      const items = [named(1, "Ada Lovelace", { addressCountry: "GB" })]
      yield* screened(url, items)
      yield* screenBy(kind, url, { ...own, countries: "sent" }, items)
      const books = JSON.stringify(yield* asked(url, "/books"))
      assert.include(books, "Ada Lovelace")
      assert.notInclude(books, canary.slice(-4))
    }),
  )

  const wrong: ReadonlyArray<readonly [string, object, RegExp]> = [
    ["no thresholds", { thresholds: undefined }, /thresholds/],
    [
      "a review threshold above the other",
      { thresholds: { review: 0.9, reject: 0.8 } },
      /no more than reject/,
    ],
    ["a threshold that everybody reaches", { thresholds: { review: 0, reject: 1 } }, /thresholds.review/],
    ["a threshold that nobody reaches", { thresholds: { review: 0.5, reject: 1.1 } }, /thresholds.reject/],
    ["a field that nobody reads", { treshold: 1 }, /treshold/],
  ]
  it.live.each(wrong)("is not made with %s", ([, fields, problem]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(kind.check(entryOf(kind, "http://127.0.0.1:9", { ...own, ...fields })))
      assert.match(error.message, problem)
    }),
  )

  it.live("keeps to the document of its provider", () =>
    Effect.gen(function* () {
      const url = urlOf(yield* withTwin(twin), twin)
      const items = [named(1, "Sam Sanctioned"), named(2, "Émile & Søn A/S #2", { type: "company" })]
      yield* screened(url, items)
      if (isPublishedDataThere && twin === "watchman")
        assert.deepStrictEqual(yield* asked(url, "/sandbox/breaches"), { count: 0, shown: [] })
    }),
  )
}
