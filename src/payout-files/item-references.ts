/**
 * References of items where the file gives many of them the same one, or none. They follow from what the items are and not
 * from their order, so the same payouts have the same references in whatever order a file lists them.
 */
import { canonicalJson } from "./canonical-batch.ts"
import type { DraftItem } from "./payout-rows.ts"

const LENGTH_MAX = 64

/**
 * The drafts with a reference each: one that is used once stays, others get a number: `inv 1 #1`, `inv 1 #2`. Only references
 * that may be shared get numbers; any other that stands twice is a mistake, and is left for the check to find.
 */
export const withOwnReferences = (
  drafts: ReadonlyArray<DraftItem>,
  mayBeShared: (reference: string) => boolean,
): ReadonlyArray<DraftItem> => {
  const groups = Map.groupBy(drafts.keys(), (index) => drafts[index]?.reference ?? "")
  const taken = new Set(groups.keys())
  const own = drafts.map(({ reference }) => reference)
  for (const reference of [...groups.keys()].sort()) {
    const indexes = groups.get(reference) ?? []
    if (indexes.length === 1 || !mayBeShared(reference)) continue
    const texts = new Map(indexes.map((index) => [index, canonicalJson(drafts[index])]))
    const sorted = indexes.toSorted((a, b) => compared(texts.get(a) ?? "", texts.get(b) ?? ""))
    let number = 0
    for (const index of sorted) {
      let name: string
      do {
        number += 1
        name = numbered(reference, number)
      } while (taken.has(name))
      taken.add(name)
      own[index] = name
    }
  }
  return drafts.map((draft, index) => ({ ...draft, reference: own[index] ?? draft.reference }))
}

const compared = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

const numbered = (reference: string, number: number): string => {
  const suffix = ` #${number}`
  return `${reference.slice(0, LENGTH_MAX - suffix.length).trimEnd()}${suffix}`
}
