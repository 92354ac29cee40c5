/**
 * The people of a run: one of the partner's approves batches that ask for it, under another key than the one that posts;
 * an operator reviews items that are held, and releases every other one as the seed has it; where liars are about,
 * partners also cancel batches and items. All come again until they were heard. What they said they note, and when it
 * was sure that it counts.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { chanceOf } from "../../src/sandbox/dice.ts"
import type { PostedBatch } from "../checker/partner.ts"
import type { PersonsWord } from "../checker/persons-word.ts"

const ROUND_MS = 250
const ANSWER_WITHIN_MS = 5_000
/** What is to be paid later than this cannot be on its way to a bank when it is cancelled. */
const SCHEDULED_MS = 1_000
/** Whom the engine may want a person to look at. */
const doubtful = /^(Rita Review|Nora Nomatch)/

/** The keys of whoever approves, and of whoever reviews. */
export interface PeoplesKeys {
  readonly approver: string
  readonly operator: string
}

/** These, and the key under which batches are posted, cancelled and read. */
export interface Keys extends PeoplesKeys {
  readonly partner: string
}

/** What somebody is going to cancel. */
export interface Cancellation {
  readonly inMs: number
  /** All items where none are named. */
  readonly items?: ReadonlyArray<number>
}

/** What people do in a run, beside reviewing whom the engine may doubt. */
export interface Conduct {
  /** Anybody may come to be held, and again, and what was said may be forgotten: people look again and again. */
  readonly looksAgain: boolean
  readonly cancellationOf: (batch: PostedBatch) => Cancellation | undefined
}

export const plainConduct: Conduct = { looksAgain: false, cancellationOf: () => undefined }

/** Whom a batch that was accepted still needs. */
interface Case {
  readonly id: string
  readonly batch: PostedBatch
  readonly acceptedAt: number
  needsApproval: boolean
  /** Numbers of items that may be held. */
  readonly unreviewed: Set<number>
  readonly reviews: Map<number, number>
  cancellation: Cancellation | undefined
  /** Items that somebody wanted to cancel, until they are shown as cancelled. */
  readonly toCancel: Set<number>
}

interface Shown {
  readonly items: ReadonlyArray<{ readonly item: number }>
}

interface Expected {
  readonly expected?: ReadonlyArray<{ readonly type: string; readonly items?: ReadonlyArray<number> }>
}

export class People {
  /** What was said of items, noted before it was said. */
  readonly said: Array<PersonsWord> = []
  readonly #url: string
  readonly #keys: Keys
  readonly #seed: number
  readonly #conduct: Conduct
  readonly #cases = new Map<string, Case>()

  constructor(url: string, keys: Keys, seed: number, conduct = plainConduct) {
    this.#url = url
    this.#keys = keys
    this.#seed = seed
    this.#conduct = conduct
  }

  /** Looks after all batches that `posted` comes to hold, until the signal. */
  async work(posted: ReadonlyArray<PostedBatch>, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      for (const batch of posted) {
        const id = batch.answers.find(({ status }) => status === 202)?.id
        if (id !== undefined && !this.#cases.has(id)) this.#cases.set(id, this.#caseOf(id, batch))
      }
      for (const open of this.#cases.values()) await this.#attend(open)
      await sleep(ROUND_MS)
    }
  }

  #caseOf(id: string, batch: PostedBatch): Case {
    const numbers = batch.items.map((_, at) => at + 1)
    const { looksAgain, cancellationOf } = this.#conduct
    const isDoubtful = (item: number) => doubtful.test(batch.items[item - 1]?.beneficiary.name ?? "")
    return {
      id,
      batch,
      acceptedAt: Date.now(),
      needsApproval: batch.terms?.requireApproval === true,
      unreviewed: new Set(looksAgain ? numbers : numbers.filter(isDoubtful)),
      reviews: new Map(),
      cancellation: cancellationOf(batch),
      toCancel: new Set(),
    }
  }

  async #attend(open: Case): Promise<void> {
    if (open.needsApproval && (await this.#approve(open))) open.needsApproval = this.#conduct.looksAgain
    const { cancellation } = open
    if (cancellation !== undefined && Date.now() >= open.acceptedAt + cancellation.inMs)
      await this.#cancel(open, cancellation)
    if (open.toCancel.size > 0) await this.#seeCancelled(open)
    if (open.unreviewed.size === 0) return
    const held = await this.#get<Shown>(`/payout-batches/${open.id}/items?state=held`)
    for (const { item } of held?.items ?? []) if (open.unreviewed.has(item)) await this.#review(open, item)
  }

  async #approve({ id }: Case): Promise<boolean> {
    const shown = await this.#get<{ readonly state: string }>(`/payout-batches/${id}`)
    if (shown?.state !== "awaiting-approval" && this.#conduct.looksAgain) return false
    const log = await this.#get<{
      readonly events: ReadonlyArray<{ readonly approval?: { readonly hash: string } }>
    }>(`/payout-batches/${id}/events?limit=1`)
    const hash = log?.events[0]?.approval?.hash
    if (hash === undefined) return false
    const request = { by: "supervisor", hash }
    const answer = await this.#post(`/payout-batches/${id}/approval`, request, this.#keys.approver)
    return isHeard(answer)
  }

  async #review(open: Case, item: number): Promise<void> {
    const { id, batch, reviews } = open
    const times = reviews.get(item) ?? 0
    const asked = [this.#seed, "review", batch.key, item, ...(times === 0 ? [] : [times])]
    const decision = chanceOf(...asked) < 0.5 ? "released" : "rejected"
    this.#note(id, item, decision)
    const request = { by: "reviewer", reason: "looked at the list entry", decision }
    const answer = await this.#post(
      `/payout-batches/${id}/items/${item}/review`,
      request,
      this.#keys.operator,
    )
    if (!isHeard(answer)) return
    // Refused may be what was heard before, without an answer: a release then came at some time, a rejection perhaps not.
    if (answer?.status === 202 || decision === "released") this.#know(id, item, decision)
    reviews.set(item, times + 1)
    if (!this.#conduct.looksAgain) open.unreviewed.delete(item)
  }

  /** Where it is sure that nothing is on its way, the acknowledgement counts; else what is then shown as cancelled. */
  async #cancel(open: Case, { items }: Cancellation): Promise<void> {
    const { id, batch, toCancel } = open
    const isScheduled = Date.parse(batch.terms?.executeAt ?? "") > Date.now() + SCHEDULED_MS
    const request = { by: "clerk", reason: "ordered by mistake", ...(items === undefined ? {} : { items }) }
    const answer = await this.#post(`/payout-batches/${id}/cancellation`, request)
    if (!isHeard(answer)) return
    open.cancellation = undefined
    // What was heard before without an answer, and what is first to be taken back, is told by the state alone.
    for (const item of items ?? batch.items.map((_, at) => at + 1)) toCancel.add(item)
    if (!isScheduled) return
    const { expected = [] } = answer.body as Expected
    const cancelled = expected.flatMap(({ type, items = [] }) => (type === "ItemsCancelled" ? items : []))
    for (const item of cancelled) if (toCancel.delete(item)) this.#noteCancelled(id, item)
  }

  async #seeCancelled({ id, toCancel }: Case): Promise<void> {
    const shown = await this.#get<Shown>(`/payout-batches/${id}/items?state=cancelled`)
    for (const { item } of shown?.items ?? []) if (toCancel.delete(item)) this.#noteCancelled(id, item)
  }

  #noteCancelled(batch: string, item: number): void {
    this.#note(batch, item, "cancelled")
    this.#know(batch, item, "cancelled")
  }

  #note(batch: string, item: number, word: PersonsWord["word"]): void {
    this.said.push({ batch, item, word, knownAt: Number.POSITIVE_INFINITY })
  }

  /** All that was said to the same end, and not answered before, was heard by now. */
  #know(batch: string, item: number, word: PersonsWord["word"]): void {
    for (const said of this.said)
      if (said.batch === batch && said.item === item && said.word === word && !Number.isFinite(said.knownAt))
        said.knownAt = Date.now()
  }

  /** The answer, or nothing where there is none yet. */
  async #get<A>(path: string): Promise<A | undefined> {
    const answer = await this.#ask(path, {}, this.#keys.partner)
    return answer?.status === 200 ? (answer.body as A) : undefined
  }

  #post(path: string, body: unknown, key = this.#keys.partner): Promise<Answer | undefined> {
    const headers = { "content-type": "application/json" }
    return this.#ask(path, { method: "POST", headers, body: JSON.stringify(body) }, key)
  }

  async #ask(path: string, request: RequestInit, key: string): Promise<Answer | undefined> {
    try {
      const answer = await fetch(`${this.#url}${path}`, {
        ...request,
        headers: { ...request.headers, authorization: `Bearer ${key}` },
        signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
      })
      return { status: answer.status, body: await answer.json() }
    } catch {
      // Nobody can tell whether it was heard: they come again.
      return undefined
    }
  }
}

interface Answer {
  readonly status: number
  readonly body: unknown
}

/** What is refused was heard before, and its answer did not come. */
const isHeard = (answer: Answer | undefined): answer is Answer =>
  answer?.status === 202 || answer?.status === 409
