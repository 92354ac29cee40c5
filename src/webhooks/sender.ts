/** Sends one signed POST to a checked address. Only the status of the answer is used. */
import http, { type ClientRequest, type IncomingMessage } from "node:http"
import https from "node:https"
import { Effect, type Redacted, Schema } from "effect"
import { signedWebhookHeaders } from "../platform/standard-webhooks.ts"
import type { Delivery } from "./deliveries.ts"
import { hostOf, hostProblem } from "./endpoint-url.ts"
import { PRIVATE, publicLookup, systemResolver } from "./public-lookup.ts"
import { UNDER_WAY_MAX } from "./shares.ts"

/** There was no answer. `reason` is an error code or a phrase of ours, and quotes no text from outside. */
export class NotSent extends Schema.TaggedError<NotSent>()("NotSent", { reason: Schema.String }) {}

export interface SenderOptions {
  /** From the first byte sent to the last byte received. Milliseconds. */
  readonly timeoutMs: number
  /** Allows plain HTTP and private addresses. */
  readonly allowPrivate: boolean
}

/** Sends a delivery, and gives the HTTP status of the answer. Redirects are not followed: their status is the answer. */
export type Sender = (delivery: Delivery, at: Date) => Effect.Effect<number, NotSent>

const ANSWER_BYTES_MAX = 64 * 1024
/** More than the attempts at a time, so that no attempt waits for a socket that is kept open for another host. */
const SOCKETS_MAX = 8 * UNDER_WAY_MAX
const IDLE_SOCKETS_PER_HOST_MAX = 4
const IDLE_MS_MAX = 5_000

export const makeSender = (options: SenderOptions) =>
  Effect.gen(function* () {
    const agentOptions = {
      keepAlive: true,
      maxTotalSockets: SOCKETS_MAX,
      maxFreeSockets: IDLE_SOCKETS_PER_HOST_MAX,
      timeout: IDLE_MS_MAX,
    }
    const lookup = publicLookup(systemResolver())
    const agents = { "http:": new http.Agent(agentOptions), "https:": new https.Agent(agentOptions) }
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        for (const agent of Object.values(agents)) agent.destroy()
      }),
    )
    const send: Sender = Effect.fnUntraced(function* (delivery, at) {
      const url = new URL(delivery.url)
      const problem = options.allowPrivate ? undefined : destinationProblem(url)
      if (problem !== undefined) return yield* new NotSent({ reason: problem })
      const { secret } = delivery
      if (secret === undefined) return yield* new NotSent({ reason: "the secret cannot be opened" })
      const { request } = url.protocol === "https:" ? https : http
      return yield* statusOf(delivery.body, options.timeoutMs, () =>
        request(url, {
          method: "POST",
          agent: url.protocol === "https:" ? agents["https:"] : agents["http:"],
          headers: signedHeaders(delivery, secret, at),
          ...(options.allowPrivate ? {} : { lookup }),
        }),
      )
    })
    return send
  })

/** By the specification https://www.standardwebhooks.com. The id is the event's, so it is the same in every attempt. */
const signedHeaders = ({ eventId, body }: Delivery, secret: Redacted.Redacted, at: Date) => ({
  "content-type": "application/json",
  "content-length": Buffer.byteLength(body),
  "user-agent": "AtlasPay-Webhooks/1",
  ...signedWebhookHeaders(secret, { id: eventId, atS: Math.floor(at.getTime() / 1_000), body }),
})

/** Refuses endpoints that were accepted under earlier rules and break the current ones. Names are checked when resolved. */
const destinationProblem = (url: URL): string | undefined => {
  if (url.protocol !== "https:") return "the URL is not https"
  return hostProblem(hostOf(url)) === undefined ? undefined : PRIVATE
}

/**
 * The status of the answer, once its body has ended, was too long, or took too long. An interruption closes the connection.
 */
const statusOf = (
  body: string,
  timeoutMs: number,
  open: () => ClientRequest,
): Effect.Effect<number, NotSent> =>
  Effect.callback((resume) => {
    const request = open()
    const timer = setTimeout(
      () => request.destroy(Object.assign(new Error(), { code: "timeout" })),
      timeoutMs,
    )
    let answer: IncomingMessage | undefined
    request.on("response", (response) => {
      answer = response
      let bytes = 0
      response.on("data", (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes > ANSWER_BYTES_MAX) request.destroy()
      })
      // The status is known. How the body ends does not matter.
      response.on("error", () => {})
    })
    let reason = "the connection broke"
    request.on("error", (error) => {
      reason = "code" in error && typeof error.code === "string" ? error.code : error.name
    })
    request.on("close", () => {
      clearTimeout(timer)
      const status = answer?.statusCode
      resume(status === undefined ? Effect.fail(new NotSent({ reason })) : Effect.succeed(status))
    })
    request.end(body)
    return Effect.sync(() => {
      clearTimeout(timer)
      request.destroy()
    })
  })
