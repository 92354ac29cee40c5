/*
 * Makes the batches in this folder: `node examples/generate.ts`. The same numbers come out every time. People, shops
 * and accounts are invented; only their check digits are right. docs/SANDBOX.md tells what the magic names do.
 */
import { writeFileSync } from "node:fs"
import { passesModulusCheck } from "../src/domain/uk-modulus.ts"

interface Payout {
  readonly reference: string
  readonly amount: { readonly currency: Currency; readonly value: string }
  readonly beneficiary: { readonly name: string; readonly account: Readonly<Record<string, string>> }
  readonly remittance?: string
}

const counts = { EUR: 90, GBP: 45, USD: 40, JPY: 25 } as const
type Currency = keyof typeof counts

/** Which places of each currency's list are taken by people for whom the sandbox has a special fate. */
const magic: Readonly<Record<Currency, Readonly<Record<number, string>>>> = {
  EUR: {
    7: "Sam Sanctioned",
    15: "Rita Review",
    23: "Ivo Insufficient",
    31: "Clara Closed",
    40: "Tim Timeout",
    52: "Sally Slow",
    58: "Rudi Reroute",
    64: "Dora Duplicate",
    77: "Ralf Returned",
  },
  GBP: { 5: "Rita Review", 12: "Clara Closed", 20: "Tim Timeout", 29: "Ralf Returned", 38: "Dora Duplicate" },
  USD: { 4: "Ivo Insufficient", 11: "Sam Sanctioned", 19: "Sally Slow", 33: "Ralf Returned" },
  JPY: { 6: "Clara Closed", 14: "Dora Duplicate", 21: "Rita Review" },
}

const given = ["Amélie", "Anneke", "Birgit", "Carlos", "Chiara", "Dieter", "Elif", "Femke", "Giulia", "Hanna"]
const more = ["Ines", "Jonas", "Klára", "Lucía", "Maarten", "Niamh", "Olga", "Pedro", "Siobhán", "Zoë"]
const family = ["Albrecht", "Brunner", "Castellani", "Dubois", "Eriksen", "Fernández", "García", "Holloway"]
const families = [
  "Ivanova",
  "Jansen",
  "Kowalska",
  "Lindqvist",
  "Moreau",
  "Nakamura",
  "O’Brien",
  "van der Berg",
]
const shops = ["Atelier Nord", "Blue Harbour Prints", "Casa Olivo", "Drei Linden Keramik", "Fern & Finch Ltd"]
const japanese = ["Aoi Tanaka", "Haruto Sato", "Hina Suzuki", "Itsuki Mori", "Mei Kobayashi", "Ren Watanabe"]

/** Mulberry32: small, and the same on every machine. */
const randomFrom = (seed: number) => {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const random = randomFrom(20_261_101)
const below = (limit: number): number => Math.floor(random() * limit)
const digits = (length: number): string => Array.from({ length }, () => below(10)).join("")
const pick = <A>(from: ReadonlyArray<A>): A => {
  const picked = from[below(from.length)]
  if (picked === undefined) throw new RangeError("nothing to pick from")
  return picked
}

/** The first characters of the part after the check digits, and how many digits follow. */
const ibanShapes: Readonly<Record<string, readonly [ReadonlyArray<string>, number]>> = {
  AT: [[""], 16],
  BE: [[""], 12],
  DE: [["37040044", "50010517"], 10],
  ES: [[""], 20],
  FI: [[""], 14],
  FR: [["2004101005"], 13],
  IE: [["AIBK931152", "BOFI900017"], 8],
  IT: [["X0542811101"], 12],
  NL: [["ABNA", "INGB", "RABO"], 10],
  PT: [[""], 21],
}

/** ISO 13616: the check digits are 98 less the remainder of the number with zeros in their place. */
const iban = (): string => {
  const country = pick(Object.keys(ibanShapes))
  const [starts, length] = ibanShapes[country] ?? [[""], 0]
  const rest = pick(starts) + digits(length)
  const number = [...`${rest}${country}00`].map((character) => Number.parseInt(character, 36)).join("")
  return `${country}${String(98n - (BigInt(number) % 97n)).padStart(2, "0")}${rest}`
}

/** ABA: the ninth digit makes the sum with weights 3, 7, 1 divisible by ten. */
const routingNumber = (): string => {
  const start = `${pick(["0210", "0260", "1210", "1110"])}${digits(4)}`
  const sum = [...start].reduce(
    (total, digit, index) => total + Number(digit) * ([3, 7, 1][index % 3] ?? 0),
    0,
  )
  return `${start}${(10 - (sum % 10)) % 10}`
}

/** The first account number from a random one on that can belong to the sort code (Vocalink). */
const british = (): Readonly<Record<string, string>> => {
  const sortCode = `20${digits(4)}`
  let number = Number(digits(8))
  const account = () => String(number % 100_000_000).padStart(8, "0")
  while (!passesModulusCheck(sortCode, account())) number += 1
  return { scheme: "sort-code", sortCode, accountNumber: account() }
}

const accounts: Readonly<Record<Currency, () => Readonly<Record<string, string>>>> = {
  EUR: () => ({ scheme: "iban", iban: iban() }),
  GBP: british,
  USD: () => ({
    scheme: "aba",
    routingNumber: routingNumber(),
    accountNumber: digits(10),
    accountType: pick(["checking", "checking", "savings"]),
  }),
  JPY: () => ({
    scheme: "bic",
    bic: pick(["BOTKJPJT", "SMBCJPJT", "MHCBJPJT"]),
    accountNumber: digits(7),
  }),
}

const personIn = (currency: Currency): string => {
  if (currency === "JPY") return pick(japanese)
  return random() < 0.15 ? pick(shops) : `${pick([...given, ...more])} ${pick([...family, ...families])}`
}

/** Most payouts of a marketplace are small, a few are large. */
const valueIn = (currency: Currency): string => {
  const whole = Math.round(8 + 90 * random() + 2_400 * random() ** 6)
  return currency === "JPY" ? String(whole * 150) : `${whole}.${digits(2)}`
}

const payoutsIn = (currency: Currency): ReadonlyArray<Payout> =>
  Array.from({ length: counts[currency] }, (_, index) => ({
    reference: `2026-11-${currency}-${String(index + 1).padStart(3, "0")}`,
    amount: { currency, value: valueIn(currency) },
    beneficiary: { name: magic[currency][index] ?? personIn(currency), account: accounts[currency]() },
    ...(random() < 0.6 ? { remittance: `Sales of week ${40 + below(5)}` } : {}),
  }))

/** As in real life, the currencies come in no order. */
const shuffled = <A>(list: ReadonlyArray<A>): ReadonlyArray<A> =>
  list
    .map((value) => ({ value, key: random() }))
    .sort((a, b) => a.key - b.key)
    .map(({ value }) => value)

/** Wallets: after everything else, so that the payouts to accounts are what they were before. */
const walletMagic: Readonly<Record<number, string>> = {
  3: "Clara Closed",
  9: "Sam Sanctioned",
  14: "Ralf Returned",
  17: "Tim Timeout",
}

const wallets: ReadonlyArray<(name: string) => Readonly<Record<string, string>>> = [
  (name) => ({ scheme: "email", email: `${name.toLowerCase().replaceAll(/[^a-z]+/g, ".")}@example.com` }),
  () => ({ scheme: "phone", phone: `+4915${digits(9)}` }),
  () => ({
    scheme: "paypal-id",
    paypalId: Array.from({ length: 13 }, () => pick([..."23456789ABCDEFGHJKLMNPQRSTUVWXYZ"])).join(""),
  }),
]

const payoutsToWallets = (): ReadonlyArray<Payout> =>
  Array.from({ length: 20 }, (_, index) => {
    const currency = index % 4 === 3 ? "USD" : "EUR"
    const name =
      walletMagic[index] ?? `${pick(given)} ${pick(family)}`.normalize("NFD").replaceAll(/\p{M}/gu, "")
    return {
      reference: `2026-11-W-${String(index + 1).padStart(3, "0")}`,
      amount: { currency, value: valueIn(currency) },
      beneficiary: { name, account: (wallets[index % wallets.length] ?? british)(name) },
      remittance: `Sales of week ${40 + below(5)}`,
    }
  })

const items = shuffled([...payoutsIn("EUR"), ...payoutsIn("GBP"), ...payoutsIn("USD"), ...payoutsIn("JPY")])
const batch = { reference: "marketplace-2026-11", items }
writeFileSync(new URL("payouts.json", import.meta.url), `${JSON.stringify(batch, null, 2)}\n`)
const withWallets = {
  reference: "marketplace-2026-11-wallets",
  items: shuffled([...items, ...payoutsToWallets()]),
}
writeFileSync(
  new URL("payouts-and-wallets.json", import.meta.url),
  `${JSON.stringify(withWallets, null, 2)}\n`,
)
