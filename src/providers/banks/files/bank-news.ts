/** What a message of a bank means for our orders, and what is odd about it. Nothing is guessed at: what is odd is not acted on. */
import { Effect } from "effect"
import { cleanText } from "../../../domain/outside-text.ts"
import type { BankMessage } from "../../iso20022/bank-message.ts"
import type { StatusReport } from "../../iso20022/status-report.ts"
import type { Told } from "../../iso20022/transfer-word.ts"
import { type FileOrder, FileOrders, type OrderNews } from "./file-orders.ts"
import type { Oddity } from "./inbox-files.ts"
import { type OrderWord, wordKeyOf } from "./order-words.ts"

export interface BankNews {
  /** What was not known yet. */
  readonly news: ReadonlyArray<OrderNews>
  readonly oddities: ReadonlyArray<Oddity>
}

export const newsIn = Effect.fn("newsIn")(function* (bank: string, message: BankMessage) {
  switch (message._tag) {
    case "Statement":
      return withoutStrangers(yield* ofNamed(bank, message.named))
    case "Notification":
      return yield* ofNamed(bank, message.named)
    case "StatusReport":
      return together([yield* ofNamed(bank, message.named), yield* ofOthers(bank, message)])
  }
})

const nothing: BankNews = { news: [], oddities: [] }

const together = (parts: ReadonlyArray<BankNews>): BankNews => ({
  news: parts.flatMap(({ news }) => news),
  oddities: parts.flatMap(({ oddities }) => oddities),
})

/** A statement has the movements of the whole account: what is nobody's order is for the reconciliation. */
const withoutStrangers = ({ news, oddities }: BankNews): BankNews => ({
  news,
  oddities: oddities.filter(({ reason }) => reason !== "unknown-reference"),
})

const ofNamed = Effect.fnUntraced(function* (bank: string, named: ReadonlyArray<Told>) {
  const references = [...new Set(named.map(({ reference }) => reference))]
  const orders = yield* (yield* FileOrders).sent(bank, references)
  const byReference = new Map(orders.map((order) => [order.reference, order]))
  return together(named.map((told) => judged(told, byReference.get(told.reference))))
})

/** What is said of the whole file holds for each of its orders that is not named. */
const ofOthers = Effect.fnUntraced(function* (bank: string, { about, named, others }: StatusReport) {
  const orders = yield* (yield* FileOrders).sentIn(bank, about)
  if (orders.length === 0) return strange(about, "unknown-file")
  if (others === undefined) return nothing
  const apart = new Set(named.map(({ reference }) => reference))
  const rest = orders.filter(({ reference }) => !apart.has(reference))
  const word: Told["word"] = others._tag === "Failed" ? { ...others, whole: true } : others
  const judgedRest = rest.flatMap((order) => judged({ reference: order.reference, word }, order).news)
  return { news: judgedRest, oddities: oddWhole(about, others) }
})

/** What a person has to see of a word on a whole file: once, not for each of its orders. */
const oddWhole = (about: string, { _tag }: Told["word"]): BankNews["oddities"] => {
  if (_tag === "Unclear") return [{ reference: about, reason: "unclear-status" }]
  return _tag === "Failed" ? [{ reference: about, reason: "refused-whole" }] : []
}

const judged = ({ reference, word, amount }: Told, order: FileOrder | undefined): BankNews => {
  if (order === undefined) return strange(reference, "unknown-reference")
  if (amount !== undefined && (amount.currency !== order.currency || amount.minor !== order.minor))
    return odd(reference, "amount-differs")
  if (word._tag === "Failed" && word.whole === true)
    return newsOf(order, { _tag: "Refused", code: word.code })
  if (word._tag !== "Unclear") return newsOf(order, word)
  const { news } = word.isDuplicate === true ? newsOf(order, { _tag: "Accepted" }) : nothing
  return { news, oddities: [{ reference, reason: "unclear-status" }] }
}

/** What was said before, and told where that was needed, is no news. Who refuses a copy shows that it has the order. */
const newsOf = ({ reference, words, untold }: FileOrder, word: OrderWord): BankNews => {
  const isWord = (other: OrderWord) => wordKeyOf(other) === wordKeyOf(word)
  const isOld = words.some(isWord) && !untold.some(isWord)
  return isOld ? nothing : { news: [{ reference, word }], oddities: [] }
}

const odd = (reference: string, reason: Oddity["reason"]): BankNews => ({
  news: [],
  oddities: [{ reference, reason }],
})

/** What is not ours is kept in clear, so it is cleaned. */
const strange = (reference: string, reason: Oddity["reason"]): BankNews => odd(cleanText(reference), reason)
