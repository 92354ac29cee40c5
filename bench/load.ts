/** Sends batches to a server with autocannon, from this process; the measured server runs in another one. */
import autocannon from "autocannon"
import { Effect } from "effect"

export interface Target {
  /** Where the batches are posted. */
  readonly url: string
  readonly apiKey: string
}

export interface Load {
  /** The number of connections; each sends its next request when the last one was answered. */
  readonly connections: number
  /** For how many seconds requests are sent, or how many of them; then the last answers are awaited. */
  readonly until: { readonly seconds: number } | { readonly requests: number }
  /** The bodies, sent in turn. */
  readonly bodies: ReadonlyArray<Buffer>
  /** Every request has its own idempotency key: this prefix, a hyphen, and a number. */
  readonly keyPrefix: string
}

/** The outcome of a load, including every request that was sent: otherwise the slowest would be missing. */
export interface Answers {
  /** Latency of each request that was answered with 2xx, from its first byte to the last byte of its answer. */
  readonly latenciesMs: ReadonlyArray<number>
  /** The number of failures by kind: the status of an answer that is not 2xx, or "connection". */
  readonly failures: Readonly<Record<string, number>>
  /** From the first request to the last answer. */
  readonly seconds: number
}

const ANSWER_SECONDS_MAX = 30
/** How often autocannon checks whether to end. */
const SAMPLE_MS = 50

/** Posts batches to the target and waits until the last one was answered. */
export const offer = (target: Target, load: Load): Effect.Effect<Answers> =>
  Effect.callback((resume) => {
    const latenciesMs: Array<number> = []
    const failures: Record<string, number> = {}
    const failed = (how: string) => {
      failures[how] = (failures[how] ?? 0) + 1
    }
    const since = performance.now()
    const sendMs = "seconds" in load.until ? load.until.seconds * 1_000 : Number.POSITIVE_INFINITY
    const run = autocannon(optionsOf(target, load), (error, { duration }) =>
      resume(error ? Effect.die(error) : Effect.succeed({ latenciesMs, failures, seconds: duration })),
    )
    run.on("response", (client, status, _bytes, latencyMs) => {
      if (status >= 200 && status < 300) latenciesMs.push(latencyMs)
      else failed(String(status))
      if (performance.now() - since >= sendMs) sendNoMore(client)
    })
    run.on("reqError", () => failed("connection"))
    return Effect.sync(() => run.stop())
  })

/**
 * Ends a connection of autocannon after the answer that it just received. By default autocannon cuts off all requests
 * under way when the time is over, and the average of a slow server would then be that of its quick answers only.
 */
const sendNoMore = (client: autocannon.Client): void => {
  Object.assign(client, { responseMax: 1 })
}

const optionsOf = (
  { url, apiKey }: Target,
  { connections, until, bodies, keyPrefix }: Load,
): autocannon.Options => {
  let sent = 0
  const next = (request: autocannon.Request): autocannon.Request => {
    const key = `${keyPrefix}-${++sent}`
    const body = bodies[sent % bodies.length]
    return { ...request, body, headers: { ...request.headers, "idempotency-key": key } }
  }
  return {
    url,
    connections,
    ...("seconds" in until
      ? { duration: until.seconds + ANSWER_SECONDS_MAX + 1 }
      : { amount: until.requests }),
    timeout: ANSWER_SECONDS_MAX,
    sampleInt: SAMPLE_MS,
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${apiKey}` },
    requests: [{ setupRequest: next }],
  }
}
