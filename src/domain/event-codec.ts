/**
 * Writes and reads events and mail: one line of JSON each, events with their version. Text that cannot be read is a failure
 * with a reason, never a guess.
 */
import { Predicate, Result, Schema } from "effect"
import { MailCommand, RecordTransfer } from "./commands.ts"
import { BatchEvent, ItemsReceived, PayoutItem } from "./events.ts"
import { kindsWithText, withCleanTexts } from "./outside-text.ts"
import { CLEAN, currentVersion, type EventJson, upcast } from "./upcasters.ts"

/**
 * Writes an event. `decide` made it, so it is not validated again. It differs from its JSON form only in amounts, which are
 * bigint. A test compares this with the schema.
 */
export const encodeEvent = (event: BatchEvent): string => {
  const version = currentVersion(event._tag)
  const json = event._tag === "ItemsReceived" ? { ...event, items: event.items.map(itemJson) } : event
  const lifted = version === 1 ? json : { ...json, v: version }
  return JSON.stringify(kindsWithText.has(event._tag) ? { ...lifted, clean: CLEAN } : lifted)
}

const itemJson = ({ minor, ...item }: Extract<BatchEvent, { _tag: "ItemsReceived" }>["items"][number]) => ({
  ...item,
  minor: minor.toString(),
})

const decodeCurrent = Schema.decodeUnknownResult(BatchEvent)

/** Items in their JSON form. A schema that only checks and converts nothing is several times as fast. */
const WrittenItems = Schema.Struct({
  ...ItemsReceived.fields,
  items: Schema.NonEmptyArray(
    Schema.Struct({
      ...PayoutItem.fields,
      minor: Schema.String.check(Schema.isPattern(/^-?[0-9]{1,40}$/, { message: "expected minor units" })),
    }),
  ),
})
const decodeWrittenItems = Schema.decodeUnknownResult(WrittenItems)

const decodeItems = (json: unknown) =>
  Result.map(decodeWrittenItems(json), (event): BatchEvent => {
    const [first, ...others] = event.items
    return { ...event, items: [readItem(first), ...others.map(readItem)] }
  })

const readItem = (item: (typeof WrittenItems.Type)["items"][number]): PayoutItem => ({
  ...item,
  minor: BigInt(item.minor),
})

/** Reads an event. Fails with a sentence that names the field and never its value, because events contain payees. */
export const decodeEvent = (text: string): Result.Result<BatchEvent, string> => {
  const lifted = Result.flatMap(parse(text), upcast)
  return Result.flatMap(lifted, (event) => {
    const decoded = event._tag === "ItemsReceived" ? decodeItems(event) : decodeCurrent(event)
    return Result.mapError(decoded, ({ message }) => message)
  })
}

const parse = (text: string): Result.Result<EventJson, string> => {
  const json = Result.try({ try: (): unknown => JSON.parse(text), catch: () => undefined })
  return Result.isSuccess(json) && Predicate.isObject(json.success)
    ? Result.succeed(json.success as EventJson)
    : Result.fail("not a JSON object")
}

/** Reports about transfers, which nearly all mail is: they convert nothing, so their check is compiled, unlike that of all mail. */
const checkTransfer = Schema.decodeUnknownResult(RecordTransfer)

const encodeCommand = Schema.encodeSync(Schema.fromJsonString(MailCommand))

/** Writes a command for a mailbox. Throws if it is not a valid one. */
export const encodeMail = (command: MailCommand): string => {
  const checked = command._tag === "RecordTransfer" ? checkTransfer(command) : undefined
  return checked !== undefined && Result.isSuccess(checked)
    ? JSON.stringify(checked.success)
    : encodeCommand(command)
}

const decodeAnyCommand = Schema.decodeUnknownResult(MailCommand)

const decodeCommand = (json: EventJson) => {
  const transfer = json._tag === "RecordTransfer" ? checkTransfer(json) : undefined
  return transfer !== undefined && Result.isSuccess(transfer) ? transfer : decodeAnyCommand(json)
}

/** Reads a command from a mailbox; fails like {@link decodeEvent}. It cleans its texts, as older releases did not. */
export const decodeMail = (text: string): Result.Result<MailCommand, string> =>
  Result.flatMap(parse(text), (json) =>
    Result.mapError(decodeCommand(withCleanTexts(json)), ({ message }) => message),
  )
