/**
 * References of items where the file gives many of them the same one, or none. They follow from what the items are and not
 * from their order, so the same payouts have the same references in whatever order a file lists them.
 */
import { Predicate, Result } from "effect"
import { formatAmount, parseAmount } from "../domain/money.ts"
import { enteredItem } from "../http/payout-batches/payout-batch-request.ts"
import { atOnce } from "../parsing/turns.ts"
import { canonicalJson } from "./canonical-batch.ts"
import type { DraftItem } from "./payout-rows.ts"

const LENGTH_MAX = 64

/**
 * The drafts with a reference each: one that is used once stays, others get a number: `inv 1 #1`, `inv 1 #2`. Only references
 * that may be shared get numbers. Drafts that are the same in everything keep the same reference: the check finds it twice,
 * as nobody can tell a payment that is meant twice from a row that was copied by mistake.
 */
export const withOwnReferences = (
  written: ReadonlyArray<DraftItem>,
  mayBeShared: (reference: string) => boolean,
): ReadonlyArray<DraftItem> => {
  const drafts = written.filter(({ reference }) => mayBeShared(reference))
  const others = new Set(written.map(inOneForm).map(({ reference }) => reference))
  const named = atOnce(ownReferences(drafts, (reference) => others.has(reference)))
  let next = 0
  return written.map((draft) => (mayBeShared(draft.reference) ? (named[next++] ?? draft) : inOneForm(draft)))
}

/** Drafts that are named before others get their turn: a few milliseconds. */
const NAMED_AT_ONCE = 100
const NAMED_IN_GROUP_AT_ONCE = 2_000

/**
 * The same in slices, for drafts whose references may all be shared. `isTaken` tells references that other items have, or these
 * drafts were written with.
 */
export function* ownReferences(
  written: ReadonlyArray<DraftItem>,
  isTaken: (reference: string) => boolean,
): Generator<void, ReadonlyArray<DraftItem>> {
  const texts = new Map<string, Set<string>>()
  const named: Array<{ readonly draft: DraftItem; readonly text: string }> = []
  for (const [index, one] of written.entries()) {
    if (index > 0 && index % NAMED_AT_ONCE === 0) yield
    const draft = inOneForm(one)
    const text = canonicalJson(draft)
    named.push({ draft, text })
    const same = texts.get(draft.reference)
    if (same === undefined) texts.set(draft.reference, new Set([text]))
    else same.add(text)
  }
  const given = new Set<string>()
  const own = new Map<string, string>()
  for (const reference of [...texts.keys()].sort()) {
    const shared = [...(texts.get(reference) ?? [])]
    if (shared.length === 1) continue
    yield
    let number = 0
    for (const [index, text] of shared.sort().entries()) {
      if (index % NAMED_IN_GROUP_AT_ONCE === NAMED_IN_GROUP_AT_ONCE - 1) yield
      do number += 1
      while (isUsed(numbered(reference, number)))
      given.add(numbered(reference, number))
      own.set(text, numbered(reference, number))
    }
  }
  return named.map(({ draft, text }) => ({ ...draft, reference: own.get(text) ?? draft.reference }))

  function isUsed(reference: string): boolean {
    return given.has(reference) || texts.has(reference) || isTaken(reference)
  }
}

/**
 * A draft in the one form that all spellings of it have: "10" or "10.00", an account in groups or without, letters and accents
 * apart or together. Otherwise another spelling of the same payouts would give them other references, and another batch.
 */
const inOneForm = (draft: DraftItem): DraftItem => {
  const item = enteredItem(structuredClone(draft)) as DraftItem
  return { ...item, amount: amountInOneForm(item.amount) }
}

/** What is no amount stays as it is, and is refused later. */
const amountInOneForm = (amount: unknown): unknown => {
  if (!Predicate.hasProperty(amount, "currency") || !Predicate.hasProperty(amount, "value")) return amount
  const { currency, value } = amount
  if (!Predicate.isString(currency) || !Predicate.isString(value)) return amount
  return Result.match(parseAmount(value, currency), {
    onSuccess: (minor) => ({ currency, value: formatAmount(minor, currency) }),
    onFailure: () => amount,
  })
}

const numbered = (reference: string, number: number): string => {
  const suffix = ` #${number}`
  return `${reference.slice(0, LENGTH_MAX - suffix.length).trimEnd()}${suffix}`
}
