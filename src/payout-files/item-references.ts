/**
 * References of items where the file gives many of them the same one, or none. They follow from what the items are and not
 * from their order, so the same payouts have the same references in whatever order a file lists them.
 */
import { Predicate, Result } from "effect"
import { formatAmount, parseAmount } from "../domain/money.ts"
import { enteredItem } from "../http/payout-batches/payout-batch-request.ts"
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
  const drafts = written.map(inOneForm)
  const groups = Map.groupBy(drafts, ({ reference }) => reference)
  const taken = new Set(groups.keys())
  const own = new Map<string, string>()
  for (const reference of [...groups.keys()].sort()) {
    const texts = new Set((groups.get(reference) ?? []).map(canonicalJson))
    if (texts.size === 1 || !mayBeShared(reference)) continue
    let number = 0
    for (const text of [...texts].sort()) {
      do number += 1
      while (taken.has(numbered(reference, number)))
      taken.add(numbered(reference, number))
      own.set(text, numbered(reference, number))
    }
  }
  return drafts.map((draft) => ({ ...draft, reference: own.get(canonicalJson(draft)) ?? draft.reference }))
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
