/** The largest batch, from the request to the read models, through a real service. */
import { Effect } from "effect"
import { batchBodies } from "./batch-bodies.ts"
import type { Stand } from "./stand.ts"

export interface LargeBatch {
  readonly items: number
  readonly bodyBytes: number
  /** The status of the answer, and the milliseconds until it. */
  readonly status: number
  readonly acceptedMs: number
  /** The longest wait of another request meanwhile, in milliseconds. */
  readonly othersWaitedMs: number
  /** From the answer until the read models listed the batch, and the number of items that they listed then. */
  readonly shownMs: number
  readonly listed: number
}

const POLL_MS = 250
const SHOWN_MS_MAX = 120_000
const PAGE = 500

/** The body of a batch of any size: the payouts of the example, repeated, each with a unique reference. */
export const largeBody = (itemCount: number): Buffer => {
  const [body = Buffer.of()] = batchBodies(1, 50)
  const { items } = JSON.parse(body.toString()) as { readonly items: ReadonlyArray<object> }
  const many = Array.from({ length: itemCount }, (_, index) => ({
    ...items[index % items.length],
    reference: `large-${index + 1}`,
  }))
  return Buffer.from(JSON.stringify({ reference: "large", items: many }))
}

/** Posts a batch of this many items, and pages through the items that the service then lists. */
export const measureLargeBatch = Effect.fn("measureLargeBatch")(function* (
  { service: { url, apiKey } }: Stand,
  itemCount: number,
): Effect.fn.Return<LargeBatch> {
  const authorization = `Bearer ${apiKey}`
  const body = largeBody(itemCount)
  const headers = { authorization, "content-type": "application/json", "idempotency-key": "large" }
  const since = performance.now()
  let [answered, othersWaitedMs] = [false, 0]
  const post = Effect.promise(async () => {
    const answer = await fetch(url, { method: "POST", headers, body })
    await answer.text()
    answered = true
    return { status: answer.status, location: answer.headers.get("location") ?? "" }
  })
  const others = Effect.promise(async () => {
    while (!answered) {
      const askedAt = performance.now()
      await (await fetch(new URL("/healthz", url))).text()
      othersWaitedMs = Math.max(othersWaitedMs, performance.now() - askedAt)
    }
  })
  const [{ status, location }] = yield* Effect.all([post, others], { concurrency: "unbounded" })
  const acceptedAt = performance.now()
  const items = new URL(`${location}/items`, url)
  const shown = status === 202 && (yield* awaitShown(items, authorization))
  const shownAt = performance.now()
  const listed = shown ? yield* Effect.promise(() => countListed(items, authorization)) : 0
  return {
    items: itemCount,
    bodyBytes: body.length,
    status,
    acceptedMs: Math.round(acceptedAt - since),
    othersWaitedMs: Math.round(othersWaitedMs),
    shownMs: Math.round(shownAt - acceptedAt),
    listed,
  }
})

/** The service answers a request for a batch's items with 503 until the read models have the batch. */
const awaitShown = Effect.fnUntraced(function* (items: URL, authorization: string) {
  const until = Date.now() + SHOWN_MS_MAX
  while (Date.now() < until) {
    const answer = yield* Effect.promise(() => fetch(items, { headers: { authorization } }))
    yield* Effect.promise(() => answer.text())
    if (answer.ok) return true
    yield* Effect.sleep(POLL_MS)
  }
  return false
})

const countListed = async (items: URL, authorization: string): Promise<number> => {
  let listed = 0
  let cursor: string | null = ""
  while (cursor !== null) {
    const page = new URL(items)
    page.searchParams.set("limit", String(PAGE))
    if (cursor !== "") page.searchParams.set("cursor", cursor)
    const answer = await fetch(page, { headers: { authorization } })
    const { items: entries, next } = (await answer.json()) as Page
    listed += entries.length
    cursor = next
  }
  return listed
}

interface Page {
  readonly items: ReadonlyArray<unknown>
  readonly next: string | null
}
