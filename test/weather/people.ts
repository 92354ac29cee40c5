/**
 * The people of a run: one of the partner's approves batches that ask for it, under another key than the one that posts;
 * an operator reviews items that are held, and releases every other one as the seed has it. Both come again until they were
 * heard.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { chanceOf } from "../../src/sandbox/dice.ts"
import type { PostedBatch } from "../checker/partner.ts"

const ROUND_MS = 250
const ANSWER_WITHIN_MS = 5_000
/** Whom the engine may want a person to look at. */
const doubtful = /^(Rita Review|Nora Nomatch)/

/** Whom a batch that was accepted still needs. */
interface Case {
  readonly id: string
  readonly batch: PostedBatch
  needsApproval: boolean
  /** Numbers of items that may be held. */
  readonly unreviewed: Set<number>
}

/** The keys of both. */
export interface PeoplesKeys {
  readonly approver: string
  readonly operator: string
}

export class People {
  /** What the reviewer released, as "<batch> <item>": noted before it is said. */
  readonly released = new Set<string>()
  readonly #url: string
  readonly #keys: PeoplesKeys
  readonly #seed: number
  readonly #cases = new Map<string, Case>()

  constructor(url: string, keys: PeoplesKeys, seed: number) {
    this.#url = url
    this.#keys = keys
    this.#seed = seed
  }

  /** Looks after all batches that `posted` comes to hold, until the signal. */
  async work(posted: ReadonlyArray<PostedBatch>, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      for (const batch of posted) {
        const id = batch.answers.find(({ status }) => status === 202)?.id
        if (id !== undefined && !this.#cases.has(id)) this.#cases.set(id, caseOf(id, batch))
      }
      for (const open of this.#cases.values()) await this.#attend(open)
      await sleep(ROUND_MS)
    }
  }

  async #attend(open: Case): Promise<void> {
    if (open.needsApproval && (await this.#approve(open))) open.needsApproval = false
    if (open.unreviewed.size === 0) return
    const held = await this.#get<{ readonly items: ReadonlyArray<{ readonly item: number }> }>(
      `/payout-batches/${open.id}/items?state=held`,
    )
    for (const { item } of held?.items ?? []) {
      if (open.unreviewed.has(item) && (await this.#review(open, item))) open.unreviewed.delete(item)
    }
  }

  async #approve({ id }: Case): Promise<boolean> {
    const log = await this.#get<{
      readonly events: ReadonlyArray<{ readonly approval?: { readonly hash: string } }>
    }>(`/payout-batches/${id}/events?limit=1`)
    const hash = log?.events[0]?.approval?.hash
    return (
      hash !== undefined &&
      this.#post(`/payout-batches/${id}/approval`, this.#keys.approver, { by: "supervisor", hash })
    )
  }

  async #review({ id, batch }: Case, item: number): Promise<boolean> {
    const releases = chanceOf(this.#seed, "review", batch.key, item) < 0.5
    if (releases) this.released.add(`${id} ${item}`)
    const decision = releases ? "released" : "rejected"
    const said = { by: "reviewer", reason: "looked at the list entry", decision }
    return this.#post(`/payout-batches/${id}/items/${item}/review`, this.#keys.operator, said)
  }

  /** The answer, or nothing where there is none yet. */
  async #get<A>(path: string): Promise<A | undefined> {
    const answer = await this.#ask(path, this.#keys.operator, {})
    return answer?.status === 200 ? ((await answer.json()) as A) : undefined
  }

  /** Whether it was heard; what is refused was heard before, and its answer did not come. */
  async #post(path: string, key: string, body: unknown): Promise<boolean> {
    const headers = { "content-type": "application/json" }
    const answer = await this.#ask(path, key, { method: "POST", headers, body: JSON.stringify(body) })
    await answer?.body?.cancel()
    return answer?.status === 202 || answer?.status === 409
  }

  async #ask(path: string, key: string, request: RequestInit): Promise<Response | undefined> {
    try {
      return await fetch(`${this.#url}${path}`, {
        ...request,
        headers: { ...request.headers, authorization: `Bearer ${key}` },
        signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
      })
    } catch {
      // Nobody can tell whether it was heard: they come again.
      return undefined
    }
  }
}

const caseOf = (id: string, batch: PostedBatch): Case => ({
  id,
  batch,
  needsApproval: batch.terms?.requireApproval === true,
  unreviewed: new Set(
    batch.items.flatMap(({ beneficiary }, at) => (doubtful.test(beneficiary.name) ? [at + 1] : [])),
  ),
})
