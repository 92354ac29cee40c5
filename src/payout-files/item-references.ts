/**
 * References of items where the file gives many of them the same one, or none. They follow from what the items are and not
 * from their order, so the same payouts have the same references in whatever order a file lists them.
 */
import { canonicalJson } from "./canonical-batch.ts"
import type { DraftItem } from "./payout-rows.ts"

const LENGTH_MAX = 64

/**
 * The drafts with a reference each: one that is used once stays, others get a number: `inv 1 #1`, `inv 1 #2`. Only references
 * that may be shared get numbers. Drafts that are the same in everything keep the same reference: the check finds it twice,
 * as nobody can tell a payment that is meant twice from a row that was copied by mistake.
 */
export const withOwnReferences = (
  drafts: ReadonlyArray<DraftItem>,
  mayBeShared: (reference: string) => boolean,
): ReadonlyArray<DraftItem> => {
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

const numbered = (reference: string, number: number): string => {
  const suffix = ` #${number}`
  return `${reference.slice(0, LENGTH_MAX - suffix.length).trimEnd()}${suffix}`
}
