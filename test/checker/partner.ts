/**
 * A partner that posts batches as one should: with an idempotency key, again after a time-out or a 503, to whichever
 * service answers. It notes what it was told. Some batches it gives up after the first try, whatever became of it.
 */
import { setTimeout as sleep } from "node:timers/promises"

export interface PostedItem {
  readonly reference: string
  /** With all decimals of the currency. */
  readonly amount: { readonly currency: string; readonly value: string }
  readonly beneficiary: {
    readonly name: string
    readonly account: {
      readonly scheme: string
      readonly iban?: string
      readonly accountNumber?: string
      readonly email?: string
      readonly phone?: string
      readonly paypalId?: string
    }
  }
}

/** What is to be posted: the items, and the terms of the batch. */
export interface Order {
  readonly key: string
  readonly items: ReadonlyArray<PostedItem>
  readonly terms?: {
    readonly requireApproval?: true
    readonly submittedBy?: string
    /** Not to be paid before, ISO 8601. */
    readonly executeAt?: string
  }
  /** Posted once only, whatever becomes of it. */
  readonly impatient?: boolean
}

/**
 * One batch, and the answers to each time that it was posted, with the times of asking and of the answer (milliseconds
 * since 1970). No status: there was no answer in time.
 */
export interface PostedBatch extends Order {
  readonly answers: Array<{
    readonly status?: number
    readonly id?: string
    readonly askedAt?: number
    readonly at?: number
  }>
}

const ANSWER_WITHIN_MS = 1_500
const AGAIN_AFTER_MS = 100
const TRIES_MAX = 200
/** What was accepted once may be refused for good since a store forgot it. */
const REPOST_TRIES_MAX = 5

const currencies = ["EUR", "USD", "GBP"]
/** Every so manieth payout goes to somebody with whom something happens; the others are plainly paid. */
const names = ["Tim Timeout", "Ivo Insufficient", "Clara Closed", "Dora Duplicate", "Ralf Returned"]
const strange = 9
/** Every so manieth batch is posted once only. */
const impatient = 5

export class Partner {
  readonly record: Array<PostedBatch> = []
  readonly #urls: ReadonlyArray<string>
  readonly #apiKey: string
  readonly #orderOf: (number: number) => Order
  readonly #paceMs: number

  /** `orderOf` gives the n-th batch to post, from 0. Whoever posts rests for `paceMs` after each batch. */
  constructor(
    urls: ReadonlyArray<string>,
    apiKey: string,
    orderOf: (number: number) => Order = ordinaryOrder,
    paceMs = 0,
  ) {
    this.#urls = urls
    this.#apiKey = apiKey
    this.#orderOf = orderOf
    this.#paceMs = paceMs
  }

  /** Posts so many batches, `concurrency` at a time. */
  async post(count: number, concurrency: number): Promise<void> {
    const numbers = Array.from({ length: count }, (_, at) => this.record.length + at)
    const postInTurn = async () => {
      for (let next = numbers.shift(); next !== undefined; next = numbers.shift()) {
        await this.postOne(next)
        if (this.#paceMs > 0) await sleep(this.#paceMs)
      }
    }
    await Promise.all(Array.from({ length: concurrency }, postInTurn))
  }

  /** Posts one batch, again and again until it is accepted, but at most so many times; gives all that it was told. */
  async postOne(number: number, tries?: number): Promise<PostedBatch> {
    const order = this.#orderOf(number)
    const triesMax = tries ?? (order.impatient ? 1 : TRIES_MAX)
    const batch: PostedBatch = { ...order, answers: [] }
    this.record.push(batch)
    await this.#postUntilAccepted(batch, number, triesMax)
    return batch
  }

  /** Posts once more, under the same keys, the batches of the record for which `isWanted` says so. */
  async repost(isWanted: (batch: PostedBatch) => boolean): Promise<void> {
    for (const [number, batch] of this.record.entries())
      if (isWanted(batch)) await this.#postUntilAccepted(batch, number, REPOST_TRIES_MAX)
  }

  async #postUntilAccepted(batch: PostedBatch, number: number, triesMax: number): Promise<void> {
    for (let tries = 0; tries < triesMax; tries += 1) {
      const url = this.#urls[(number + batch.answers.length) % this.#urls.length] ?? ""
      const answer = await this.#try(url, batch)
      batch.answers.push(answer)
      if (answer.status === 202) break
      await sleep(AGAIN_AFTER_MS)
    }
  }

  async #try(url: string, { key, items, terms }: PostedBatch): Promise<PostedBatch["answers"][number]> {
    const askedAt = Date.now()
    try {
      const answer = await fetch(`${url}/payout-batches`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${this.#apiKey}`,
          "idempotency-key": key,
          "content-type": "application/json",
        },
        body: JSON.stringify({ items, ...terms }),
        signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
      })
      const { id } = (await answer.json()) as { id: string }
      return { status: answer.status, ...(answer.status === 202 ? { id } : {}), askedAt, at: Date.now() }
    } catch {
      // A partner cannot tell what became of such a request: that is what its record says.
      return {}
    }
  }
}

const ordinaryOrder = (number: number): Order => ({
  key: `batch-${number}`,
  items: Array.from({ length: 5 + ((number * 7) % 16) }, (_, at) => payout(number, at)),
  impatient: number % impatient === impatient - 1,
})

const payout = (batch: number, at: number): PostedItem => {
  const number = batch * 20 + at
  const strangeName = number % strange === 0 ? names[(number / strange) % names.length] : undefined
  const name = strangeName ?? `Ada Lovelace ${number}`
  return {
    reference: `invoice-${batch}-${at + 1}`,
    amount: { currency: currencies[number % currencies.length] ?? "EUR", value: `${number + 1}.25` },
    beneficiary: { name, account: { scheme: "iban", iban: "DE89370400440532013000" } },
  }
}
