/** Books over HTTP of which a row has no readable time: the row is reported, and all others are compared. */
import { assert, it } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import { afterAll, beforeAll } from "vitest"
import { bankKindsLayer } from "../../src/providers/banks/bank-kind.ts"
import { instant } from "../../src/providers/banks/instant/instant.ts"
import { BookedOrders } from "../../src/providers/booked-orders.ts"
import { ProviderChannels } from "../../src/providers/calling/channel.ts"
import { providerOf } from "../../src/providers/calling/provider-access-http.ts"
import { ProviderSettings } from "../../src/providers/calling/provider-settings.ts"
import { ledgerBooks } from "../../src/providers/ledger/ledger-books-http.ts"
import { bankStatements } from "../../src/reconciliation/bank-statements.ts"
import { unusedStatements } from "../../src/reconciliation/comparison.ts"
import { readBooks } from "../../src/reconciliation/records.ts"
import { json, MisbehavingServer } from "../providers/calling/misbehaving-server.ts"
import { providerSettings } from "../settings.ts"

const day = "2026-11-26"
const referenceOf = (item: number) => `ABCDEFGHIJKLMNOPQRSTUV-${item}-1`
const amount = { currency: "EUR", value: "12.34" }
const payment = (at: string, item = 1) => ({ reference: referenceOf(item), amount, at })
const posting = (at: string, item = 1) => ({
  postingId: `L-${item}`,
  kind: "post",
  partner: "acme",
  batch: "pb_abcdefghijklmnopqrstuv",
  lines: [{ item, amount }],
  at,
})

let bank: MisbehavingServer
let ledger: MisbehavingServer
beforeAll(async () => {
  bank = await MisbehavingServer.open()
  ledger = await MisbehavingServer.open()
})
afterAll(() => Promise.all([bank.close(), ledger.close()]))

/** The days of the entries and lines that are compared, and what is reported as unused. */
const read = Effect.fnUntraced(function* (books: {
  readonly payments?: ReadonlyArray<object>
  readonly transfers?: ReadonlyArray<object>
  readonly postings?: ReadonlyArray<object>
}) {
  const { payments = [], transfers = [], postings = [] } = books
  bank.behaviour = json(200, { payments, transfers, next: null })
  ledger.behaviour = json(200, { postings, next: null })
  const settings = yield* ProviderSettings
  const channel = yield* (yield* ProviderChannels).open(
    { name: "ledger", kind: "ledger" },
    settings.ledger.policy,
  )
  const found = yield* readBooks(
    day,
    yield* bankStatements(day, Option.none()),
    ledgerBooks(yield* providerOf({ name: "ledger", ...settings.ledger }), channel),
  )
  const records = [...found.batches.values()]
  return {
    entries: records.flatMap(({ entries }) => entries.map(({ bookedOn }) => bookedOn)),
    lines: records.flatMap(({ lines }) => lines.map(({ bookedOn }) => bookedOn)),
    unused: unusedStatements(found.unused).map(({ kind, bank, reference }) => [kind, bank, reference]),
    problems: [...new Set(found.unused.map(({ problem }) => problem))],
  }
})
const provided = Layer.suspend(() =>
  Layer.mergeAll(
    providerSettings({ BANKS: `north=${bank.url}`, BANK_ROUTES: "*=north", LEDGER_URL: ledger.url }),
    bankKindsLayer([instant]),
    Layer.succeed(BookedOrders, { under: () => Effect.succeed([]) }),
  ),
)

it.live.each<readonly [at: string, bookedOn: string]>([
  ["2026-11-26T23:30:00Z", day],
  ["2026-11-27t00:30:00.123456789+01:00", day],
  ["2026-11-26T23:30:00-01:00", "2026-11-27"],
  ["2026-11-26T23:59:59.999999Z", day],
])("reads %s as a time of %s", ([at, bookedOn]) =>
  Effect.gen(function* () {
    const found = yield* read({ payments: [payment(at)], postings: [posting(at)] })
    assert.deepStrictEqual(found, { entries: [bookedOn], lines: [bookedOn], unused: [], problems: [] })
  }).pipe(Effect.provide(provided)),
)

it.live.each([
  "2026-02-30T10:00:00Z",
  "2026-11-26T24:00:00Z",
  "2026-11-26T10:00:00",
  "26 Nov 2026 10:00:00 GMT",
  "1",
  "",
])("reports rows with the time %j, and reads the others", (at) =>
  Effect.gen(function* () {
    const good = `${day}T10:00:00Z`
    const back = { ...payment(at, 3), transferId: "T-3", status: "returned" }
    const pending = { ...payment(at, 4), transferId: "T-4", status: "settled" }
    const found = yield* read({
      payments: [payment(at, 1), payment(good, 2)],
      transfers: [back, pending],
      postings: [posting(at, 1), posting(good, 2)],
    })
    assert.deepStrictEqual(found, {
      entries: [day],
      lines: [day],
      unused: [
        ["statement-not-used", "north", `books debit ${referenceOf(1)}`],
        ["statement-not-used", "north", `books credit ${referenceOf(3)}`],
        ["statement-not-used", "ledger", "books post L-1"],
      ],
      problems: ["its time is not one of RFC 3339 with an offset"],
    })
  }).pipe(Effect.provide(provided)),
)

it.live("lists at most a hundred such rows of one source, and says how many more there are", () =>
  Effect.gen(function* () {
    const payments = Array.from({ length: 130 }, (_, index) => payment("yesterday", index + 1))
    const { unused, problems } = yield* read({ payments })
    assert.strictEqual(unused.length, 101)
    assert.strictEqual(problems.at(-1), "30 further rows have no readable time")
  }).pipe(Effect.provide(provided)),
)
