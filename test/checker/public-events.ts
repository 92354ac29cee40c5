/**
 * The public events of a batch, by docs/EVENTS.md and the raw log alone. It shares no code with the publisher, and reads only
 * logs without disputes: of other entries it says that it does not know what they publish.
 */
import { type LogStory, tellStory } from "./log-story.ts"
import type { Event } from "./logged-event.ts"
import type { LogEntry } from "./redis-snapshot.ts"

/** An event that has to be published. */
export interface ExpectedEvent {
  readonly id: string
  readonly name: string
  readonly item: number | undefined
}

export interface PublicStory {
  readonly partner: string
  readonly story: LogStory
  /** In the order of their sequence, which is their place. */
  readonly events: ReadonlyArray<ExpectedEvent>
  readonly faults: ReadonlyArray<string>
}

interface Received extends Event {
  readonly partner?: string
}

/** Entries that publish nothing. */
const silent = new Set([
  "BatchReceived",
  "ScreeningRequested",
  "ClearancePending",
  "BatchApproved",
  "ExecutionStarted",
  "PostingRequested",
  "PostingBooked",
  "TransfersRequested",
  "TransferResent",
  "TransferAccepted",
  "TransfersAccepted",
  "TransferUnknown",
  "WithdrawalsRequested",
  "RerouteRequested",
])

/** What an entry about one transfer publishes. */
const outcomes: Readonly<Record<string, string>> = {
  TransferSettled: "PayoutSettled",
  TransferFailed: "PayoutFailed",
  TransferReturned: "PayoutReturned",
  TransferParked: "PayoutParked",
}

/** The last public event of an item, by where its money is. */
const ends: Readonly<Record<string, string>> = {
  settled: "PayoutSettled",
  failed: "PayoutFailed",
  returned: "PayoutReturned",
  rejected: "PayoutRejected",
  cancelled: "PayoutCancelled",
}

export const publicStoryOf = (batch: string, entries: ReadonlyArray<LogEntry>): PublicStory => {
  const logged = entries.map(({ text }) => JSON.parse(text) as Received)
  const story = tellStory(batch, entries)
  const faults: Array<string> = []
  const events: Array<ExpectedEvent> = []
  let received = 0
  for (const [index, event] of logged.entries()) {
    const own = `${batch}:${index + 1}`
    if (event._tag === "ItemsReceived") received += event.items?.length ?? 0
    const found = namesIn(
      event,
      logged.slice(index + 1),
      event._tag === "ItemsReceived" && received === story.itemCount,
    )
    if (found === undefined) faults.push(`${own}: nobody knows what ${event._tag} publishes`)
    for (const { name, item, isOneOfSeveral } of found ?? [])
      events.push({ id: isOneOfSeveral ? `${own}:${item}` : own, name, item })
  }
  for (const [item, place] of story.places) {
    const last = events.findLast((event) => event.item === item)?.name
    if (place !== "open" && last !== ends[place])
      faults.push(`${batch} item ${item} is ${place}, and its last event ${last}`)
  }
  return { partner: logged[0]?.partner ?? "", story, events, faults }
}

interface Named {
  readonly name: string
  readonly item?: number
  /** An entry about several items has an event for each. */
  readonly isOneOfSeveral?: boolean
}

const namesIn = (
  event: Event,
  later: ReadonlyArray<Event>,
  isComplete: boolean,
): ReadonlyArray<Named> | undefined => {
  const { _tag, item = 0, items = [], decisions = [], transfers = [] } = event
  if (silent.has(_tag)) return []
  switch (_tag) {
    case "ItemsReceived":
      return isComplete ? [{ name: "PayoutBatchAccepted" }] : []
    case "BatchClosed":
      return [{ name: "PayoutBatchClosed" }]
    case "CommandRefused":
      return [{ name: "PayoutBatchCommandRefused" }]
    case "ItemReviewed":
      return event.decision === "rejected" ? [{ name: "PayoutRejected", item }] : []
    case "ItemsCancelled":
      return items.map((item) => ({ name: "PayoutCancelled", item: Number(item), isOneOfSeveral: true }))
    case "TransfersSettled":
      return transfers.map(({ item }) => ({ name: "PayoutSettled", item, isOneOfSeveral: true }))
    case "ItemsUnrouted":
      return items.map((item) => ({ name: "PayoutUnrouted", item: Number(item), isOneOfSeveral: true }))
    case "ItemsScreened": {
      const stopping = decisions.filter(
        ({ decision, released }) => decision !== "approved" && released !== true,
      )
      return [...new Map(stopping.map((one) => [one.item, one])).values()].map(({ item, decision }) => ({
        name: decision === "review" ? "PayoutHeld" : "PayoutRejected",
        item,
        isOneOfSeveral: true,
      }))
    }
    default: {
      const name = outcomes[_tag]
      if (name === undefined) return undefined
      // A failure after which the payout goes on to another bank is no end.
      const next = later.find((one) => one.item === item)?._tag
      return _tag === "TransferFailed" && next === "RerouteRequested" ? [] : [{ name, item }]
    }
  }
}
