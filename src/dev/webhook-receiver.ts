/** The partner's side of webhooks: a real server that verifies and counts them as partners do. */
import { createHash } from "node:crypto"
import { createServer, type IncomingMessage, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { Effect, Option, Schema, type Scope } from "effect"
import { verifyWebhook, WebhookRefused } from "../client/webhooks.ts"
import { CliFailure } from "../terminal/cli-failure.ts"

/** The fields of an event of a batch that are read here; docs/EVENTS.md has all of them. */
const Event = Schema.fromJsonString(
  Schema.Struct({
    type: Schema.String,
    subject: Schema.String,
    data: Schema.Struct({ batchId: Schema.String, state: Schema.String }),
  }),
)

/** A webhook whose signature was right each time. */
export interface ReceivedWebhook {
  readonly type: string
  /** How often it came: once, and once more for each repetition. */
  readonly times: number
  /** The SHA-256 of its body, in Base64. */
  readonly body: string
}

export interface WebhookReceiver {
  readonly url: string
  /** The secret of the endpoint. Until it is known, nothing is accepted. */
  secret: string | undefined
  /** The verified webhooks about the batch, by their `webhook-id`. */
  readonly verified: ReadonlyMap<string, ReceivedWebhook>
  /** Repeated deliveries of verified webhooks. */
  repeated: number
  /** Repeated deliveries whose body differs from the first one. */
  altered: number
  /** Requests whose signature did not verify. */
  refused: number
  /** The last few, in the order of arrival: "settled pb_…/12". */
  readonly latest: ReadonlyArray<string>
}

const PATH = "/atlaspay-demo-webhooks"
const BODY_BYTES_MAX = 256 * 1024
const LATEST_MAX = 3

/** Whether a demo received webhooks at this URL. */
export const isDemoWebhookUrl = (url: string): boolean => url.endsWith(PATH)

/** Listens on a free loopback port for webhooks about one batch; those about others are acknowledged and not counted. */
export const startWebhookReceiver = (
  batch: string,
): Effect.Effect<WebhookReceiver, CliFailure, Scope.Scope> =>
  Effect.gen(function* () {
    const verified = new Map<string, ReceivedWebhook>()
    const latest: Array<string> = []
    const server = yield* Effect.acquireRelease(listen, close)
    const { port } = server.address() as AddressInfo
    const receiver = {
      url: `http://127.0.0.1:${port}${PATH}`,
      secret: undefined as string | undefined,
      verified,
      latest,
      repeated: 0,
      altered: 0,
      refused: 0,
    }
    const receive = async (request: IncomingMessage): Promise<number> => {
      const body = await bodyOf(request)
      const id = body === undefined ? undefined : verify(receiver.secret, body, request)
      if (body === undefined || id === undefined) {
        receiver.refused += 1
        return 401
      }
      const event = Schema.decodeUnknownOption(Event)(body)
      // Events about endpoints are of no batch.
      if (Option.isNone(event) || event.value.data.batchId !== batch) return 204
      const { type, subject, data } = event.value
      const digest = createHash("sha256").update(body).digest("base64")
      const before = verified.get(id)
      if (before !== undefined) receiver.repeated += 1
      if (before !== undefined && before.body !== digest) receiver.altered += 1
      verified.set(id, { type, times: (before?.times ?? 0) + 1, body: before?.body ?? digest })
      latest.push(`${data.state} ${subject}`)
      latest.splice(0, latest.length - LATEST_MAX)
      return 204
    }
    server.on("request", (request, response) => {
      // The sender repeats a request that broke off.
      receive(request).then(
        (status) => response.writeHead(status).end(),
        () => response.destroy(),
      )
    })
    return receiver
  })

const listen = Effect.callback<Server, CliFailure>((resume) => {
  const server = createServer()
  server.once("error", ({ message }) => resume(Effect.fail(new CliFailure({ reason: message }))))
  server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
})

const close = (server: Server): Effect.Effect<void> =>
  Effect.callback((resume) => {
    server.close(() => resume(Effect.void))
    server.closeAllConnections()
  })

const bodyOf = async (request: IncomingMessage): Promise<string | undefined> => {
  const chunks: Array<Buffer> = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > BODY_BYTES_MAX) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString("utf8")
}

/** The id of a webhook whose signature is right, else `undefined`. */
const verify = (
  secret: string | undefined,
  body: string,
  { headers }: IncomingMessage,
): string | undefined => {
  if (secret === undefined) return undefined
  try {
    verifyWebhook(body, headers, secret)
    return String(headers["webhook-id"])
  } catch (error) {
    if (error instanceof WebhookRefused) return undefined
    throw error
  }
}
