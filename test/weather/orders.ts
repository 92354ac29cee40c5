/** The batches of a run: what they hold follows from the seed alone. */
import { readFileSync } from "node:fs"
import { chanceOf } from "../../src/sandbox/dice.ts"
import type { Order, PostedItem } from "../checker/partner.ts"
import { SILENT_CURRENCY } from "./forecast.ts"

const ITEMS_MAX = 60
/** Of all payouts, those to somebody with whom something happens. */
const STRANGE_SHARE = 0.15
const APPROVED_SHARE = 0.1

/** Whoever these people meet, docs/SANDBOX.md tells what happens. */
const strangers = [
  "Sam Sanctioned",
  "Rita Review",
  "Ada Async",
  "Vera Verified",
  "Clive Close",
  "Nora Nomatch",
  "Tim Timeout",
  "Clara Closed",
  "Ivo Insufficient",
  "Ralf Returned",
  "Dora Duplicate",
  "Rudi Reroute",
  "Sally Slow",
]

const examplesIn = (name: string) =>
  (
    JSON.parse(readFileSync(new URL(`../../examples/${name}.json`, import.meta.url), "utf8")) as {
      readonly items: ReadonlyArray<PostedItem>
    }
  ).items

const accounts = examplesIn("payouts")
/** Every eleventh is to a wallet. */
const withWallets = examplesIn("payouts-and-wallets")

/** So many payouts, in batches of 1 to 60; some of them to wallets, if there is a bank that pays these. */
export const ordersOf = (seed: number, payouts: number, hasWallets = false): ReadonlyArray<Order> => {
  const examples = hasWallets ? withWallets : accounts
  const orders: Array<Order> = []
  for (let left = payouts; left > 0; left -= orders.at(-1)?.items.length ?? left) {
    const batch = orders.length
    const size = Math.min(left, 1 + pick(ITEMS_MAX, seed, "size", batch))
    orders.push(orderOf(examples, seed, batch, size))
  }
  return orders
}

const orderOf = (examples: ReadonlyArray<PostedItem>, seed: number, batch: number, size: number): Order => ({
  key: `weather-${seed}-${batch}`,
  items: Array.from({ length: size }, (_, item) => payoutOf(examples, seed, batch, item)),
  ...(chanceOf(seed, "approval", batch) < APPROVED_SHARE
    ? { terms: { requireApproval: true, submittedBy: "clerk" } as const }
    : {}),
})

const payoutOf = (
  examples: ReadonlyArray<PostedItem>,
  seed: number,
  batch: number,
  item: number,
): PostedItem => {
  const example = examples[pick(examples.length, seed, "example", batch, item)]
  if (example === undefined) throw new Error("there are no example payouts")
  const { amount, beneficiary } = example
  const isStrange = chanceOf(seed, "strange", batch, item) < STRANGE_SHARE
  const known = strangersIn(amount.currency)
  const stranger = known[pick(known.length, seed, "stranger", batch, item)]
  const minor = String(1 + pick(500_000, seed, "minor", batch, item)).padStart(3, "0")
  return {
    reference: `invoice-${batch}-${item + 1}`,
    amount: { currency: amount.currency, value: decimal(minor, amount.currency) },
    beneficiary: {
      name: `${isStrange ? stranger : "Ada Lovelace"} ${item + 1}`,
      account: beneficiary.account,
    },
  }
}

/** Who does not call back tells of a return only by its books: the log would never agree with them. */
const strangersIn = (currency: string): ReadonlyArray<string> =>
  currency === SILENT_CURRENCY ? strangers.filter((name) => name !== "Ralf Returned") : strangers

/** The example has no currencies but those with two decimals, and the yen with none. */
const decimal = (minor: string, currency: string): string =>
  currency === "JPY" ? String(Number(minor)) : `${minor.slice(0, -2)}.${minor.slice(-2)}`

/** A whole number below `below`. */
const pick = (below: number, ...words: ReadonlyArray<string | number>): number =>
  Math.floor(chanceOf(...words) * below)
