import * as Schema from "effect/Schema"
import { Amount } from "./amount.ts"
import {
  type CallbackOutcome,
  type CallbackTravel,
  CallbackUrl,
  type OwedCallback,
  owedFor,
} from "./callbacks.ts"
import { magicOutcome } from "./magic-beneficiaries.ts"
import {
  type Afterthought,
  type Decision,
  decideBy,
  firstListVersion,
  type Lists,
  payeeOf,
} from "./screening-lists.ts"
import { type BooksPage, KeyedAnswers, nextOffset, pageOf, requestLinesMax } from "./server.ts"

/** The version of the list of a changed decision, in weather with changes of mind. */
const laterListVersion = "sandbox-2026-11-15"

const Identifier = Schema.String.check(Schema.isBetweenLength(1, 200))

export const Clearance = Schema.Struct({
  clearanceId: Identifier,
  partner: Identifier,
  batch: Identifier,
  items: Schema.Array(
    Schema.Struct({
      item: Schema.Int,
      name: Identifier,
      country: Schema.optionalKey(Schema.String),
      type: Schema.optionalKey(Schema.Literals(["person", "company"])),
      address: Schema.optionalKey(Schema.Struct({ country: Schema.String })),
      amount: Amount,
      account: Schema.Record(Schema.String, Schema.Unknown),
    }),
  ).check(Schema.isBetweenLength(1, requestLinesMax)),
  callbackUrl: Schema.optionalKey(CallbackUrl),
})
export type Clearance = typeof Clearance.Type
type Item = Clearance["items"][number]

export interface ClearanceAnswer {
  readonly clearanceId: string
  readonly listVersion: string
  readonly decisions: readonly Decision[]
}

/** An entry of the engine's journal. Times are ISO 8601. */
export type ComplianceEntry =
  | {
      readonly type: "screened"
      readonly at: string
      readonly key: string
      readonly fingerprint: string
      readonly clearance: Clearance
      readonly answer: ClearanceAnswer
      /** The id of the callback with the decisions that are pending in the answer. */
      readonly laterId: string
    }
  | {
      readonly type: "decided"
      readonly at: string
      readonly laterId: string
      readonly travel: CallbackTravel
    }
  | {
      readonly type: "listed"
      readonly at: string
      readonly lists: Lists
      /** Present if the new lists are announced. */
      readonly announcement?: {
        readonly id: string
        readonly url: string
        readonly travel: CallbackTravel
      }
    }
  | {
      readonly type: "thought-again"
      readonly at: string
      readonly id: string
      readonly afterthought: Afterthought
      readonly travel: CallbackTravel
    }
  /** The engine changed its decision about an item that it had approved or sent to review. */
  | {
      readonly type: "changed"
      readonly at: string
      readonly changedId: string
      readonly clearanceId: string
      readonly batch: string
      readonly decision: Decision
      readonly callbackUrl: string
      readonly travel: CallbackTravel
    }
  | {
      readonly type: "callback-ended"
      readonly callback: string
      readonly outcome: CallbackOutcome
      readonly at?: string
    }

/** A decision in the books. `toldAt` is when the callback with a later one was acknowledged. */
interface Row extends Decision {
  readonly batch: string
  readonly listVersion: string
  readonly at: string
  readonly later?: true
  toldAt?: string
}

/** A clearance with items that are still pending. */
export interface Undecided {
  readonly laterId: string
  readonly at: string
  readonly clearance: Clearance
  readonly callbackUrl: string
  readonly request: { readonly key: string; readonly fingerprint: string; readonly answer: ClearanceAnswer }
  /** The pending items, and the index of each in the books. */
  readonly pending: readonly { readonly item: Item; readonly row: number }[]
}

/**
 * The answer to a clearance. Items that need time are pending if there is a callback URL, and otherwise go to review. `changed`
 * has the items whose decision the engine changed.
 */
export const answerTo = (
  { clearanceId, batch, items, callbackUrl }: Clearance,
  lists: Lists,
  changed: ReadonlyMap<string, Decision>,
): ClearanceAnswer => ({
  clearanceId,
  listVersion: items.some(({ item }) => changed.has(nameOf(batch, item)))
    ? laterListVersion
    : lists.listVersion,
  decisions: items.map((screened) => {
    const { item, name } = screened
    const now = changed.get(nameOf(batch, item))
    if (now !== undefined) return now
    if (magicOutcome(name) !== "decided-later") return decideBy(lists, screened)
    if (callbackUrl !== undefined) return { item, decision: "pending", payee: payeeOf(name) }
    return { item, decision: "review", reason: "needs-more-time", payee: payeeOf(name) }
  }),
})

/** The name of an item, whatever clearance it is in. */
export const nameOf = (batch: string, item: number): string => `${batch} ${item}`

/** The compliance engine's books: the fold of its journal. */
export class ComplianceBooks {
  readonly answers = new KeyedAnswers<ClearanceAnswer>()
  readonly undecided = new Map<string, Undecided>()
  readonly owed = new Map<string, OwedCallback>()
  /** The current lists. */
  lists: Lists = { listVersion: firstListVersion }
  /** The items whose decision the engine changed. */
  readonly changed = new Map<string, Decision>()
  readonly #asked = new Map<string, Clearance>()
  readonly #screened: Row[] = []
  readonly #reported = new Map<string, Row[]>()
  readonly #counts = { approved: 0, rejected: 0, review: 0, pending: 0 }
  readonly #callbacks = { delivered: 0, "given-up": 0 }

  get size(): number {
    return this.#screened.length
  }

  /** Adds an entry to the books, and returns the callbacks that it owes. */
  apply(entry: ComplianceEntry): readonly OwedCallback[] {
    switch (entry.type) {
      case "screened":
        this.#screen(entry)
        return []
      case "decided":
        return this.#decide(entry)
      case "listed":
        return this.#list(entry)
      case "thought-again":
        return this.#thinkAgain(entry)
      case "changed":
        return this.#change(entry)
      case "callback-ended":
        this.#callbacks[entry.outcome] += 1
        this.#noteAcknowledged(entry)
        this.owed.delete(entry.callback)
        return []
    }
  }

  #change(entry: ComplianceEntry & { type: "changed" }): readonly OwedCallback[] {
    const { at, changedId: id, clearanceId, batch, decision, callbackUrl, travel } = entry
    this.#noteLater(id, { batch, ...decision, listVersion: laterListVersion, at })
    this.changed.set(nameOf(batch, decision.item), decision)
    const message = { id, clearanceId, listVersion: laterListVersion, decisions: [decision] }
    return this.#owe(owedFor(message, callbackUrl, at, travel))
  }

  /** The acknowledgement of one copy of a message counts for the message. */
  #noteAcknowledged({ callback, outcome, at }: ComplianceEntry & { type: "callback-ended" }): void {
    if (outcome !== "delivered" || at === undefined) return
    for (const row of this.#reported.get(String(this.owed.get(callback)?.message.id)) ?? []) row.toldAt ??= at
  }

  #owe(owed: readonly OwedCallback[]): readonly OwedCallback[] {
    for (const callback of owed) this.owed.set(callback.delivery, callback)
    return owed
  }

  #screen({
    at,
    key,
    fingerprint,
    clearance,
    answer,
    laterId,
  }: ComplianceEntry & { type: "screened" }): void {
    this.answers.remember(key, fingerprint, answer)
    this.#asked.set(clearance.clearanceId, clearance)
    const pending = clearance.items
      .map((item, index) => ({ item, row: this.#screened.length + index }))
      .filter((_, index) => answer.decisions[index]?.decision === "pending")
    for (const decision of answer.decisions) {
      this.#note({ batch: clearance.batch, ...decision, listVersion: answer.listVersion, at })
    }
    const { callbackUrl } = clearance
    if (pending.length > 0 && callbackUrl !== undefined)
      this.undecided.set(laterId, {
        laterId,
        at,
        clearance,
        callbackUrl,
        request: { key, fingerprint, answer },
        pending,
      })
  }

  #decide({ at, laterId, travel }: ComplianceEntry & { type: "decided" }): readonly OwedCallback[] {
    const undecided = this.undecided.get(laterId)
    if (undecided === undefined) throw new Error(`nothing is undecided under ${laterId}`)
    const { clearance, callbackUrl, request, pending } = undecided
    const decisions = pending.map(({ item, row }) => {
      const decision = decideBy(this.lists, item)
      const { listVersion } = this.lists
      this.#screened[row] = { batch: clearance.batch, ...decision, listVersion, at }
      this.#counts.pending -= 1
      this.#counts[decision.decision] += 1
      return decision
    })
    this.undecided.delete(laterId)
    const decided = new Map(decisions.map((decision) => [decision.item, decision]))
    this.answers.remember(request.key, request.fingerprint, {
      ...request.answer,
      decisions: request.answer.decisions.map((decision) => decided.get(decision.item) ?? decision),
    })
    const { listVersion } = this.lists
    const message = { id: laterId, clearanceId: clearance.clearanceId, listVersion, decisions }
    return this.#owe(owedFor(message, callbackUrl, at, travel))
  }

  #list({ at, lists, announcement }: ComplianceEntry & { type: "listed" }): readonly OwedCallback[] {
    this.lists = lists
    if (announcement === undefined) return []
    const { id, url, travel } = announcement
    return this.#owe(owedFor({ id, listVersion: lists.listVersion, announcedAt: at }, url, at, travel))
  }

  /** The clearance that an afterthought is about, if the engine answered it. */
  clearanceOf({ clearanceId }: Afterthought): Clearance | undefined {
    return this.#asked.get(clearanceId)
  }

  #thinkAgain(entry: ComplianceEntry & { type: "thought-again" }): readonly OwedCallback[] {
    const { at, id, afterthought, travel } = entry
    const { clearanceId, listVersion = this.lists.listVersion, decisions } = afterthought
    const clearance = this.clearanceOf(afterthought)
    if (clearance?.callbackUrl === undefined) throw new Error(`there is no callback URL for ${clearanceId}`)
    const { batch, callbackUrl } = clearance
    for (const decision of decisions)
      this.#noteLater(id, { batch, ...decision, payee: "unknown", listVersion, at })
    return this.#owe(owedFor({ id, clearanceId, listVersion, decisions }, callbackUrl, at, travel))
  }

  #note(row: Row): void {
    this.#screened.push(row)
    this.#counts[row.decision] += 1
  }

  /** Notes a later decision, which the callback with this id reports. */
  #noteLater(id: string, decision: Row): void {
    const row: Row = { ...decision, later: true }
    this.#note(row)
    this.#reported.set(id, [...(this.#reported.get(id) ?? []), row])
  }

  /** The answer to `GET /books`. `changesToCome` is the number of changed decisions that are still to be reported. */
  show(page: BooksPage, changesToCome: number) {
    const summary = {
      listVersion: this.lists.listVersion,
      counts: this.#counts,
      outstanding: this.undecided.size + this.owed.size + changesToCome,
      callbacks: { delivered: this.#callbacks.delivered, givenUp: this.#callbacks["given-up"] },
    }
    if (page.summary) return summary
    return {
      ...summary,
      screened: pageOf(this.#screened, page, (row) => row),
      next: nextOffset(this.#screened.length, page),
    }
  }
}
