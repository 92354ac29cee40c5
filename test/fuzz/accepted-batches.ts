/** What was accepted has to be whole: in its log, in the read models, and as the API shows it. */
import { setTimeout as sleep } from "node:timers/promises"
import type { PostedBatch, PostedItem } from "../checker/partner.ts"

/** A batch that was answered with 202. */
export interface Accepted {
  readonly id: string
  /** The key that reads it. */
  readonly apiKey: string
  readonly itemCount: number
  readonly totals: Readonly<Record<string, string>>
  /** The items as they were posted, if the request says so without doubt. */
  readonly posted: ReadonlyArray<PostedItem> | undefined
}

/** A batch as it is shown, and what is wrong with it. */
export interface Looked {
  readonly problems: ReadonlyArray<string>
  /** For the checker: the batch as it was posted, or else as it is shown. */
  readonly record: PostedBatch
}

interface ShownItem {
  readonly reference: string
  readonly amount: { readonly currency: string; readonly value: string }
  readonly beneficiary: { readonly name: string; readonly account: string }
}

const PAGES_MAX = 100

/** Reads a batch, all its items and all its events over the API. */
export const lookAt = async (url: string, batch: Accepted): Promise<Looked> => {
  const problems: Array<string> = []
  const get = async (path: string): Promise<Readonly<Record<string, unknown>>> => {
    const answer = await patiently(`${url}${path}`, batch.apiKey)
    if (answer.status !== 200) problems.push(`${path} answered ${answer.status}`)
    return answer.status === 200 ? ((await answer.json()) as Record<string, unknown>) : {}
  }
  const at = `/payout-batches/${batch.id}`
  const shown = await get(at)
  if (shown.itemCount !== batch.itemCount)
    problems.push(`${batch.id} shows ${shown.itemCount} items of ${batch.itemCount}`)
  const items: Array<ShownItem> = []
  for (let [next, page]: [unknown, number] = [undefined, 0]; next !== null && page < PAGES_MAX; page += 1) {
    const found = await get(`${at}/items?limit=500${next === undefined ? "" : `&cursor=${next}`}`)
    items.push(...((found.items ?? []) as ReadonlyArray<ShownItem>))
    next = found.next ?? null
  }
  if (items.length !== batch.itemCount)
    problems.push(`${batch.id} lists ${items.length} items of ${batch.itemCount}`)
  const sums = totalsOf(items)
  for (const totals of [shown.totals, batch.totals])
    if (JSON.stringify(sorted(totals)) !== JSON.stringify(sums))
      problems.push(`${batch.id}: the totals ${JSON.stringify(totals)} are not those of its items`)
  const versions: Array<number> = []
  for (let [after, page]: [unknown, number] = [0, 0]; after !== null && page < PAGES_MAX; page += 1) {
    const found = await get(`${at}/events?limit=500&after=${after}`)
    versions.push(
      ...((found.events ?? []) as ReadonlyArray<{ version: number }>).map(({ version }) => version),
    )
    after = found.next ?? null
  }
  if (versions.some((version, at) => version !== at + 1) || versions.length === 0)
    problems.push(`${batch.id}: the versions of its events are not 1 to ${versions.length}`)
  const record = {
    key: String(shown.idempotencyKey),
    items: batch.posted ?? items.map(asPosted),
    answers: [{ status: 202, id: batch.id }],
  }
  return { problems, record }
}

const TRIES_MAX = 50

/** Items become visible a moment after the batch. */
const patiently = async (url: string, apiKey: string): Promise<Response> => {
  for (let tries = 1; ; tries += 1) {
    const answer = await fetch(url, { headers: { authorization: `Bearer ${apiKey}` } })
    if (answer.status !== 503 || tries >= TRIES_MAX) return answer
    await answer.body?.cancel()
    await sleep(100)
  }
}

/** Of an account the API shows the last four characters. */
const asPosted = ({ reference, amount, beneficiary: { name, account } }: ShownItem): PostedItem => ({
  reference,
  amount,
  beneficiary: { name, account: { scheme: "shown", accountNumber: account.slice(-4) } },
})

const totalsOf = (items: ReadonlyArray<ShownItem>): unknown => {
  const totals = Map.groupBy(items, ({ amount }) => amount.currency)
  return sorted(
    Object.fromEntries(
      [...totals].map(([currency, of]) => {
        const minor = of.reduce((sum, { amount }) => sum + BigInt(amount.value.replace(".", "")), 0n)
        return [currency, written(minor, of[0]?.amount.value.split(".")[1]?.length ?? 0)]
      }),
    ),
  )
}

/** As the API writes an amount of an item: with all decimals of its currency. */
const written = (minor: bigint, decimals: number): string => {
  const digits = String(minor).padStart(decimals + 1, "0")
  return decimals === 0 ? digits : `${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`
}

const sorted = (totals: unknown): unknown =>
  Object.entries(Object(totals)).toSorted(([one], [other]) => (one < other ? -1 : 1))
