/** Clients who ask all the time over connections that they keep, and never ask twice: each request has to get its one answer. */
import { setTimeout as sleep } from "node:timers/promises"
import { Agent } from "undici"

export interface Answered {
  /** Of the batch that was posted. */
  readonly key: string
  readonly id: string
}

export interface ConstantLoad {
  /** Batches that were accepted so far. */
  readonly accepted: ReadonlyArray<Answered>
  /** How many requests were answered as they should be, posts and looks. */
  readonly answered: () => number
  /** Requests that got no answer, or another one than they should. */
  readonly failures: ReadonlyArray<string>
  /** Ends it, and waits for the requests under way. */
  readonly stop: () => Promise<void>
}

export interface LoadOptions {
  readonly apiKey: string
  readonly clients: number
  /** What each client waits after each request. Milliseconds. */
  readonly pauseMs: number
  readonly batch: (key: string) => unknown
}

/** Posts batches and looks at them, through one address. */
export const startLoad = (url: string, { apiKey, clients, pauseMs, batch }: LoadOptions): ConstantLoad => {
  const agent = new Agent({ connections: clients, pipelining: 1 })
  const accepted: Array<Answered> = []
  const failures: Array<string> = []
  let isOver = false
  let answered = 0
  let posted = 0
  const ask = async (method: "GET" | "POST", path: string, key?: string): Promise<Answered | undefined> => {
    const headers = { authorization: `Bearer ${apiKey}` }
    const post =
      key === undefined
        ? { headers }
        : {
            headers: { ...headers, "idempotency-key": key, "content-type": "application/json" },
            body: JSON.stringify(batch(key)),
          }
    try {
      const answer = await agent.request({ origin: url, path, method, ...post })
      const text = await answer.body.text()
      if (answer.statusCode >= 300) {
        failures.push(`${method} ${path} ${key ?? ""}: ${answer.statusCode} ${text}`)
        return undefined
      }
      answered += 1
      return key === undefined ? undefined : { key, id: (JSON.parse(text) as { id: string }).id }
    } catch (error) {
      failures.push(`${method} ${path} ${key ?? ""}: ${error}`)
      return undefined
    }
  }
  const client = async () => {
    while (!isOver) {
      posted += 1
      const one = await ask("POST", "/payout-batches", `load-${posted}`)
      if (one !== undefined) accepted.push(one)
      await sleep(pauseMs)
      if (one !== undefined) await ask("GET", `/payout-batches/${one.id}`)
      await sleep(pauseMs)
    }
  }
  const running = Array.from({ length: clients }, client)
  return {
    accepted,
    answered: () => answered,
    failures,
    stop: async () => {
      isOver = true
      await Promise.all(running)
      await agent.close()
    },
  }
}
