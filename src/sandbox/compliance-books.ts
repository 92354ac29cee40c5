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
import { type BooksPage, KeyedAnswers, nextOffset, pageOf, requestLinesMax } from "./server.ts"

export const listVersion = "sandbox-2026-11-01"

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
      amount: Amount,
      account: Schema.Record(Schema.String, Schema.Unknown),
    }),
  ).check(Schema.isBetweenLength(1, requestLinesMax)),
  callbackUrl: Schema.optionalKey(CallbackUrl),
})
export type Clearance = typeof Clearance.Type
type Item = Clearance["items"][number]

interface Decision {
  readonly item: number
  readonly decision: "approved" | "rejected" | "review" | "pending"
  readonly reason?: string
  /** Whether the account belongs to the name: verification of payee. */
  readonly payee: "match" | "close-match" | "no-match" | "unknown"
}

export interface ClearanceAnswer {
  readonly clearanceId: string
  readonly listVersion: string
  readonly decisions: readonly Decision[]
}

/** What the engine's journal tells. Times are ISO 8601. */
export type ComplianceEntry =
  | {
      readonly type: "screened"
      readonly at: string
      readonly key: string
      readonly fingerprint: string
      readonly clearance: Clearance
      readonly answer: ClearanceAnswer
      /** The id of the callback that tells what is pending in the answer. */
      readonly laterId: string
    }
  | {
      readonly type: "decided"
      readonly at: string
      readonly laterId: string
      readonly travel: CallbackTravel
    }
  | { readonly type: "callback-ended"; readonly callback: string; readonly outcome: CallbackOutcome }

/** A clearance of which some items wait for their decision. */
export interface Undecided {
  readonly laterId: string
  readonly at: string
  readonly clearance: Clearance
  readonly callbackUrl: string
  readonly request: { readonly key: string; readonly fingerprint: string; readonly answer: ClearanceAnswer }
  /** The items, and where each stands in the books. */
  readonly pending: readonly { readonly item: Item; readonly row: number }[]
}

/** The answer to a clearance: who needs time gets it when there is an address to report to, and a person otherwise. */
export const answerTo = ({ clearanceId, items, callbackUrl }: Clearance): ClearanceAnswer => ({
  clearanceId,
  listVersion,
  decisions: items.map((item) => {
    if (magicOutcome(item.name) !== "decided-later") return decide(item)
    if (callbackUrl !== undefined) return { item: item.item, decision: "pending", payee: payeeOf(item) }
    return { item: item.item, decision: "review", reason: "needs-more-time", payee: payeeOf(item) }
  }),
})

const decide = (screened: Item): Decision => {
  const { item, name } = screened
  const payee = payeeOf(screened)
  switch (magicOutcome(name)) {
    case "sanctioned":
      return { item, decision: "rejected", reason: "sanctions-list-hit", payee }
    case "review":
      return { item, decision: "review", reason: "name-similar-to-list-entry", payee }
    default:
      return { item, decision: "approved", payee }
  }
}

const payeeOf = ({ name }: Item): Decision["payee"] => {
  switch (magicOutcome(name)) {
    case "payee-matches":
      return "match"
    case "payee-nearly-matches":
      return "close-match"
    case "payee-differs":
      return "no-match"
    default:
      return "unknown"
  }
}

/** The compliance engine's books: a fold over its journal. */
export class ComplianceBooks {
  readonly answers = new KeyedAnswers<ClearanceAnswer>()
  readonly undecided = new Map<string, Undecided>()
  readonly owed = new Map<string, OwedCallback>()
  readonly #screened: (Decision & { readonly batch: string })[] = []
  readonly #counts = { approved: 0, rejected: 0, review: 0, pending: 0 }
  readonly #callbacks = { delivered: 0, "given-up": 0 }

  get size(): number {
    return this.#screened.length
  }

  /** Takes an entry into the books and tells which callbacks are owed for it. */
  apply(entry: ComplianceEntry): readonly OwedCallback[] {
    switch (entry.type) {
      case "screened":
        this.#screen(entry)
        return []
      case "decided":
        return this.#decide(entry)
      case "callback-ended":
        this.#callbacks[entry.outcome] += 1
        this.owed.delete(entry.callback)
        return []
    }
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
    const pending = clearance.items
      .map((item, index) => ({ item, row: this.#screened.length + index }))
      .filter((_, index) => answer.decisions[index]?.decision === "pending")
    for (const decision of answer.decisions) {
      this.#screened.push({ batch: clearance.batch, ...decision })
      this.#counts[decision.decision] += 1
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
      const decision = decide(item)
      this.#screened[row] = { batch: clearance.batch, ...decision }
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
    const message = { id: laterId, clearanceId: clearance.clearanceId, listVersion, decisions }
    const owed = owedFor(message, callbackUrl, at, travel)
    for (const callback of owed) this.owed.set(callback.delivery, callback)
    return owed
  }

  /** The answer to `GET /books`. */
  show(page: BooksPage) {
    const summary = {
      listVersion,
      counts: this.#counts,
      outstanding: this.undecided.size + this.owed.size,
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
