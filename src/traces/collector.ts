/** The collector of spans, over OTLP/HTTP with JSON (the specification's "OTLP/HTTP", 1.x). */
import { Effect, Result, Schema } from "effect"
import { Agent } from "undici"
import { rejectedIn } from "./otlp.ts"

/** From connecting to the last byte of the answer, in milliseconds. */
const TIMEOUT_MS = 5_000
const ANSWER_BYTES_MAX = 64 * 1024

/** The collector did not take spans. `reason` is a status or a code of ours or Node's, and quotes no text from outside. */
export class NotTaken extends Schema.TaggedError<NotTaken>()("NotTaken", {
  reason: Schema.String,
  /** Whether the same spans may be taken later. */
  mayPass: Schema.Boolean,
}) {}

export interface Collector {
  /** Sends a body of OTLP. Gives how many of its spans the collector rejected. */
  readonly send: (body: string) => Effect.Effect<number, NotTaken>
}

/** Statuses after which the specification permits a repetition. */
const passing: ReadonlySet<number> = new Set([408, 429, 502, 503, 504])

/**
 * A collector at this base URL (`/v1/traces` is appended). It has a connection of its own, so that nothing else waits for it. The
 * connection is closed with the scope.
 */
export const connectCollector = Effect.fnUntraced(function* (
  endpoint: string,
  headers: Readonly<Record<string, string>>,
) {
  const url = new URL(`${endpoint.replace(/\/+$/, "")}/v1/traces`)
  const agent = new Agent({ allowH2: false, connections: 1, connect: { timeout: TIMEOUT_MS } })
  yield* Effect.addFinalizer(() => Effect.promise(() => agent.destroy()))
  const post = async (body: string, signal: AbortSignal): Promise<Result.Result<number, NotTaken>> => {
    const { statusCode, body: answer } = await agent.request({
      origin: url.origin,
      path: `${url.pathname}${url.search}`,
      method: "POST",
      headers: { ...headers, "content-type": "application/json", "user-agent": "AtlasPay" },
      body,
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    })
    if (statusCode < 200 || statusCode > 299) {
      await answer.dump({ limit: ANSWER_BYTES_MAX })
      // Our own 500 may pass as well: a collector that fails at what it got is asked again a few times at most.
      const mayPass = passing.has(statusCode) || statusCode >= 500
      return Result.fail(new NotTaken({ reason: `status ${statusCode}`, mayPass }))
    }
    return Result.succeed(rejectedIn(await beginningOf(answer)))
  }
  const collector: Collector = {
    send: (body) =>
      Effect.tryPromise({
        try: (signal) => post(body, signal),
        catch: (error) => new NotTaken({ reason: codeOf(error), mayPass: true }),
      }).pipe(Effect.flatMap(Effect.fromResult)),
  }
  return collector
})

/** An answer that is longer is not read to its end. */
const beginningOf = async (answer: AsyncIterable<Buffer>): Promise<string> => {
  const chunks: Array<Buffer> = []
  let bytes = 0
  for await (const chunk of answer) {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes > ANSWER_BYTES_MAX) break
  }
  return bytes > ANSWER_BYTES_MAX ? "" : Buffer.concat(chunks).toString()
}

const codeOf = (error: unknown): string => {
  if (!(error instanceof Error)) return "failed"
  return "code" in error && typeof error.code === "string" ? error.code : error.name
}
