/**
 * Writes and reads events and mail: one line of JSON each, events with their version. Text that cannot be read is a failure
 * with a reason, never a guess.
 */
import { Array as Arr, Predicate, Result, Schema } from "effect"
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

/** It names each field, which is several times as fast as a copy of the others. */
const itemJson = ({ item, reference, remittance, currency, beneficiary, minor }: PayoutItem) =>
  remittance === undefined
    ? { item, reference, currency, beneficiary, minor: minor.toString() }
    : { item, reference, remittance, currency, beneficiary, minor: minor.toString() }

const decodeAny = Schema.decodeUnknownResult(BatchEvent)

type Decode = typeof decodeAny

/** A decoder for each kind, because the one of all kinds would look for the kind's schema again at each event. */
const decoders: ReadonlyMap<unknown, Decode> = new Map<unknown, Decode>(
  BatchEvent.members.map((kind) => [kind.fields._tag.schema.literal, Schema.decodeUnknownResult(kind)]),
)

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

const decodeItems: Decode = (json) =>
  Result.map(decodeWrittenItems(json), (event) => ({ ...event, items: Arr.map(event.items, readItem) }))

const readItem = (written: (typeof WrittenItems.Type)["items"][number]): PayoutItem => {
  const { item, reference, beneficiary, currency, remittance } = written
  const read = { item, reference, beneficiary, currency, minor: BigInt(written.minor) }
  return remittance === undefined ? read : { ...read, remittance }
}

/** Reads an event. Fails with a sentence that names the field and never its value, because events contain payees. */
export const decodeEvent = (text: string): Result.Result<BatchEvent, string> => {
  const json = parse(text)
  if (json === undefined) return notAnObject
  const lifted = upcast(json)
  if (Result.isFailure(lifted)) return Result.fail(lifted.failure)
  const event = lifted.success
  const decode = event._tag === "ItemsReceived" ? decodeItems : (decoders.get(event._tag) ?? decodeAny)
  return Result.mapError(decode(event), ({ message }) => message)
}

const notAnObject = Result.fail("not a JSON object")

const parse = (text: string): EventJson | undefined => {
  try {
    const json: unknown = JSON.parse(text)
    return Predicate.isObject(json) ? (json as EventJson) : undefined
  } catch {
    return undefined
  }
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
export const decodeMail = (text: string): Result.Result<MailCommand, string> => {
  const json = parse(text)
  if (json === undefined) return notAnObject
  return Result.mapError(decodeCommand(withCleanTexts(json)), ({ message }) => message)
}
