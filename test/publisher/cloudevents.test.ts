/** Every event that goes out is a CloudEvent by the specification, whatever its texts are. */
import { Result, Schema } from "effect"
import { describe, expect, it } from "vitest"
import { PlainText } from "../../src/domain/beneficiary.ts"
import { knownCurrencies } from "../../src/domain/currency.ts"
import type { BatchEvent } from "../../src/domain/events.ts"
import { MINOR_UNITS_MAX } from "../../src/domain/money.ts"
import { cleanText, kindsWithText, withCleanTexts } from "../../src/domain/outside-text.ts"
import { encodePublicEvent, publicEventTypes } from "../../src/publisher/public-event.ts"
import { advanceHistory, emptyHistory } from "../../src/publisher/public-history.ts"
import { type DiscrepancyKind, discrepancyKinds } from "../../src/reconciliation/discrepancy.ts"
import { eventOf } from "../../src/reconciliation/discrepancy-event.ts"
import { duties, LISTS, type Step, step, terms } from "../domain/batch-sequences.ts"
import { type CommandWithoutTime, payoutItem, Story, someSeal } from "../domain/batch-story.ts"
import { lengthOf } from "../length.ts"
import { fc, ofAllExamples } from "../property.ts"
import { faultsAmong, faultsOf } from "./cloudevents.ts"
import { newBatchId, recorded } from "./story.ts"

const RUNS = lengthOf({ full: 3_000, short: 600 })

/** What others may write: any units of UTF-16, half pairs included, and long texts of characters of all kinds. */
const hostile = fc.oneof(
  fc.string({ unit: "binary", maxLength: 40 }),
  fc.string({
    unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
    maxLength: 40,
  }),
  fc.constantFrom(
    "",
    " ",
    "\ud800",
    "a\udfff",
    "\u0000\u0007\u001b[2J",
    "\u0085\u2028",
    "\ufffe\uffff",
    '"\\',
    "DE89370400440532013000",
  ),
  fc
    .tuple(
      fc.constantFrom("x", "\u0000", "😀", "\u0301", "\ud83d", "\u200b", "7 "),
      fc.integer({ min: 500, max: 5_000 }),
    )
    .map(([unit, count]) => unit.repeat(count)),
  // Where a text is cut, a pair of surrogates may be cut with it.
  fc
    .integer({ min: 0, max: 200 })
    .map((count) => `${"\u200b".repeat(1_800)}${"😀".repeat(100)}x${"\u200b".repeat(50 + count)}`),
)

const isPlain = Schema.is(PlainText(64))
/** What a partner may write: a text that intake takes. */
const partnersText = fc.oneof(
  fc
    .string({ unit: "grapheme", minLength: 1, maxLength: 64 })
    .map((text) => text.normalize("NFC").trim())
    .filter(isPlain),
  fc.constantFrom("😀".repeat(64), '"\\"', "</script>", "é", "order-1"),
)

/** An entry of the log as if banks, people and the compliance engine had written this. */
const withTexts = (event: BatchEvent, text: string): BatchEvent => {
  if (!kindsWithText.has(event._tag) || event._tag === "BatchReceived") return event
  const written = Object.fromEntries(
    Object.entries(event).map(([name, value]) => {
      if (name === "reason" || name === "detail" || (name === "code" && event._tag === "TransferReturned"))
        return [name, text]
      if (name !== "decisions" || !Array.isArray(value)) return [name, value]
      return [name, value.map((decision) => ({ ...decision, reason: text }))]
    }),
  )
  return withCleanTexts(written) as unknown as BatchEvent
}

const published = (events: ReadonlyArray<BatchEvent>): ReadonlyArray<string> => {
  const history = emptyHistory(newBatchId())
  return recorded(events)
    .flatMap((event) => advanceHistory(history, event))
    .map(encodePublicEvent)
}

const lived = (
  {
    mode,
    approvalAsked,
    attemptsMax,
    payeePolicy,
    beginning,
  }: typeof terms extends fc.Arbitrary<infer A> ? A : never,
  steps: ReadonlyArray<Step>,
  reference: string,
): Story => {
  const story = new Story()
  story.terms = { ...LISTS, lists: undefined }
  const live = (command: CommandWithoutTime): void => {
    if (Result.isSuccess(story.decide(command))) story.tell(command)
  }
  live({
    _tag: "ReceiveBatch",
    partner: "acme",
    idempotencyKey: "key",
    requestDigest: "digest",
    submittedBy: "sam",
    reference,
    seals: [someSeal],
    mode,
    approvalAsked,
    trace: { id: "0af7651916cd43dd8448eb211c80319c", sampled: true },
    policy: { approvalAbove: {}, approvalWithinMs: 25, attemptsMax, payeePolicy },
    items: [
      payoutItem(1, { reference }),
      payoutItem(2, { currency: "JPY", reference: `2${Array.from(reference).slice(1).join("")}` }),
      payoutItem(3),
    ],
  })
  for (const command of beginning) live(command)
  for (const next of steps) {
    if ("announced" in next) continue
    const command = "blue" in next ? next.blue : duties(story, next)
    if (command !== undefined) live(command)
    else story.now += 10
  }
  return story
}

describe("every public event is a CloudEvent", () => {
  it("of any batch, whatever partners, banks and people write", () => {
    const seen = new Map<string, number>()
    fc.assert(
      fc.property(
        terms,
        fc.array(step, { minLength: 20, maxLength: 60 }),
        partnersText,
        hostile,
        (asked, steps, reference, text) => {
          const { events } = lived(asked, steps, reference)
          const bodies = published(events.map((event) => withTexts(event, text)))
          for (const body of bodies) {
            const { type } = JSON.parse(body)
            seen.set(type, (seen.get(type) ?? 0) + 1)
          }
          expect(faultsAmong(bodies)).toEqual([])
        },
      ),
      { numRuns: RUNS },
    )
    for (const name of [
      "PayoutSettled",
      "PayoutFailed",
      "PayoutReturned",
      "PayoutHeld",
      "PayoutParked",
    ] as const)
      expect(seen.get(publicEventTypes[name]), ofAllExamples(name)).toBeGreaterThan(RUNS / 40)
  })

  it("of a batch that pays the most of every currency: its totals fit", () => {
    const minor = MINOR_UNITS_MAX * 100_000n
    const items = knownCurrencies.map((currency, index) => payoutItem(index + 1, { currency, minor }))
    const [first, ...others] = items
    if (first === undefined) throw new Error("there are no currencies")
    const story = new Story().screened(items.length, { items: [first, ...others] })
    story.tell({ _tag: "Cancel", items: [...story.batch.items.keys()], by: "sam", reason: "by mistake" })
    story.tell({ _tag: "CloseBatch" })
    const bodies = published(story.events)
    expect(faultsAmong(bodies)).toEqual([])
    expect(JSON.parse(bodies.at(-1) ?? "{}").type).toBe(publicEventTypes.PayoutBatchClosed)
  })
})

describe("every discrepancy is a CloudEvent", () => {
  const kinds = Object.keys(discrepancyKinds) as ReadonlyArray<DiscrepancyKind>
  const about = fc.record(
    {
      kind: fc.constantFrom(...kinds),
      partner: fc.constantFrom("acme"),
      batch: fc.constant(newBatchId()),
      item: fc.integer({ min: 1, max: 100_000 }),
      bank: fc.constantFrom("north"),
      reference: hostile.map(cleanText),
      expected: hostile.map(cleanText),
      found: hostile.map(cleanText),
    },
    { requiredKeys: ["kind", "expected", "found"] },
  )

  it("also of a payment without a reference", () => {
    fc.assert(
      fc.property(about, (discrepancy) => {
        const { body } = eventOf("ATLASPAY", "2026-01-02", Date.UTC(2026, 0, 3), discrepancy)
        expect(faultsOf(body)).toEqual([])
      }),
      { numRuns: RUNS },
    )
    const { body } = eventOf("ATLASPAY", "2026-01-02", 0, {
      kind: "payment-unknown",
      reference: "",
      expected: "nothing",
      found: "12.34 EUR",
    })
    expect(JSON.parse(body)).not.toHaveProperty("subject")
  })
})

describe("the rules of CloudEvents find", () => {
  const [good = ""] = published(new Story().received(1).events)
  const event = JSON.parse(good)

  it.each([
    ["nothing in what we publish", {}, /^$/],
    ["an empty attribute", { subject: "" }, /subject is empty/],
    ["a name in capitals", { traceId: "1" }, /traceId is no name/],
    ["a name that is too long", { abcdefghijklmnopqrstu: "1" }, /is no name/],
    ["a member that is no attribute", { extra: { a: 1 } }, /extra is neither/],
    ["a null", { dataschema: null }, /dataschema is neither/],
    ["a control character", { subject: "a\u0007" }, /subject has a character/],
    ["half a pair", { subject: "\ud800" }, /subject has a character/],
    ["a number that is no Integer", { priority: 2 ** 31 }, /priority is no Integer/],
    ["another time", { time: "2026-01-02 03:04:05" }, /time/],
    ["a source that is no URI", { source: "a b" }, /source/],
    ["no id", { id: undefined }, /'id'/],
    ["a trace of zeros", { traceparent: `00-${"0".repeat(32)}-${"1".repeat(16)}-01` }, /traceparent/],
    ["data twice", { data_base64: "e30=" }, /twice/],
    ["a type without a contract", { type: "com.atlaspay.other.v1" }, /no contract/],
    ["what the contract does not allow", { sequence: "1" }, /PayoutBatchAccepted.json/],
    ["too much", { data: { ...event.data, more: "x".repeat(64 * 1024) } }, /bytes/],
    ["half a pair in the data", { data: { ...event.data, reference: "\udc00" } }, /no Unicode/],
  ])("%s", (_, change, fault) => {
    expect(faultsOf(JSON.stringify({ ...event, ...change })).join("; ")).toMatch(fault)
  })

  it("two events of one id, and a gap", () => {
    expect(faultsAmong([good, good]).join("; ")).toMatch(/one source and id; the sequence is/)
  })
})
