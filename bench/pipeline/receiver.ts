/**
 * The partner's side of webhooks for `npm run bench:pipeline`, in a process of its own: verifies each webhook, and counts.
 * `/floor` and `/service` have a secret each. Prints its URL as the first line. `PUT /secrets/<side>` sets a secret, and
 * `GET /counts/<side>` answers with a `Received`.
 */
import type { KeyObject } from "node:crypto"
import { createServer, type IncomingMessage } from "node:http"
import type { AddressInfo } from "node:net"
import { isSigned, keyOf } from "./signature.ts"

/** What one side delivered since the start. */
export interface Received {
  /** Payouts that a verified webhook reported as settled, each once. */
  settled: number
  /** Verified webhooks that came before with the same id, or about the same payout. */
  repeated: number
  /** Requests whose signature is not right, or that are about something else. */
  refused: number
  /** When the last payout was first reported, in milliseconds since 1970. */
  lastAtMs: number
}

interface Side extends Received {
  key?: KeyObject
  readonly ids: Set<string>
  readonly subjects: Set<string>
}

const BODY_BYTES_MAX = 256 * 1024
const SETTLED = "com.atlaspay.payout.settled.v1"

const newSide = (): Side => ({
  settled: 0,
  repeated: 0,
  refused: 0,
  lastAtMs: 0,
  ids: new Set(),
  subjects: new Set(),
})
const sides = new Map([
  ["floor", newSide()],
  ["service", newSide()],
])

/** Counts a webhook and returns the status to answer. */
const receive = (side: Side, { headers }: IncomingMessage, body: Buffer): number => {
  if (side.key === undefined || !isSigned(side.key, headers, body)) {
    side.refused += 1
    return 401
  }
  const { type, subject } = JSON.parse(body.toString("utf8")) as { type: string; subject: string }
  const id = String(headers["webhook-id"])
  if (type !== SETTLED) side.refused += 1
  else if (side.ids.has(id) || side.subjects.has(subject)) side.repeated += 1
  else {
    side.ids.add(id)
    side.subjects.add(subject)
    side.settled += 1
    side.lastAtMs = Date.now()
  }
  return 204
}

const bodyOf = async (request: IncomingMessage): Promise<Buffer> => {
  const chunks: Array<Buffer> = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > BODY_BYTES_MAX) throw new RangeError("the body is too large")
    chunks.push(chunk)
  }
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)
}

const answerTo = (
  request: IncomingMessage,
  body: Buffer,
): { readonly status: number; readonly text?: string } => {
  const [, first = "", second = ""] = (request.url ?? "").split("/")
  const webhook = sides.get(first)
  if (webhook !== undefined) return { status: receive(webhook, request, body) }
  const side = sides.get(second)
  if (side === undefined) return { status: 404 }
  if (first === "secrets") {
    side.key = keyOf(body.toString("utf8"))
    return { status: 204 }
  }
  const { settled, repeated, refused, lastAtMs } = side
  return { status: 200, text: JSON.stringify({ settled, repeated, refused, lastAtMs } satisfies Received) }
}

const server = createServer((request, response) => {
  bodyOf(request).then(
    (body) => {
      const { status, text } = answerTo(request, body)
      response.writeHead(status).end(text)
    },
    // The sender repeats a request that broke off.
    () => response.destroy(),
  )
})
server.listen(0, "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
})
