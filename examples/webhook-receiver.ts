/**
 * Receives webhooks with nothing but Node: verifies each one, keeps it on disk, answers, and handles it then.
 *
 *   WEBHOOK_SECRET=whsec_… PORT=3000 node examples/webhook-receiver.ts events.sqlite
 */
import { createServer, type IncomingMessage } from "node:http"
import { Webhook } from "standardwebhooks"
import { receivedEvents } from "./received-events.ts"

const { WEBHOOK_SECRET: secret = "", PORT: port = "3000" } = process.env
const BODY_BYTES_MAX = 256 * 1024

const webhook = new Webhook(secret)
const events = receivedEvents(process.argv[2] ?? "events.sqlite", ({ id, type }) =>
  console.log(`handled ${id} ${type}`),
)

/** The body as it was sent: parsed and printed again, it does not verify. */
const bodyOf = async (request: IncomingMessage): Promise<string | undefined> => {
  const chunks: Array<Buffer> = []
  let bytes = 0
  for await (const chunk of request) {
    bytes += chunk.length
    if (bytes > BODY_BYTES_MAX) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString("utf8")
}

/** The status of the answer. Only a 2xx ends the delivery: whatever is wrong here, the event comes again. */
const receive = async (request: IncomingMessage): Promise<number> => {
  const body = await bodyOf(request)
  if (body === undefined) return 413
  try {
    webhook.verify(body, request.headers as Record<string, string>)
  } catch {
    return 400
  }
  events.keep(JSON.parse(body), body)
  return 204
}

const server = createServer(async (request, response) => {
  const status = await receive(request).catch((error: unknown) => {
    console.error(error)
    return 500
  })
  response.writeHead(status).end(() => status === 204 && setImmediate(events.handleAll))
})
server.listen(Number(port), () => console.log("ready"))
