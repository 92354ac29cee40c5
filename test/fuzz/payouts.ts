/** Payouts that can be accepted and paid. Each goes to an account of its own, which must not appear in any answer or log. */
import type { Chance } from "./chance.ts"

/** A payout, as in the `items` of a batch. */
export interface Payout {
  readonly reference: string
  readonly amount: { readonly currency: string; readonly value: string }
  readonly beneficiary: {
    readonly name: string
    readonly account:
      | { readonly scheme: "iban"; readonly iban: string }
      | { readonly scheme: "sort-code"; readonly sortCode: string; readonly accountNumber: string }
  }
  readonly remittance?: string
}

/** docs/SANDBOX.md says what happens to them. Most people are plainly paid. */
const strangers = [
  "Sam Sanctioned",
  "Rita Review",
  "Ada Async",
  "Clara Closed",
  "Ivo Insufficient",
  "Dora Duplicate",
  "Rudi Reroute",
]
const STRANGE_SHARE = 0.2

export const payoutOf = (chance: Chance, reference: string): Payout => {
  const currency = chance.pick(["EUR", "EUR", "GBP", "USD", "JPY"])
  const minor = String(1 + chance.below(50_000)).padStart(3, "0")
  const value = currency === "JPY" ? String(Number(minor)) : `${minor.slice(0, -2)}.${minor.slice(-2)}`
  const name = chance.isTrue(STRANGE_SHARE) ? chance.pick(strangers) : "Ada Lovelace"
  return {
    reference,
    amount: { currency, value },
    beneficiary: { name: `${name} ${chance.below(1_000)}`, account: accountOf(chance, currency) },
    ...(chance.isTrue(0.5) ? { remittance: `Order ${chance.below(100_000)}` } : {}),
  }
}

const accountOf = (chance: Chance, currency: string): Payout["beneficiary"]["account"] =>
  currency === "GBP"
    ? { scheme: "sort-code", sortCode: "608371", accountNumber: `9${chance.digits(7)}` }
    : { scheme: "iban", iban: ibanOf(`37040044${chance.digits(10)}`) }

/** A German IBAN (ISO 13616) of an eighteen-digit BBAN. */
const ibanOf = (bban: string): string => {
  const check = 98n - (BigInt(`${bban}131400`) % 97n)
  return `DE${String(check).padStart(2, "0")}${bban}`
}

/** Our own columns, as docs/CLI.md has them. */
export const csvOf = (payouts: ReadonlyArray<Payout>): string =>
  [
    "reference,currency,amount,name,iban,sort_code,account_number,remittance",
    ...payouts.map(({ reference, amount, beneficiary: { name, account }, remittance = "" }) =>
      [
        reference,
        amount.currency,
        amount.value,
        name,
        ...(account.scheme === "iban"
          ? [account.iban, "", ""]
          : ["", account.sortCode, account.accountNumber]),
        remittance,
      ].join(","),
    ),
    "",
  ].join("\n")

export const ndjsonOf = (payouts: ReadonlyArray<Payout>): string =>
  payouts.map((payout) => `${JSON.stringify(payout)}\n`).join("")

/** Puts payouts with an IBAN into the pain.001 document that the API shows as its example. */
export const pain001Of = (example: string, payouts: ReadonlyArray<Payout>): string => {
  const transfers = payouts.map(
    ({ reference, amount, beneficiary: { name, account } }) => `<CdtTrfTxInf>
        <PmtId><EndToEndId>${reference}</EndToEndId></PmtId>
        <Amt><InstdAmt Ccy="${amount.currency}">${amount.value}</InstdAmt></Amt>
        <Cdtr><Nm>${name}</Nm></Cdtr>
        <CdtrAcct><Id><IBAN>${account.scheme === "iban" ? account.iban : ""}</IBAN></Id></CdtrAcct>
      </CdtTrfTxInf>`,
  )
  return example
    .replace(/<CdtTrfTxInf>[\s\S]*<\/CdtTrfTxInf>/, transfers.join("\n      "))
    .replace(/<NbOfTxs>\d+/, `<NbOfTxs>${payouts.length}`)
    .replace(/<Dt>[\d-]+<\/Dt>/, "<Dt>{{tomorrow}}</Dt>")
}

/** The account of the examples in the document, which /docs shows to everybody. */
const SHOWN_TO_ALL = "DE89370400440532013000"

/** The account numbers in a text: long enough that nothing else is one of them by chance. */
export const accountsIn = (text: string): ReadonlyArray<string> =>
  (text.match(/\bDE\d{20}\b|\b9\d{7}\b/g) ?? []).filter((account) => account !== SHOWN_TO_ALL)
