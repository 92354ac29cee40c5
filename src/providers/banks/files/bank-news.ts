/** What a message of a bank means for our orders, and what is odd about it. Nothing is guessed at: what is odd is not acted on. */
import { Effect } from "effect"
import { cleanText } from "../../../domain/outside-text.ts"
import type { BankMessage } from "../../iso20022/bank-message.ts"
import type { StatusReport } from "../../iso20022/status-report.ts"
import type { Told } from "../../iso20022/transfer-word.ts"
import { signsOfCopies } from "./copies.ts"
import { type FileOrder, FileOrders, type OrderNews } from "./file-orders.ts"
import type { Oddity } from "./inbox-files.ts"
import { type OrderWord, wordKeyOf } from "./order-words.ts"

export interface BankNews {
  /** What was not known yet, in the order in which it has to be written down. */
  readonly news: ReadonlyArray<OrderNews>
  readonly oddities: ReadonlyArray<Oddity>
}

export const newsIn = Effect.fn("newsIn")(function* (bank: string, message: BankMessage) {
  const { orders, told } = yield* toldIn(bank, message)
  const { news, oddities } = together(told)
  const had = together(
    orders.filter(() => isOfCopy(message)).map((order) => newsOf(order, { _tag: "Accepted" })),
  )
  const signs = yield* signsOfCopies(bank, orders, news)
  return { news: [...had.news, ...signs, ...inOrder(news)], oddities }
})

/** Who calls something in a file a duplicate has all of its orders, those too that it refuses beside that. */
const isOfCopy = (message: BankMessage): boolean =>
  message._tag === "StatusReport" && message.isOfCopy === true

/** A refusal is written down before what is said of others, by which the next report is held to be of a copy. */
const inOrder = (news: BankNews["news"]): BankNews["news"] =>
  news.toSorted((one, other) => rank(one.word) - rank(other.word))

const rank = ({ _tag }: OrderWord): number => (_tag === "Failed" ? 0 : 1)

/** What is said, and of which orders. */
interface Heard {
  readonly orders: ReadonlyArray<FileOrder>
  readonly told: ReadonlyArray<BankNews>
}

const toldIn = Effect.fnUntraced(function* (bank: string, message: BankMessage) {
  const references = [...new Set(message.named.map(({ reference }) => reference))]
  const orders = yield* (yield* FileOrders).sent(bank, references)
  const byReference = new Map(orders.map((order) => [order.reference, order]))
  const named = message.named.map((told) => judged(told, byReference.get(told.reference)))
  switch (message._tag) {
    case "Statement":
      return { orders, told: named.map(withoutStrangers) } satisfies Heard
    case "Notification":
      return { orders, told: named } satisfies Heard
    case "StatusReport": {
      const file = yield* (yield* FileOrders).sentIn(bank, message.about)
      const told = [...named, ofOthers(message, file), ofStrangers(message, orders, file)]
      const all = new Map([...file, ...orders].map((order) => [order.reference, order]))
      return { orders: [...all.values()], told } satisfies Heard
    }
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

/** What is said of the whole file holds for each of its orders that is not named. */
const ofOthers = ({ about, named, others }: StatusReport, file: ReadonlyArray<FileOrder>): BankNews => {
  if (file.length === 0) return strange(about, "unknown-file")
  if (others === undefined) return nothing
  const apart = new Set(named.map(({ reference }) => reference))
  const rest = file.filter(({ reference }) => !apart.has(reference))
  const word: Told["word"] = others._tag === "Failed" ? { ...others, whole: true } : others
  const judgedRest = rest.flatMap((order) => judged({ reference: order.reference, word }, order).news)
  return { news: judgedRest, oddities: oddWhole(about, others) }
}

/** What a person has to see of a word on a whole file: once, not for each of its orders. */
const oddWhole = (about: string, { _tag }: Told["word"]): BankNews["oddities"] => {
  if (_tag === "Unclear") return [{ reference: about, reason: "unclear-status" }]
  return _tag === "Failed" ? [{ reference: about, reason: "refused-whole" }] : []
}

/** A report on one of our files that has a word on a payment, or names an order, that is not in it. */
const ofStrangers = (
  { about, strangers = [] }: StatusReport,
  named: ReadonlyArray<FileOrder>,
  file: ReadonlyArray<FileOrder>,
): BankNews => {
  const own = new Set(file.map(({ reference }) => reference))
  const elsewhere = file.length === 0 ? [] : named.filter(({ reference }) => !own.has(reference))
  return together([
    ...strangers.map((id) => strange(id || about, "unknown-payment")),
    ...elsewhere.map(({ reference }) => odd(reference, "other-file")),
  ])
}

const judged = ({ reference, word, amount }: Told, order: FileOrder | undefined): BankNews => {
  if (order === undefined) return strange(reference, "unknown-reference")
  if (amount !== undefined && (amount.currency !== order.currency || amount.minor !== order.minor))
    return odd(reference, "amount-differs")
  if (word._tag === "Failed" && word.whole === true)
    return newsOf(order, { _tag: "Refused", code: word.code })
  return word._tag === "Unclear" ? odd(reference, "unclear-status") : newsOf(order, word)
}

/** What was said before, and told where that was needed, is no news. */
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
