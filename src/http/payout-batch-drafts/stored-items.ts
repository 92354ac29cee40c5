/** Items of drafts as they are stored: as a body of JSON has them, each with its number, sealed by hundreds under the partner's key. */
import { Array as Arr, Effect } from "effect"
import { type BeneficiaryAccount, maskedAccount, visibleOf } from "../../domain/beneficiary.ts"
import { formatAmount } from "../../domain/money.ts"
import type { Draft, SealedItems, StoredItems } from "../../drafts/drafts.ts"
import { openItems, sealItems } from "../../drafts/item-seal.ts"
import { turn } from "../../parsing/turns.ts"
import { KeysForgotten, keyIdOf, PartnerKeys } from "../../vault/partner-keys.ts"
import type { RequestedItem } from "../payout-batches/payout-batch-request.ts"
import type { DraftItem } from "./shapes.ts"

/** Items that are sealed together: opened and parsed, they take about two milliseconds. */
const SEALED_TOGETHER = 250

/** An item as a body of JSON has it. */
interface WrittenItem {
  readonly reference: string
  readonly amount: { readonly currency: string; readonly value: string }
  readonly beneficiary: { readonly name: string; readonly account: BeneficiaryAccount }
  readonly remittance?: string
}

/** An item with its number in the draft. */
export type Numbered = readonly [item: number, written: WrittenItem]

/** Items that were opened, and the bytes that were sealed. */
export interface OpenedItems extends Pick<StoredItems, "firstItem" | "page"> {
  readonly json: Buffer
  readonly items: ReadonlyArray<Numbered>
}

const writtenOf = ({ reference, currency, minor, beneficiary, remittance }: RequestedItem): WrittenItem => ({
  reference,
  amount: { currency, value: formatAmount(minor, currency) },
  beneficiary,
  ...(remittance === undefined ? {} : { remittance }),
})

/** Seals new items of a draft, which get its next numbers. */
export const sealedPage = Effect.fnUntraced(function* (draft: Draft, items: ReadonlyArray<RequestedItem>) {
  const key = yield* (yield* PartnerKeys).current(draft.partner)
  return yield* Effect.forEach(Arr.chunksOf(items, SEALED_TOGETHER), (chunk, index) =>
    Effect.map(index === 0 ? Effect.void : turn, (): SealedItems => {
      const firstItem = draft.nextItem + index * SEALED_TOGETHER
      const numbered = chunk.map((item, at): Numbered => [firstItem + at, writtenOf(item)])
      return sealedWith(key, draft, firstItem, numbered)
    }),
  )
})

/** Seals what is left of a group of items. */
export const sealedRest = Effect.fnUntraced(function* (
  draft: Draft,
  { firstItem }: OpenedItems,
  left: ReadonlyArray<Numbered>,
) {
  const key = yield* (yield* PartnerKeys).current(draft.partner)
  return sealedWith(key, draft, firstItem, left)
})

const sealedWith = (
  key: Parameters<typeof sealItems>[0],
  { partner, id }: Draft,
  firstItem: number,
  items: ReadonlyArray<Numbered>,
): SealedItems => {
  const json = Buffer.from(JSON.stringify(items))
  const sealed = sealItems(key, { partner, draft: id, firstItem }, json)
  return { firstItem, itemCount: items.length, bytes: json.length, sealed }
}

/** Opens a group of items. Fails if the partner's keys were destroyed since. */
export const opened = Effect.fnUntraced(function* (
  { partner, id }: Draft,
  { firstItem, page, itemCount, sealed }: StoredItems,
) {
  const key = yield* (yield* PartnerKeys).find(partner, keyIdOf(sealed))
  if (key === undefined) return yield* new KeysForgotten({ partner })
  const json = openItems(key, { partner, draft: id, firstItem }, sealed)
  if (json === undefined)
    return yield* Effect.die(new Error("the items of a draft are not those that were sealed"))
  // The seal proves that we wrote this.
  const items: ReadonlyArray<Numbered> = JSON.parse(json.toString("utf8"))
  if (items.length !== itemCount)
    return yield* Effect.die(new Error("a draft has other items than were sealed"))
  return { firstItem, page, json, items } satisfies OpenedItems as OpenedItems
})

/** An item as it is shown: without its account. */
export const shownItem = (page: number, [item, written]: Numbered): typeof DraftItem.Encoded => ({
  item,
  page,
  reference: written.reference,
  amount: written.amount,
  beneficiary: {
    name: written.beneficiary.name,
    account: maskedAccount(visibleOf(written.beneficiary.account)),
  },
  ...(written.remittance === undefined ? {} : { remittance: written.remittance }),
})
