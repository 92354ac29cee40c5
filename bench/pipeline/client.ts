/** The partner of `npm run bench:pipeline`: posts batches, a fixed number of them open at a time. */
import { Pool } from "undici"
import type { EventsOf } from "./events.ts"
import type { Side } from "./stand.ts"

export interface Order {
  readonly bodies: ReadonlyArray<Buffer>
  /** How many batches are posted. */
  readonly batches: number
  /** How many of them are open at a time: the next one is posted when one is closed. */
  readonly open: number
  /** Each batch has its own idempotency key: this prefix, a hyphen and a number. */
  readonly keyPrefix: string
}

/** What happened to the batches, in milliseconds since 1970 or as durations. */
export interface Paid {
  readonly firstPostAtMs: number
  readonly lastClosedAtMs: number
  /** From a batch's post to its answer. */
  readonly acceptedMs: ReadonlyArray<number>
  /** From a batch's post to the event that it is closed. */
  readonly closedMs: ReadonlyArray<number>
}

const CLOSED_MS_MAX = 300_000

/** A client of one side, with as many connections as it opens batches at a time. */
export const openClient = ({ url, apiKey }: Side, connections: number) => {
  const { origin, pathname } = new URL(url)
  const pool = new Pool(origin, { connections })
  /** Posts a batch and returns its id. Rejects for any status but 202. */
  const post = async (body: Buffer, key: string): Promise<string> => {
    const answer = await pool.request({
      method: "POST",
      path: pathname,
      body,
      headers: {
        "content-type": "application/json",
        authorization: `Bearer ${apiKey}`,
        "idempotency-key": key,
      },
    })
    if (answer.statusCode !== 202)
      throw new Error(`a batch was answered with ${answer.statusCode}: ${await answer.body.text()}`)
    const { id } = (await answer.body.json()) as { id: string }
    return id
  }
  return { post, close: () => pool.close() }
}
export type Client = ReturnType<typeof openClient>

/** Posts batches and follows each until it is closed. */
export const payAll = async (
  client: Client,
  closings: EventsOf,
  { bodies, batches, open, keyPrefix }: Order,
): Promise<Paid> => {
  const acceptedMs: Array<number> = []
  const closedMs: Array<number> = []
  const numbers = Array.from({ length: batches }, (_, number) => number).values()
  let lastClosedAtMs = 0
  const payInTurn = async () => {
    for (const number of numbers) {
      const postedAtMs = performance.timeOrigin + performance.now()
      const body = bodies[number % bodies.length] ?? Buffer.alloc(0)
      const id = await client.post(body, `${keyPrefix}-${number}`)
      acceptedMs.push(performance.timeOrigin + performance.now() - postedAtMs)
      const closedAtMs = await closings.of(id, CLOSED_MS_MAX)
      closedMs.push(closedAtMs - postedAtMs)
      lastClosedAtMs = Math.max(lastClosedAtMs, closedAtMs)
    }
  }
  const firstPostAtMs = performance.timeOrigin + performance.now()
  await Promise.all(Array.from({ length: Math.min(open, batches) }, payInTurn))
  return { firstPostAtMs, lastClosedAtMs, acceptedMs, closedMs }
}
