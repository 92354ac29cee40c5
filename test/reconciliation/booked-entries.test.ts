/** Entries that name orders otherwise than by reference: which orders they count for, and what stays a difference. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { uetrOf } from "../../src/domain/uetr.ts"
import { type BookedOrder, BookedOrders, bookedOf } from "../../src/providers/booked-orders.ts"
import type { EntryBooking, StatementEntry } from "../../src/providers/books.ts"
import { entriesByOrder } from "../../src/reconciliation/booked-entries.ts"
import { unclearEntries, unknownPayments } from "../../src/reconciliation/comparison.ts"
import { readBooks } from "../../src/reconciliation/records.ts"

const day = "2026-11-26"
const referenceOf = (item: number) => `ABCDEFGHIJKLMNOPQRSTUV-${item}-1`
const order = (item: number, minor: bigint, changes: Partial<BookedOrder> = {}): BookedOrder => ({
  reference: referenceOf(item),
  file: "FILE-1",
  currency: "EUR",
  minor,
  isRefused: false,
  servicerReferences: [],
  ...changes,
})
const three = [order(1, 1_000n), order(2, 1_100n), order(3, 1_300n)]

const entry = (
  minor: bigint,
  booking: EntryBooking,
  changes: Partial<StatementEntry> = {},
): StatementEntry => ({
  bank: "clearing",
  reference: "",
  currency: "EUR",
  minor,
  kind: "debit",
  bookedOn: day,
  booking,
  ...changes,
})
const byFile = { fileIds: ["FILE-1"] }
/** One transaction of the file, as its bank books it apart. */
const single = (minor: bigint, changes: Partial<StatementEntry> = {}) => entry(minor, byFile, changes)
/** One that says that it is one. */
const counted = (minor: bigint, count: number) => entry(minor, { ...byFile, members: [], count })

/** What the entries count for: items by amount, and the unclear ones by what they are about. */
const meaningOf = (entries: ReadonlyArray<StatementEntry>, orders: ReadonlyArray<BookedOrder> = three) =>
  entriesByOrder(entries).pipe(
    Effect.map((found) =>
      found.map(
        ({ reference, minor, unclear }) => `${unclear?.about ?? (reference.split("-")[1] || "-")} ${minor}`,
      ),
    ),
    Effect.provide(Layer.succeed(BookedOrders, { under: () => Effect.succeed(orders) })),
  )
const all = ["1 1000", "2 1100", "3 1300"]
const isMeant = (
  what: string,
  entries: ReadonlyArray<StatementEntry>,
  expected: ReadonlyArray<string>,
  orders?: ReadonlyArray<BookedOrder>,
) =>
  it.effect(what, () =>
    Effect.map(meaningOf(entries, orders), (found) => assert.deepStrictEqual(found, [...expected])),
  )

describe("entries of one day that name a file alone", () => {
  isMeant("are its orders, added up", [single(1_000n), single(1_300n), single(1_100n)], all)
  isMeant("are its orders where each says how many it is", [counted(1_000n, 1), counted(2_400n, 2)], all)
  isMeant(
    "are those that were not refused, by their number",
    [single(1_000n), single(1_300n)],
    ["1 1000", "3 1300"],
    [order(1, 1_000n), order(2, 1_100n, { isRefused: true }), order(3, 1_300n)],
  )
  isMeant(
    "are paid twice if they are booked in one sum and one by one",
    [single(1_000n), entry(3_400n, { ...byFile, members: [] }), single(1_100n), single(1_300n)],
    [...all, ...all],
  )
  isMeant("are unclear if one is missing", [single(1_000n), single(1_300n)], ["FILE-1 1000", "FILE-1 1300"])
  isMeant(
    "are unclear if their number is another one",
    [counted(1_000n, 1), counted(2_400n, 1)],
    ["FILE-1 1000", "FILE-1 2400"],
  )
  isMeant(
    "are unclear if one sum is without a number and another one is not of all",
    [entry(1_000n, { ...byFile, members: [] }), single(1_300n)],
    ["FILE-1 1000", "FILE-1 1300"],
  )
  isMeant(
    "are not added up with those of another day",
    [single(1_000n), single(1_100n), single(1_300n, { bookedOn: "2026-11-27" })],
    ["FILE-1 1000", "FILE-1 1100", "FILE-1 1300"],
  )
  isMeant(
    "are not added up with those of another account",
    [single(1_000n), single(1_100n, { booking: { ...byFile, isElsewhere: true } })],
    ["FILE-1 1000", "FILE-1 1100"],
    three.slice(0, 2),
  )
  isMeant(
    "are not added up with those of another direction or currency",
    [
      single(1_000n),
      single(2_400n, { bookedOn: "2026-11-27" }),
      single(2_400n, { kind: "credit" }),
      single(2_400n, { currency: "USD" }),
    ],
    ["FILE-1 1000", "FILE-1 2400", "FILE-1 2400", "FILE-1 2400"],
  )
  const under = (id: string, minor: bigint, more: Partial<EntryBooking> = {}) =>
    entry(minor, { ...byFile, servicerReference: id, ...more })
  const alike = [order(1, 1_000n), order(2, 1_000n)]
  isMeant(
    "are unclear if two statements may show one booking",
    [under("BANK-1", 1_000n), under("BANK-1", 1_000n)],
    ["FILE-1 1000", "FILE-1 1000"],
    alike,
  )
  isMeant(
    "are its orders where one statement has one id of the bank for them",
    [under("BANK-1", 1_000n, { isRepeated: true }), under("BANK-1", 1_000n, { isRepeated: true })],
    ["1 1000", "2 1000"],
    alike,
  )
  isMeant("return nothing", [single(3_400n, { kind: "credit" })], ["FILE-1 3400"])
  isMeant(
    "name one file",
    [entry(3_400n, { fileIds: ["FILE-1", "FILE-2"] }), entry(3_400n, { fileIds: ["FILE-1", "BANKS-OWN"] })],
    ["FILE-1 FILE-2 3400", ...all],
    [...three, order(4, 5n, { file: "FILE-2" })],
  )
})

it.effect("are no more orders together than are kept in memory", () =>
  Effect.gen(function* () {
    const file = Array.from({ length: 10_000 }, (_, index) => order(index + 1, 1n))
    const booked = (times: number) =>
      meaningOf(
        Array.from({ length: times }, () => single(10_000n)),
        file,
      )
    assert.lengthOf(yield* booked(2), 20_000)
    assert.deepInclude(yield* Effect.flip(booked(101)), { _tag: "SourceUnreadable" })
  }),
)

it("is compared with a file no further than the sum goes", () => {
  let compared = 0
  const file = Array.from({ length: 1_000 }, () => ({
    currency: "EUR",
    get minor() {
      compared += 1
      return 10n
    },
  }))
  assert.isUndefined(bookedOf({ currency: "EUR", minor: 15n }, file, () => false))
  assert.isAtMost(compared, 2)
  assert.strictEqual(
    bookedOf({ currency: "EUR", minor: 10_000n }, file, () => false),
    file,
  )
})

describe("an entry under the bank's own id", () => {
  const own = { servicerReference: "BANK-1" }
  const known = [order(1, 1_000n, { servicerReferences: ["BANK-1"] })]
  const unclear = [`BANK-1 ${referenceOf(1)} 1000`]
  const withPayment = (id: string) => entry(1_000n, { ...own, fileIds: [id], paymentId: id })
  isMeant("is that of its order", [entry(1_000n, own)], ["1 1000"], known)
  isMeant("is so with the id of the order's payment", [withPayment("FILE-1")], ["1 1000"], known)
  isMeant("is unclear with that of a stranger's", [withPayment("SALARIES")], unclear, known)
  isMeant(
    "is unclear beside another one of its statement",
    [entry(1_000n, { ...own, isRepeated: true })],
    unclear,
    known,
  )
})

describe("transfers in one sum", () => {
  const members = (...ids: ReadonlyArray<string>) => ids.map((id) => [id])
  const both = members(referenceOf(1), uetrOf(referenceOf(2)) ?? "")
  isMeant("are their orders, also by UETR", [entry(2_100n, { members: both })], ["1 1000", "2 1100"])
  const about = `${referenceOf(1)} ${referenceOf(2)}`
  isMeant("are unclear if the sum is another one", [entry(2_101n, { members: both })], [`${about} 2101`])
  isMeant(
    "are unclear if one of them is somebody else's",
    [entry(2_100n, { members: [...both, ["SALARY"]] })],
    [`${about} 2100`],
  )
  isMeant(
    "are unclear if one of them has the ids of two",
    [entry(2_100n, { members: [[referenceOf(1), uetrOf(referenceOf(3)) ?? ""], [referenceOf(2)]] })],
    [`${about} 2100`],
  )
  isMeant(
    "are a stranger's if none is ours",
    [entry(2_100n, { members: members("SALARY1", "SALARY2") })],
    ["- 2100"],
  )
})

it.effect("are differences of the day that name what they are about, and say what was ordered", () =>
  Effect.gen(function* () {
    const entries = [
      single(1_000n),
      single(1_300n),
      single(500n, { kind: "credit" }),
      single(1_000n, { bookedOn: "2026-11-25" }),
      single(7n, { booking: { fileIds: ["STRANGERS"] } }),
    ]
    const books = yield* readBooks(
      day,
      (visit) =>
        Effect.sync(() => {
          for (const entry of entries) visit(entry)
        }),
      () => Effect.void,
    )
    assert.strictEqual(books.batches.size, 0)
    assert.deepStrictEqual(
      [...unknownPayments(books.foreign), ...unclearEntries(books.unclear)],
      [
        { kind: "payment-unknown", bank: "clearing", reference: "", expected: "nothing", found: "EUR 0.07" },
        {
          kind: "payment-unknown",
          bank: "clearing",
          reference: "FILE-1",
          expected: "3 payments, EUR 34.00",
          found: "2 payments, EUR 23.00",
        },
        {
          kind: "statement-not-used",
          bank: "clearing",
          reference: "FILE-1",
          expected: "3 payments, EUR 34.00",
          found: "EUR 5.00",
        },
      ],
    )
  }).pipe(
    Effect.provide(
      Layer.succeed(BookedOrders, {
        under: (_, { files }) => Effect.succeed(files.includes("FILE-1") ? three : []),
      }),
    ),
  ),
)
