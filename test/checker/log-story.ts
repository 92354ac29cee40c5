/** What a log tells of a batch, by rules of the checker's own: where each item's money is at every prefix of the log. */
import { type Event, type LoggedItem, oneByOne, type Place } from "./logged-event.ts"
import { Permits } from "./permits.ts"
import type { LogEntry } from "./redis-snapshot.ts"

export type Parked = "transfer" | "unrouted" | "dispute"

/** What the log tells of a transfer from a bank's word: a refusal, or one that contradicts what was said before. */
export interface BankWord {
  readonly id: string
  readonly tag: string
  readonly item: number
  readonly attempt: number
  readonly said: string
}

/** A word of the compliance engine, as the log has it. */
export interface LoggedDecision {
  readonly item: number
  readonly decision: string
  readonly listVersion: string
}

export interface LogStory {
  readonly batch: string
  readonly key: string
  readonly itemCount: number
  readonly items: ReadonlyMap<number, LoggedItem>
  readonly places: ReadonlyMap<number, Place>
  /** Items that wait for a person: to say what became of their transfer or which word is true, or to lead them to a bank. */
  readonly parked: ReadonlyMap<number, Parked>
  /** References under which items were to be transferred, and the item of each. */
  readonly transfers: ReadonlyMap<string, number>
  readonly refusals: ReadonlyArray<BankWord>
  readonly contradictions: ReadonlyArray<BankWord>
  readonly decisions: ReadonlyArray<LoggedDecision>
  readonly isClosed: boolean
  /** What the log must never tell. */
  readonly faults: ReadonlyArray<string>
}

/** Folds a log. The sum per currency is formed anew after each event. */
export const tellStory = (batch: string, entries: ReadonlyArray<LogEntry>): LogStory => {
  const items = new Map<number, LoggedItem>()
  const places = new Map<number, Place>()
  const transfers = new Map<string, number>()
  const parked = new Map<number, Parked>()
  const permits = new Permits()
  const refusals: Array<BankWord> = []
  const contradictions: Array<BankWord> = []
  const logged: Array<LoggedDecision> = []
  const faults: Array<string> = []
  const sums = new Sums()
  let [key, itemCount, isClosed] = ["", 0, false]
  const read = entries.flatMap(({ id, text }) =>
    oneByOne(JSON.parse(text) as Event).map((event) => ({ id, event })),
  )
  for (const { id, event } of read) {
    const fault = (what: string) => faults.push(`${batch} ${id} ${event._tag}: ${what}`)
    if (event._tag === "BatchReceived") [key, itemCount] = [event.idempotencyKey ?? "", event.itemCount ?? 0]
    if (event._tag === "BatchClosed") isClosed = true
    const isResolution = event._tag === "ParkedResolved" || event._tag === "ResolutionProposed"
    if (isResolution && event.credential?.startsWith("operator:") !== true) fault("no operator said so")
    const { item: number = 0, attempt = 0, listVersion = "" } = event
    const word = { id, tag: event._tag, item: number, attempt }
    if (event._tag === "LateOutcomeDetected") contradictions.push({ ...word, said: event.reported ?? "" })
    else if (event.attempt !== undefined) refusals.push({ ...word, said: event.code ?? event.reason ?? "" })
    for (const { item, decision } of event.decisions ?? []) logged.push({ item, decision, listVersion })
    permits.hear(event)
    for (const { item, reference } of event._tag === "TransfersRequested" ? (event.transfers ?? []) : []) {
      for (const permit of permits.missing(item)) fault(`item ${item} is not ${permit}`)
      if (transfers.has(reference)) fault(`${reference} was requested before`)
      transfers.set(reference, item)
    }
    if (event._tag === "ItemsReceived") {
      for (const item of event.items ?? []) {
        if (typeof item === "number") continue
        items.set(item.item, item)
        places.set(item.item, "open")
        sums.accept(item)
      }
    }
    if (event._tag === "TransferResent" && event.item !== undefined)
      for (const permit of permits.missing(event.item)) fault(`item ${event.item} is not ${permit}`)
    for (const { item: number, from, to } of movesIn(event, places, parked)) {
      const item = items.get(number)
      if (item === undefined || places.get(number) !== from) fault(`item ${number} is not ${from}`)
      if (item !== undefined) sums.move(item, from, to)
      places.set(number, to)
      parked.delete(number)
    }
    park(parked, event)
    for (const wrong of sums.faults()) fault(wrong)
  }
  const told = { refusals, contradictions, decisions: logged }
  return { batch, key, itemCount, items, places, parked, transfers, ...told, isClosed, faults }
}

interface Move {
  readonly item: number
  readonly from: Place
  readonly to: Place
}

/** Where words contradict each other the money is nowhere for sure, until a person says where. */
const movesIn = (
  event: Event,
  places: ReadonlyMap<number, Place>,
  parked: ReadonlyMap<number, Parked>,
): ReadonlyArray<Move> => {
  if (event._tag === "LateOutcomeDetected") return movesOnContradiction(event, places)
  const isSettledByPerson = event._tag === "ParkedResolved"
  return plainMoves(event, parked).filter(({ item }) => isSettledByPerson || parked.get(item) !== "dispute")
}

const movesOnContradiction = (
  { item = 0, compensation }: Event,
  places: ReadonlyMap<number, Place>,
): ReadonlyArray<Move> => {
  const from = places.get(item) ?? "open"
  const to = compensation === "repost" ? "settled" : "open"
  return from === to ? [] : [{ item, from, to }]
}

const plainMoves = (
  { _tag, item = 0, items = [], decisions = [], ...event }: Event,
  parked: ReadonlyMap<number, Parked>,
): ReadonlyArray<Move> => {
  switch (_tag) {
    case "TransferSettled":
      return [{ item, from: "open", to: "settled" }]
    case "TransferFailed":
      return [{ item, from: "open", to: "failed" }]
    case "TransferWithdrawn":
      // Another event says what became of the item, where somebody asked for it.
      return ["cancellation", "resolution"].includes(event.cause ?? "")
        ? []
        : [{ item, from: "open", to: "failed" }]
    case "TransferReturned":
      return [{ item, from: "settled", to: "returned" }]
    case "ParkedResolved":
      return [{ item, from: "open", to: event.outcome ?? "open" }]
    case "RetryRequested":
      return parked.get(item) === "unrouted" ? [] : [{ item, from: "failed", to: "open" }]
    case "RerouteRequested":
      return [{ item, from: "failed", to: "open" }]
    case "ItemReviewed":
      return event.decision === "rejected" ? [{ item, from: "open", to: "rejected" }] : []
    case "ItemsScreened": {
      const rejected = decisions.flatMap(({ item, decision }) => (decision === "rejected" ? [item] : []))
      return [...new Set(rejected)].map((item) => ({ item, from: "open", to: "rejected" }))
    }
    case "ItemsCancelled":
      return items.map((item) => ({ item: Number(item), from: "open", to: "cancelled" }))
    default:
      return []
  }
}

/** Who begins to wait for a person, and who waits no longer although its money is where it was. */
const park = (parked: Map<number, Parked>, event: Event): void => {
  const { _tag, item = 0, items = [], decisions = [] } = event
  switch (_tag) {
    case "TransferParked":
      if (parked.get(item) !== "dispute") parked.set(item, "transfer")
      break
    case "LateOutcomeDetected":
      if (event.compensation !== "repost") parked.set(item, "dispute")
      break
    case "ItemsUnrouted":
      for (const unrouted of items) parked.set(Number(unrouted), "unrouted")
      break
    case "RetryRequested":
      parked.delete(item)
      break
    case "ItemsScreened":
      // An approval of what may be at a bank, which is screened again, leaves it where it is.
      for (const { item, decision } of decisions) if (decision !== "approved") parked.delete(item)
  }
}

/** Minor units per currency: all that was accepted, and where it is. */
class Sums {
  readonly #accepted = new Map<string, bigint>()
  readonly #placed = new Map<string, Map<Place, bigint>>()

  accept({ currency, minor }: LoggedItem): void {
    this.#accepted.set(currency, (this.#accepted.get(currency) ?? 0n) + BigInt(minor))
    this.#add(currency, "open", BigInt(minor))
  }

  move({ currency, minor }: LoggedItem, from: Place, to: Place): void {
    this.#add(currency, from, -BigInt(minor))
    this.#add(currency, to, BigInt(minor))
  }

  faults(): ReadonlyArray<string> {
    return [...this.#accepted].flatMap(([currency, accepted]) => {
      const placed = [...(this.#placed.get(currency)?.values() ?? [])]
      const sum = placed.reduce((sum, minor) => sum + minor, 0n)
      return sum === accepted && placed.every((minor) => minor >= 0n)
        ? []
        : [`of ${accepted} ${currency}, the places hold ${placed.join(" + ")}`]
    })
  }

  #add(currency: string, place: Place, minor: bigint): void {
    const places = this.#placed.get(currency) ?? new Map<Place, bigint>()
    this.#placed.set(currency, places.set(place, (places.get(place) ?? 0n) + minor))
  }
}
