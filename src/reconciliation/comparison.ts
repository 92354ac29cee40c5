/**
 * Compares the log of one batch with the books of the banks and the ledger. Pure functions.
 *
 * Each side's records of the day must have a counterpart on the other side, on whatever day that was booked: a payment that
 * settled at 23:59:59 here may be booked on the next day there, and that is no difference.
 */

import { type Day, utcDay } from "../domain/business-days.ts"
import { cleanText } from "../domain/outside-text.ts"
import { explanationOf } from "../providers/booked-amount.ts"
import type { LedgerLine, StatementEntry, UnusedPart } from "../providers/books.ts"
import type { Discrepancy, DiscrepancyKind } from "./discrepancy.ts"
import type { LoggedAttempt, LoggedBatch, LoggedItem } from "./logged-batch.ts"
import type { BatchRecords } from "./records.ts"
import { type Money, shown, shownTogether } from "./shown-amounts.ts"

/** All differences about a batch on a day (UTC). `logged` is `undefined` if no log of that batch exists. */
export const compareBatch = (
  day: Day,
  batch: string,
  logged: LoggedBatch | undefined,
  { entries, lines }: BatchRecords,
): ReadonlyArray<Discrepancy> => {
  const partner = logged?.partner ?? lines[0]?.partner
  const about = { ...(partner === undefined ? {} : { partner }), batch }
  const entriesOf = Map.groupBy(entries, ({ reference }) => reference)
  const linesOf = Map.groupBy(lines, ({ item }) => item)
  const found: Array<Discrepancy> = []
  for (const item of logged?.items.values() ?? []) {
    const own = item.attempts.map((attempt) => ({ attempt, entries: entriesOf.get(attempt.reference) ?? [] }))
    const differences = [
      ...own.flatMap(({ attempt, entries }) => [
        ...compareAttempt(
          day,
          item,
          attempt,
          entries.filter(({ bank }) => bank === attempt.bank),
        ),
        // A payment at another bank proves nothing about the bank that the attempt went to.
        ...unknownPayments(entries.filter((entry) => entry.bank !== attempt.bank && isDebitOf(day)(entry))),
      ]),
      ...comparePayments(day, item, own),
      ...compareLedger(day, item, linesOf.get(item.item) ?? []),
    ]
    for (const difference of differences) found.push({ ...about, item: item.item, ...difference })
    for (const { reference } of item.attempts) entriesOf.delete(reference)
    linesOf.delete(item.item)
  }
  for (const payment of unknownPayments([...entriesOf.values()].flat().filter(isDebitOf(day))))
    found.push({ ...about, ...payment })
  for (const line of [...linesOf.values()].flat().filter(({ bookedOn }) => bookedOn === day))
    found.push({ ...about, item: line.item, ...unrequestedPosting(line) })
  return found
}

/**
 * Payments under references that no log knows: one difference per bank and reference, because several payments may share a
 * reference or have none. A foreign reference that looks like an account is masked.
 */
export const unknownPayments = (entries: ReadonlyArray<StatementEntry>): ReadonlyArray<Discrepancy> => {
  const payments = entries.map((entry) => ({ ...entry, reference: cleanText(entry.reference) }))
  const alike = Map.groupBy(payments, ({ bank, reference }) => JSON.stringify([bank, reference]))
  return [...alike.values()].flatMap(([first, ...others]) =>
    first === undefined
      ? []
      : [
          {
            kind: "payment-unknown",
            bank: first.bank,
            reference: first.reference,
            expected: NOTHING,
            found: others.length === 0 ? shown(first) : shownTogether([first, ...others]),
          },
        ],
  )
}

/**
 * Entries that have ids of ours and count for no order: one difference per bank, direction and ids. Money that left is a payment
 * that no log explains; money that came is a part of a statement that was not compared.
 */
export const unclearEntries = (entries: ReadonlyArray<StatementEntry>): ReadonlyArray<Discrepancy> => {
  const alike = Map.groupBy(entries, ({ bank, kind, unclear }) => JSON.stringify([bank, kind, unclear]))
  return [...alike.values()].flatMap(([first, ...others]) =>
    first?.unclear === undefined
      ? []
      : [
          {
            kind: first.kind === "debit" ? "payment-unknown" : "statement-not-used",
            bank: first.bank,
            reference: cleanText(first.unclear.about),
            expected: first.unclear.expected,
            found: others.length === 0 ? shown(first) : shownTogether([first, ...others]),
          },
        ],
  )
}

/** Parts of statements that cannot be used: what is in them was not compared. */
export const unusedStatements = (parts: ReadonlyArray<UnusedPart>): ReadonlyArray<Discrepancy> =>
  parts.map(({ bank, place, problem }) => ({
    kind: "statement-not-used",
    bank,
    reference: cleanText(place),
    expected: "a statement that can be read",
    found: cleanText(problem),
  }))

const NOTHING = "nothing"

const isSame = (a: Money, b: Money): boolean => a.currency === b.currency && a.minor === b.minor

const isDebitOf =
  (day: Day) =>
  ({ kind, bookedOn }: StatementEntry): boolean =>
    kind === "debit" && bookedOn === day

const isOn = (day: Day, at: number | undefined): boolean => at !== undefined && utcDay(at) === day

const compareAttempt = (
  day: Day,
  item: LoggedItem,
  { bank, reference, settledAt, returnedAt }: LoggedAttempt,
  entries: ReadonlyArray<StatementEntry>,
): ReadonlyArray<Discrepancy> => {
  const debits = entries.filter(({ kind }) => kind === "debit")
  const credits = entries.filter(({ kind }) => kind === "credit")
  const differ = (kind: DiscrepancyKind, expected: string, found: string): Discrepancy => ({
    kind,
    bank,
    reference,
    expected,
    found,
  })
  const paidToday = debits.find(isDebitOf(day))
  const creditToday = credits.find(({ bookedOn }) => bookedOn === day)
  const found: Array<Discrepancy> = []
  if (isOn(day, settledAt) && debits.length === 0)
    found.push(differ("settled-not-paid", shown(item), NOTHING))
  if (paidToday !== undefined && settledAt === undefined)
    found.push(differ("paid-not-settled", NOTHING, shown(paidToday)))
  if (isOn(day, returnedAt) && credits.length === 0)
    found.push(differ("return-not-on-statement", shown(item), NOTHING))
  if (creditToday !== undefined && returnedAt === undefined)
    found.push(differ("returned-not-in-log", NOTHING, shown(creditToday)))
  const concernsToday = paidToday ?? creditToday ?? (isOn(day, settledAt) || isOn(day, returnedAt))
  const other = entries.find(
    (entry) => explanationOf(item, { ...entry, isReturn: entry.kind === "credit" }) === undefined,
  )
  if (concernsToday && other !== undefined) found.push(differ("amount-differs", shown(item), shown(other)))
  return found
}

/** At most one payment for an item may have left for good; all others must have come back. */
const comparePayments = (
  day: Day,
  item: LoggedItem,
  attempts: ReadonlyArray<{ attempt: LoggedAttempt; entries: ReadonlyArray<StatementEntry> }>,
): ReadonlyArray<Discrepancy> => {
  const all = attempts.flatMap(({ entries }) => entries)
  const debits = all.filter(({ kind }) => kind === "debit")
  const last = debits.findLast(isDebitOf(day))
  const kept = debits.length - (all.length - debits.length)
  return last === undefined || kept < 2
    ? []
    : [
        {
          kind: "paid-twice",
          bank: last.bank,
          reference: last.reference,
          expected: shown(item),
          found: `${kept} payments`,
        },
      ]
}

const compareLedger = (
  day: Day,
  item: LoggedItem,
  lines: ReadonlyArray<LedgerLine>,
): ReadonlyArray<Discrepancy> => {
  const isBooked = (kind: LedgerLine["kind"]) => lines.some((line) => line.kind === kind)
  const missing = (kind: DiscrepancyKind): Discrepancy => ({ kind, expected: shown(item), found: NOTHING })
  const found: Array<Discrepancy> = []
  if (item.attempts.some(({ settledAt }) => isOn(day, settledAt)) && !isBooked("post"))
    found.push(missing("settled-not-posted"))
  if (item.attempts.some(({ returnedAt }) => isOn(day, returnedAt)) && !isBooked("reverse"))
    found.push(missing("returned-not-reversed"))
  const surplus = new Set(surplusOf(item, lines))
  for (const line of lines.filter(({ bookedOn }) => bookedOn === day)) {
    if (surplus.has(line)) found.push(unrequestedPosting(line))
    else if (!isSame(line, item))
      found.push({
        kind: "ledger-amount-differs",
        reference: line.postingId,
        expected: shown(item),
        found: shown(line),
      })
  }
  return found
}

/** The ledger's lines of each kind beyond those that the log requested: the latest ones. */
const surplusOf = ({ requested }: LoggedItem, lines: ReadonlyArray<LedgerLine>): ReadonlyArray<LedgerLine> =>
  [...Map.groupBy(lines, ({ kind }) => kind)].flatMap(([kind, all]) =>
    all.toSorted((one, other) => one.bookedOn.localeCompare(other.bookedOn)).slice(requested.get(kind) ?? 0),
  )

const unrequested = {
  hold: "posting-unknown",
  release: "posting-unknown",
  post: "posted-not-settled",
  reverse: "reversed-not-returned",
} as const satisfies Record<LedgerLine["kind"], DiscrepancyKind>

const unrequestedPosting = (line: LedgerLine): Discrepancy => ({
  kind: unrequested[line.kind],
  reference: line.postingId,
  expected: NOTHING,
  found: `${line.kind} ${shown(line)}`,
})
