/**
 * The one form in which a batch from a file is sent, and the name that follows from it. The same payouts give the same bytes
 * and the same idempotency key, in whatever kind of file, encoding, notation or order they come: so a file that is submitted
 * again, after a crash or by mistake, is the same batch.
 */
import { hash } from "node:crypto"
import { visibleOf } from "../domain/beneficiary.ts"
import { formatAmount } from "../domain/money.ts"
import type { BatchRequest, RequestedItem } from "../http/payout-batches/payout-batch-request.ts"

/** JSON with the members of each object in the order of their names. */
export const canonicalJson = (value: unknown): string =>
  JSON.stringify(value, (_, member: unknown) =>
    typeof member === "object" && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => compared(a, b)))
      : member,
  )

const compared = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** Items in the order of their references, and numbered in it. */
export const inOrder = (items: ReadonlyArray<RequestedItem>): ReadonlyArray<RequestedItem> =>
  items
    .toSorted((a, b) => compared(a.reference, b.reference))
    .map((item, index) => ({ ...item, item: index + 1 }))

/** What a request says beside its items. What is found in reading one, such as its totals, is no part of it. */
type TermName = Exclude<keyof BatchRequest, "items" | "totals" | "modulusFailures" | "rejectedRows">
export type Terms = Partial<Pick<BatchRequest, TermName>>

/** What a batch may say, also to a service of another release. */
const terms = ["reference", "mode", "submittedBy", "requireApproval", "executeAt", "duplicates"] as const
type Missing = Exclude<TermName, (typeof terms)[number]>

/** A term that is missing here would be left out silently: then this is no list, and nothing compiles. */
const termNames: ReadonlyArray<string> & ([Missing] extends [never] ? unknown : never) = terms

/** The body of `POST /payout-batches` for items in order, on the terms of a request. */
export const canonicalBody = ({ executeAt, ...others }: Terms, items: ReadonlyArray<RequestedItem>): string =>
  canonicalJson({
    ...Object.fromEntries(Object.entries(others).filter(([name]) => termNames.includes(name))),
    ...(executeAt === undefined ? {} : { executeAt: new Date(executeAt).toISOString() }),
    items: items.map(({ item: _, currency, minor, ...rest }) => ({
      ...rest,
      amount: { currency, value: formatAmount(minor, currency) },
    })),
  })

/**
 * The idempotency key of payouts: SHA-256 over what the log shows of them anyway (reference, amount, name, remittance, and
 * of the account its scheme, country and last four characters). The log has this key in clear, so a hash over whole accounts
 * would let its readers find them by trying. Where only hidden digits or the batch's terms differ, the key is the same
 * and the body is not: the service refuses, and pays nothing twice.
 *
 * What is hashed must never change: a key that a later release derives differently would pay a file again.
 */
export const contentKey = (items: ReadonlyArray<RequestedItem>): string => {
  const shown = items.map(({ reference, currency, minor, beneficiary: { name, account }, remittance }) => {
    const { scheme, country: shownCountry, lastFour } = visibleOf(account)
    // The prefix, as in keys from before territories were told from their country.
    const country = account.scheme === "iban" ? account.iban.slice(0, 2) : shownCountry
    const fields = [
      reference,
      currency,
      minor.toString(),
      name,
      scheme,
      country ?? "",
      lastFour,
      remittance ?? "",
    ]
    return JSON.stringify(fields)
  })
  return `payouts-${hash("sha256", shown.toSorted(compared).join("\n"), "hex")}`
}

/** People give a reason to pay again, in a sentence: it becomes part of the key, and of the batch's reference. */
export const REASON_LENGTH_MAX = 57
const ENCODED_LENGTH_MAX = 160

/** The key under which the same payouts are paid once more. Its readable part is ASCII, others are percent-encoded. */
export const keyToPayAgain = (key: string, reason: string): string =>
  `${key}-again-${encodeURIComponent(reason).replaceAll("%20", " ").slice(0, ENCODED_LENGTH_MAX)}`.trimEnd()

/** The reference of a batch that pays again and has no other: at most 64 characters. */
export const referenceToPayAgain = (reason: string): string => `again: ${reason}`
