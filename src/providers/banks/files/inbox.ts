/**
 * Files from a bank, each taken in once: what it says of our orders is written down, then told to their batches where that
 * changes something there, and only then is the file marked as read. Whoever dies in between does it again, which changes nothing.
 * Nothing that a file says is guessed at: what is odd is reported, and a file that cannot be believed goes to quarantine.
 */
import { hash } from "node:crypto"
import { Array as Arr, Clock, Effect, Result, Schedule } from "effect"
import type { TransferOutcome } from "../../../domain/commands.ts"
import { parseTransferReference } from "../../../domain/identifiers.ts"
import { cleanText } from "../../../domain/outside-text.ts"
import { type CommandId, Mailbox } from "../../../streams/mailbox.ts"
import { Metrics } from "../../../telemetry/metrics.ts"
import type { BankMessage } from "../../iso20022/bank-message.ts"
import { readMessage } from "../../iso20022/bank-message-reader.ts"
import { FILE_BYTES_MAX } from "../../iso20022/xml-reader.ts"
import { newsIn } from "./bank-news.ts"
import { type FileOrder, FileOrders, type OrderNews } from "./file-orders.ts"
import { type Arrival, arrivals, explain, putAway, readArrival } from "./folder.ts"
import { type InboxFile, InboxFiles, type Oddity } from "./inbox-files.ts"
import { isInDoubt, type OrderWord, wordKeyOf } from "./order-words.ts"
import type { FileBank } from "./outbox.ts"

/** Files taken in at one look. */
const FILES_MAX = 100
/** Orders that are told of and written down together. */
const CHUNK = 500
const TELLS_MAX = 16
/** A full mailbox is emptied by a worker; if it is not after so long, the file waits for a later look. */
const MAILBOX_RETRY_MS = 100
const MAILBOX_RETRIES = 50
/** A file that is taken in again within so long costs its batches nothing; later, they know old news. */
const TOLD_KEPT_MS = 600_000

/**
 * Takes in the files that look as they did at the last look; gives what was seen, for the next one. A file that cannot be
 * taken in yet holds up no other.
 */
export const readInbox = Effect.fn("readInbox")(function* (bank: FileBank, before: ReadonlySet<string>) {
  const found = yield* arrivals(bank.folder, FILES_MAX)
  for (const arrival of found.filter((arrival) => before.has(lookOf(arrival))))
    yield* Effect.catch(takeIn(bank, arrival), (failure) =>
      Effect.logWarning("file of a bank cannot be taken in yet", {
        bank: bank.name,
        file: arrival.name,
        failure,
      }),
    )
  return new Set(found.map(lookOf))
})

const lookOf = ({ name, look }: Arrival): string => `${look}:${name}`

const takeIn = Effect.fnUntraced(function* (bank: FileBank, arrival: Arrival) {
  const { name, look } = arrival
  const content = yield* readArrival(bank.folder, name, FILE_BYTES_MAX)
  if (content === undefined) return
  if (content === "too-long")
    return yield* quarantine(bank, arrival, hash("sha256", look), `longer than ${FILE_BYTES_MAX} bytes`)
  const digest = hash("sha256", content)
  const file: InboxFile = { bank: bank.name, name, digest }
  if (yield* (yield* InboxFiles).isRead(file)) return yield* archive(bank, arrival, digest, "repeated")
  const message = yield* Effect.result(readMessage(content))
  if (Result.isFailure(message)) return yield* quarantine(bank, arrival, digest, message.failure.message)
  yield* hear(bank, file, message.success)
  yield* archive(bank, arrival, digest, "read")
})

/** Files of one name do not take each other's place. */
const keptAs = ({ name }: Arrival, digest: string): string => `${digest.slice(0, 16)}-${name}`

const archive = Effect.fnUntraced(function* (
  bank: FileBank,
  arrival: Arrival,
  digest: string,
  outcome: "read" | "repeated",
) {
  const as = keptAs(arrival, digest)
  yield* putAway(bank.folder, arrival, "archive", as)
  const { bankFiles } = yield* Metrics
  bankFiles.inc({ bank: bank.name, outcome })
  yield* Effect.logInfo("file of a bank archived", { bank: bank.name, file: as, outcome })
})

const quarantine = Effect.fnUntraced(function* (
  bank: FileBank,
  arrival: Arrival,
  digest: string,
  reason: string,
) {
  const as = keptAs(arrival, digest)
  yield* explain(bank.folder, as, reason)
  yield* putAway(bank.folder, arrival, "quarantine", as)
  const { bankFiles } = yield* Metrics
  bankFiles.inc({ bank: bank.name, outcome: "quarantined" })
  yield* Effect.logError("file of a bank put into quarantine", { bank: bank.name, file: as, reason })
})

const hear = Effect.fnUntraced(function* (bank: FileBank, file: InboxFile, message: BankMessage) {
  const { news, oddities } = yield* newsIn(bank.name, message)
  const strangers = [...oddities]
  for (const chunk of Arr.chunksOf(news, CHUNK)) {
    const orders = yield* FileOrders
    const changed = yield* orders.record(bank.name, chunk)
    const answers = yield* Effect.forEach(changed, (order) => tellAll(file, order), {
      concurrency: TELLS_MAX,
    })
    strangers.push(...answers.flat())
    yield* orders.told(bank.name, changed)
  }
  if (!(yield* (yield* InboxFiles).finish(file, strangers)) || strangers.length === 0) return
  const { bankOddities } = yield* Metrics
  for (const { reason } of strangers) bankOddities.inc({ bank: bank.name, reason })
  yield* Effect.logError("a bank told of transfers what nobody can act on", {
    bank: bank.name,
    digest: file.digest.slice(0, 16),
    count: strangers.length,
  })
})

/**
 * Tells a batch what it was not told yet of an order, a refusal before a sign against it. That the bank has the order is what
 * the batch believes anyway, unless that is in doubt.
 */
const tellAll = Effect.fnUntraced(function* (file: InboxFile, order: FileOrder) {
  const strangers: Array<Oddity> = []
  for (const word of order.untold.toSorted((one, other) => rank(one) - rank(other)))
    if (word._tag !== "Accepted" || isInDoubt(order.words))
      strangers.push(...(yield* tell(file, { reference: order.reference, word }, order.orderId)))
  return strangers
})

const rank = ({ _tag }: OrderWord): number => (_tag === "Accepted" ? 1 : 0)

/** Puts a word into the mailbox of its batch; hearing it again changes nothing there. */
const tell = Effect.fnUntraced(function* (file: InboxFile, { reference, word }: OrderNews, orderId: string) {
  const transfer = parseTransferReference(reference)
  if (transfer === undefined) return [{ reference, reason: "no-such-batch" }] as const
  const { batch, item, attempt } = transfer
  const at = yield* Clock.currentTimeMillis
  const outcome = outcomeOf(word, orderId, at)
  return yield* (yield* Mailbox)
    .enqueue(
      batch,
      { _tag: "RecordTransfer", at, item, attempt, bank: file.bank, outcome },
      commandIdOf(file, reference, word),
    )
    .pipe(
      Effect.retry({
        while: ({ _tag }) => _tag === "MailboxFull",
        schedule: Schedule.spaced(MAILBOX_RETRY_MS),
        times: MAILBOX_RETRIES,
      }),
      Effect.as([]),
      Effect.catchTag("NoSuchBatch", () => Effect.succeed([{ reference, reason: "no-such-batch" }] as const)),
    )
})

/** One message says a thing once, however often its file is taken in. */
const commandIdOf = ({ bank, digest }: InboxFile, reference: string, word: OrderWord): CommandId => ({
  id: hash("sha256", JSON.stringify([bank, digest, reference, wordKeyOf(word)]), "base64url"),
  digest: "",
  keptMs: TOLD_KEPT_MS,
})

const outcomeOf = (word: OrderWord, orderId: string, at: number): TransferOutcome => {
  const evidence = "callback"
  switch (word._tag) {
    case "Accepted":
      return { _tag: "Accepted", transferId: orderId, inquireAt: at, evidence }
    case "Refused":
      return { _tag: "Failed", code: cleanText(word.code), whole: true, evidence }
    case "Asked":
      throw new Error("that an order was asked back is no word of a bank")
    case "Failed":
    case "Returned":
      return { ...word, code: cleanText(word.code), evidence }
    case "Settled":
      return { ...word, evidence }
  }
}
