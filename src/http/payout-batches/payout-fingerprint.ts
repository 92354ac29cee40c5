/**
 * What payouts have in common that pay the same thing twice: the account, the currency, the amount, and a text that names
 * what is paid. A batch uses an item's reference once, and one that a system made up is another in each export; then the
 * remittance names the invoice. So an item has a fingerprint of its reference, and one of its remittance.
 */
import { createHmac } from "node:crypto"
import type { BeneficiaryAccount } from "../../domain/beneficiary.ts"
import type { DuplicateText } from "../../domain/duplicate-policy.ts"
import { ibanProblem } from "../../domain/iban.ts"
import type { BatchId, PartnerId } from "../../domain/identifiers.ts"
import type { ClaimedPayout } from "../../register/payout-claims.ts"
import type { DataKey } from "../../vault/partner-keys.ts"
import type { Repeated } from "./earlier-payouts.ts"
import type { RequestedItem } from "./payout-batch-request.ts"

/** Items in one slice: a few milliseconds. */
const ITEMS_AT_ONCE = 250
/** 128 bits. */
const HEX_DIGITS = 32
/** No request body begins like that, so no digest of one is a fingerprint. */
const PURPOSE = "atlaspay payout 1"

/**
 * The fingerprints of items: HMAC-SHA-256 under the key of request digests, because an account is found from a plain hash
 * by trying. Texts that are not `compared` get theirs as well: a later policy may look for them.
 */
export function* fingerprintsOf(
  { key }: DataKey,
  partner: PartnerId,
  items: ReadonlyArray<RequestedItem>,
  compared: ReadonlyArray<DuplicateText>,
): Generator<void, ReadonlyArray<ClaimedPayout>> {
  const fingerprints: Array<ClaimedPayout> = []
  for (const [index, item] of items.entries()) {
    if (index > 0 && index % ITEMS_AT_ONCE === 0) yield
    const { currency, minor, beneficiary } = item
    const payout = [PURPOSE, partner, ...identityOf(beneficiary.account), currency, minor.toString()]
    for (const [text, isCompared] of textsOf(item, compared)) {
      const digest = createHmac("sha256", key).update(JSON.stringify([...payout, text]))
      const fingerprint = digest.digest("hex").slice(0, HEX_DIGITS)
      fingerprints.push({ item: item.item, fingerprint, compared: isCompared })
    }
  }
  return fingerprints
}

/** Each text once, and whether a place where it stands is compared. */
const textsOf = (
  { reference, remittance }: RequestedItem,
  compared: ReadonlyArray<DuplicateText>,
): ReadonlyMap<string, boolean> => {
  const texts = new Map([[wordsOf(reference), compared.includes("reference")]])
  if (remittance !== undefined) {
    const words = wordsOf(remittance)
    texts.set(words, compared.includes("remittance") || texts.get(words) === true)
  }
  return texts
}

/** Its letters and digits, in one case: "INV-1" and "inv 1" name one invoice. A text without any is taken as it is. */
const wordsOf = (text: string): string => {
  const words = text
    .normalize("NFKC")
    .toUpperCase()
    .replaceAll(/[^\p{L}\p{M}\p{N}]+/gu, " ")
    .trim()
  return words === "" ? text : words
}

/** In a British IBAN, after four letters of the bank: six digits of the sort code and eight of the account. */
const britishIban = /^GB[0-9]{2}[A-Z]{4}([0-9]{6})([0-9]{8})$/
/** Of a BIC, what names the bank at a place; the other three characters name a branch. */
const BIC_OF_BANK = 8

/** An account however it is written: with or without a BIC or a branch, as an IBAN or by the scheme of its country. */
const identityOf = (account: BeneficiaryAccount): ReadonlyArray<string> => {
  switch (account.scheme) {
    case "iban":
      return identityOfIban(account.iban)
    case "sort-code":
      return ["sort-code", account.sortCode, account.accountNumber]
    case "aba":
      return ["aba", account.routingNumber, account.accountNumber]
    case "email":
      return ["email", account.email.toLowerCase()]
    case "phone":
      return ["phone", account.phone]
    case "paypal-id":
      return ["paypal-id", account.paypalId]
    case "bic":
      return ibanProblem(account.accountNumber) === undefined
        ? identityOfIban(account.accountNumber)
        : ["bic", account.bic.slice(0, BIC_OF_BANK), account.accountNumber]
  }
}

const identityOfIban = (iban: string): ReadonlyArray<string> => {
  const [, sortCode, accountNumber] = britishIban.exec(iban) ?? []
  return sortCode === undefined || accountNumber === undefined
    ? ["iban", iban]
    : ["sort-code", sortCode, accountNumber]
}

/** Fingerprints in one slice, when they are only compared. */
const COMPARED_AT_ONCE = 5_000

/** Items that share a compared fingerprint with an earlier item of the same batch, with the first such item. */
export function* repeatedWithin(
  batch: BatchId,
  fingerprints: ReadonlyArray<ClaimedPayout>,
): Generator<void, Repeated> {
  const first = new Map<string, number>()
  const repeated = new Map<number, { readonly batch: BatchId; readonly item: number }>()
  for (const [index, { item, fingerprint, compared }] of fingerprints.entries()) {
    if (index > 0 && index % COMPARED_AT_ONCE === 0) yield
    const earlier = first.get(fingerprint)
    if (earlier === undefined) first.set(fingerprint, item)
    else if (compared && earlier !== item && !repeated.has(item)) repeated.set(item, { batch, item: earlier })
  }
  return repeated
}
