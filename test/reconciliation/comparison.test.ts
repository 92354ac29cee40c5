import { readFileSync } from "node:fs"
import { describe, expect, it } from "vitest"
import { BatchId, transferReference } from "../../src/domain/identifiers.ts"
import type { LedgerLine, StatementEntry } from "../../src/providers/books.ts"
import { compareBatch, unknownPayments, unusedStatements } from "../../src/reconciliation/comparison.ts"
import {
  type DiscrepancyKind,
  discrepancyId,
  discrepancyKinds,
} from "../../src/reconciliation/discrepancy.ts"
import { emptyLoggedBatch, type LoggedBatch, note } from "../../src/reconciliation/logged-batch.ts"
import type { BatchRecords } from "../../src/reconciliation/records.ts"
import { Story, settled } from "../domain/batch-story.ts"
import { fc } from "../property.ts"

const day = "2026-11-23"
const before = "2026-11-22"
const at = Date.parse(`${day}T12:00:00Z`)
const batch = BatchId.make(`pb_${"q".repeat(22)}`)
const reference = (item: number, attempt = 1) => transferReference({ batch, item, attempt })

const eur = (minor: bigint) => ({ currency: "EUR", minor })

interface Attempt {
  readonly settledAt?: number
  readonly returnedAt?: number
}

/** Item 1, EUR 10.00, with attempts as the log knows them, its money held and whatever else was asked for. */
const logged = (
  attempts: ReadonlyArray<Attempt>,
  ...requested: ReadonlyArray<LedgerLine["kind"]>
): LoggedBatch => ({
  partner: "acme",
  items: new Map([
    [
      1,
      {
        item: 1,
        currency: "EUR",
        minor: 1_000n,
        attempts: attempts.map(({ settledAt, returnedAt }, index) => ({
          attempt: index + 1,
          bank: "north",
          reference: reference(1, index + 1),
          settledAt,
          returnedAt,
        })),
        requested: new Map(
          [...Map.groupBy(["hold" as const, ...requested], (kind) => kind)].map(([kind, all]) => [
            kind,
            all.length,
          ]),
        ),
      },
    ],
  ]),
})

const entry = (kind: "debit" | "credit", changes: Partial<StatementEntry> = {}): StatementEntry => ({
  bank: "north",
  reference: reference(1),
  currency: "EUR",
  minor: 1_000n,
  kind,
  bookedOn: day,
  ...changes,
})
const debit = (changes: Partial<StatementEntry> = {}) => entry("debit", changes)
const credit = (changes: Partial<StatementEntry> = {}) => entry("credit", changes)

const line = (kind: LedgerLine["kind"], changes: Partial<LedgerLine> = {}): LedgerLine => ({
  postingId: `p-${kind}`,
  kind,
  partner: "acme",
  batch,
  item: 1,
  currency: "EUR",
  minor: 1_000n,
  bookedOn: day,
  ...changes,
})

type Case = readonly [
  what: string,
  kinds: ReadonlyArray<DiscrepancyKind>,
  LoggedBatch | undefined,
  BatchRecords,
]

const paid = logged([{ settledAt: at }], "post")
const posted = [line("hold"), line("post")]
const cameBack = logged([{ settledAt: at, returnedAt: at }], "post", "reverse")
const reversed = [...posted, line("reverse")]

describe("a batch of a day", () => {
  it.each<Case>([
    ["agrees", [], paid, { entries: [debit()], lines: posted }],
    [
      "agrees when the bank booked it on another day",
      [],
      paid,
      { entries: [debit({ bookedOn: before })], lines: posted },
    ],
    [
      "agrees when the log settled it on another day",
      [],
      logged([{ settledAt: at - 86_400_000 }], "post"),
      { entries: [debit()], lines: posted },
    ],
    ["agrees when it came back", [], cameBack, { entries: [debit(), credit()], lines: reversed }],
    [
      "is none of another day's business",
      [],
      logged([{ settledAt: at - 86_400_000 }], "post"),
      { entries: [], lines: [] },
    ],
    ["is settled and not paid", ["settled-not-paid"], paid, { entries: [], lines: posted }],
    [
      "is paid and not settled",
      ["paid-not-settled"],
      logged([{}]),
      { entries: [debit()], lines: [line("hold")] },
    ],
    [
      "is paid by another bank than the one that it went to",
      ["settled-not-paid", "payment-unknown"],
      paid,
      { entries: [debit({ bank: "south" })], lines: posted },
    ],
    [
      "is paid under an attempt that never was",
      ["payment-unknown"],
      paid,
      { entries: [debit(), debit({ reference: reference(1, 2) })], lines: posted },
    ],
    [
      "is paid for an item that never was",
      ["payment-unknown"],
      paid,
      { entries: [debit(), debit({ reference: reference(2) })], lines: posted },
    ],
    ["is paid, and there is no log", ["payment-unknown"], undefined, { entries: [debit()], lines: [] }],
    [
      "is paid in another amount",
      ["amount-differs"],
      paid,
      { entries: [debit({ minor: 1_001n })], lines: posted },
    ],
    [
      "is paid with charges that the bank lists",
      [],
      paid,
      {
        entries: [debit({ minor: 1_035n, amounts: { instructed: [], charges: [eur(35n)] } })],
        lines: posted,
      },
    ],
    [
      "is paid with more charges than the bank lists",
      ["amount-differs"],
      paid,
      {
        entries: [debit({ minor: 1_036n, amounts: { instructed: [], charges: [eur(35n)] } })],
        lines: posted,
      },
    ],
    [
      "is paid by an exchange",
      [],
      paid,
      {
        entries: [
          debit({ currency: "USD", minor: 1_170n, amounts: { instructed: [eur(1_000n)], charges: [] } }),
        ],
        lines: posted,
      },
    ],
    [
      "is paid in another currency",
      ["amount-differs"],
      paid,
      { entries: [debit({ currency: "USD" })], lines: posted },
    ],
    [
      "is paid twice under one reference",
      ["paid-twice"],
      paid,
      { entries: [debit(), debit()], lines: posted },
    ],
    [
      "is paid again days later",
      ["paid-twice"],
      logged([{ settledAt: at - 3 * 86_400_000 }], "post"),
      { entries: [debit({ bookedOn: before }), debit()], lines: [] },
    ],
    [
      "is paid by two attempts",
      ["paid-twice"],
      logged([{ settledAt: at }, { settledAt: at }], "post"),
      { entries: [debit(), debit({ reference: reference(1, 2) })], lines: posted },
    ],
    [
      "is paid again after it came back",
      [],
      logged([{ settledAt: at, returnedAt: at }, { settledAt: at }], "post", "reverse"),
      { entries: [debit(), credit(), debit({ reference: reference(1, 2) })], lines: reversed },
    ],
    ["came back unheard", ["returned-not-in-log"], paid, { entries: [debit(), credit()], lines: posted }],
    [
      "came back on paper only",
      ["return-not-on-statement"],
      cameBack,
      { entries: [debit()], lines: reversed },
    ],
    [
      "is settled and not posted",
      ["settled-not-posted"],
      paid,
      { entries: [debit()], lines: [line("hold")] },
    ],
    ["is posted and not settled", ["posted-not-settled"], logged([{}]), { entries: [], lines: posted }],
    [
      "came back and is not reversed",
      ["returned-not-reversed"],
      cameBack,
      { entries: [debit(), credit()], lines: posted },
    ],
    [
      "is posted twice",
      ["posted-not-settled"],
      paid,
      { entries: [debit()], lines: [...posted, line("post", { postingId: "p-again" })] },
    ],
    [
      "is posted twice, as it was asked",
      [],
      logged([{ settledAt: at }], "release", "hold", "post", "post"),
      { entries: [debit()], lines: [...posted, line("post", { postingId: "p-again" })] },
    ],
    [
      "is reversed and did not come back",
      ["reversed-not-returned"],
      paid,
      { entries: [debit()], lines: reversed },
    ],
    [
      "is released and was not asked to be",
      ["posting-unknown"],
      logged([{}]),
      { entries: [], lines: [line("hold"), line("release")] },
    ],
    [
      "is held for an item that never was",
      ["posting-unknown"],
      paid,
      { entries: [debit()], lines: [...posted, line("hold", { item: 2 })] },
    ],
    ["is held, and there is no log", ["posting-unknown"], undefined, { entries: [], lines: [line("hold")] }],
    [
      "is posted in another amount",
      ["ledger-amount-differs"],
      paid,
      { entries: [debit()], lines: [line("hold"), line("post", { minor: 1n })] },
    ],
  ])("%s", (_, kinds, log, records) => {
    const found = compareBatch(day, batch, log, records)
    expect(found.map(({ kind }) => kind)).toEqual(kinds)
    for (const discrepancy of found) expect(discrepancy).toMatchObject({ batch })
  })

  it("masks what looks like an account in a reference that is not ours", () => {
    const [payment] = unknownPayments([debit({ reference: "DE89370400440532013000" })])
    expect(payment?.reference).toBe("[redacted]")
  })

  it("has each payment that is not ours, also of several without a reference", () => {
    const strangers = ["", "", "DE89370400440532013000"].map((reference) => debit({ reference }))
    const found = unknownPayments([
      ...strangers,
      debit({ reference: "", bank: "south" }),
      debit({ reference: "", currency: "USD", minor: 5n }),
    ])
    expect(found.map(({ bank, reference, found }) => [bank, reference, found])).toEqual([
      ["north", "", "3 payments, EUR 20.00 and USD 0.05"],
      ["north", "[redacted]", "EUR 10.00"],
      ["south", "", "EUR 10.00"],
    ])
    expect(new Set(found.map((discrepancy) => discrepancyId(day, discrepancy))).size).toBe(3)
  })

  it("differs in kinds that docs/RECONCILIATION.md lists, each with its meaning", () => {
    const rows = readFileSync("docs/RECONCILIATION.md", "utf8").matchAll(/^\| `([a-z-]+)` \| (.+) \|$/gm)
    expect(Object.fromEntries([...rows].map(([, kind, meaning]) => [kind, meaning]))).toEqual(
      discrepancyKinds,
    )
  })
})

describe("whatever the records are", () => {
  const money = fc.record({ minor: fc.constantFrom(1_000n, 999n), bookedOn: fc.constantFrom(before, day) })
  const entries = fc.array(
    fc.record({
      kind: fc.constantFrom("debit" as const, "credit" as const),
      money,
      attempt: fc.integer({ min: 1, max: 2 }),
    }),
    { maxLength: 4 },
  )
  const lines = fc.array(
    fc.record({
      kind: fc.constantFrom("hold" as const, "post" as const, "release" as const, "reverse" as const),
      money,
    }),
    { maxLength: 4 },
  )

  it("agreement means one payment for a settled item, posted in its amount", () => {
    fc.assert(
      fc.property(entries, lines, (entries, lines) => {
        const records = {
          entries: entries.map(({ kind, money, attempt }) =>
            entry(kind, { ...money, reference: reference(1, attempt) }),
          ),
          lines: lines.map(({ kind, money }) => line(kind, money)),
        }
        if (compareBatch(day, batch, paid, records).length > 0) return
        const debits = records.entries.filter(
          ({ kind, reference: own }) => kind === "debit" && own === reference(1),
        )
        expect(debits.length).toBeGreaterThan(0)
        expect(debits.every(({ minor }) => minor === 1_000n)).toBe(true)
        expect(
          records.entries.every(
            (e) => e.kind === "debit" || e.bookedOn !== day || e.reference !== reference(1),
          ),
        ).toBe(true)
        expect(records.lines.some(({ kind }) => kind === "post")).toBe(true)
        expect(
          records.lines.every(
            (l) => l.bookedOn !== day || (["hold", "post"].includes(l.kind) && l.minor === 1_000n),
          ),
        ).toBe(true)
      }),
      { numRuns: 2_000 },
    )
  })
})

describe("what a log says of money", () => {
  const said = ({ events }: Story) => {
    const batch = emptyLoggedBatch()
    for (const event of events) note(batch, event)
    return batch
  }

  it("is when an attempt settled, and what the ledger was asked for", () => {
    const story = new Story().requested(2)
    story.hears(1, settled)
    story.posted("post")
    const { partner, items } = said(story)
    expect(partner).toBe("acme")
    expect(items.get(1)?.attempts[0]?.settledAt).toBeDefined()
    expect([...(items.get(1)?.requested ?? [])]).toEqual([
      ["hold", 1],
      ["post", 1],
    ])
    expect(items.get(2)?.attempts[0]?.settledAt).toBeUndefined()
  })

  it("follows a person's word about a parked item", () => {
    const story = new Story().requested(1)
    story.hears(1, settled)
    story.hears(1, { _tag: "Failed", evidence: "callback", code: "AC04" })
    story.tell({ _tag: "Resolve", item: 1, outcome: "failed", by: "olga", reason: "never left" })
    expect(said(story).items.get(1)?.attempts[0]?.settledAt).toBeUndefined()
  })
})

it("lists what cannot be used of statements, without an account number", () => {
  const problem = "Ntry/Amt: not a decimal"
  const [found] = unusedStatements([
    { bank: "north", place: "DE89370400440532013000.xml Stmt 1 Ntry 2", problem },
  ])
  expect(found).toEqual({
    kind: "statement-not-used",
    bank: "north",
    reference: "[redacted].xml Stmt 1 Ntry 2",
    expected: "a statement that can be read",
    found: problem,
  })
})
