/**
 * Whether what a bank refuses may be a second copy of a file of which it has the first. It shows that it has the first one by
 * any word on any order of it: accepted, settled, returned. From then on a refusal of another order of the file, which that
 * word left open, may be the copy's. So the order is counted as one that the bank may have, by the word `accepted`, where
 *
 *   - it is refused by name for the first time, and the bank showed in an earlier message that it has the file;
 *   - it was refused by name before, and one beside it that was refused with the whole file then turns out to be taken.
 *
 * What is accepted in the very message that refuses the order, or in a later one, is what became of the rest of that copy:
 * a bank that names what it takes beside what it refuses, or refuses in stages before it tells of anything else, is believed.
 *
 * What was written down of a message before its reader died does not make the rest of it doubtful: refusals go first, and
 * one that is written down is not judged again.
 */
import { Effect } from "effect"
import { type FileOrder, FileOrders, type OrderNews } from "./file-orders.ts"
import { isSign, mayBeOfCopy, type OrderWord, wordKeyOf } from "./order-words.ts"

/** What follows from news, beside the news: orders that the bank may have, although it refuses them. */
export const signsOfCopies = Effect.fn("signsOfCopies")(function* (
  bank: string,
  orders: ReadonlyArray<FileOrder>,
  news: ReadonlyArray<OrderNews>,
) {
  const byReference = new Map(orders.map((order) => [order.reference, order]))
  const about = news.flatMap(({ reference, word }) => {
    const order = byReference.get(reference)
    return order === undefined ? [] : [{ order, word }]
  })
  const refused = about.filter(({ order, word }) => mayBeOfCopy(word) && !hasWord(order, word))
  const takenAfterAll = about.filter(({ order, word }) => isSign(word) && isRefusedWithAll(order))
  const references = [...refused, ...takenAfterAll].map(({ order }) => order.reference)
  if (references.length === 0) return []
  const besides = yield* (yield* FileOrders).besides(bank, references)
  const filesOf = (orders: ReadonlyArray<FileOrder>) => new Set(orders.map(({ file }) => file))
  const shown = filesOf(besides.filter(({ words }) => words.some(isSign)))
  const copied = filesOf(takenAfterAll.map(({ order }) => order))
  const refusedHere = new Set(
    about.filter(({ word }) => mayBeOfCopy(word)).map(({ order }) => order.reference),
  )
  const refusedBefore = besides.filter(
    ({ reference, words }) => words.some(mayBeOfCopy) && !refusedHere.has(reference),
  )
  const doubtful = [
    ...refused.flatMap(({ order }) => (shown.has(order.file) ? [order] : [])),
    ...refusedBefore.filter(({ file }) => copied.has(file)),
  ]
  return doubtful
    .filter((order) => !hasWord(order, accepted))
    .map(({ reference }) => ({ reference, word: accepted }))
})

const accepted: OrderWord = { _tag: "Accepted" }

/** Refused with its whole file, and nothing good was ever said of it. */
const isRefusedWithAll = ({ words }: FileOrder): boolean =>
  words.some(({ _tag }) => _tag === "Refused") && !words.some(isSign)

const hasWord = ({ words }: FileOrder, word: OrderWord): boolean =>
  words.some((other) => wordKeyOf(other) === wordKeyOf(word))
