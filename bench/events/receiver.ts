/**
 * The partners' endpoints of `npm run bench:events`, in a process of its own: verifies each webhook, counts it once, and measures
 * how long after its event it came. `/quick/<name>` answers at once, `/hang/<name>` never. Listens on the loopback addresses
 * 127.0.0.1 to 127.0.0.`<hosts>`, so that endpoints can be on different hosts. Prints its port as the first line.
 *
 * `PUT /secrets/<name>` sets the secret of an endpoint. `GET /received` answers with a `Received` about the quick ones (`/received/latencies`: with latencies), and
 * `DELETE /received` forgets all.
 */
import type { KeyObject } from "node:crypto"
import { once } from "node:events"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { buffer } from "node:stream/consumers"
import { isSigned, keyOf } from "../pipeline/signature.ts"

export interface Received {
  /** Verified webhooks, each once for an endpoint. */
  readonly verified: number
  /** Verified webhooks that had come before. */
  readonly repeated: number
  /** Requests whose signature is not right. */
  readonly refused: number
  /** Milliseconds from the time of the event to the arrival, by endpoint. */
  readonly latenciesMs: Readonly<Record<string, ReadonlyArray<number>>>
}

const keys = new Map<string, KeyObject>()
const seen = new Set<string>()
const latencies = new Map<string, Array<number>>()
let [repeated, refused] = [0, 0]

const receive = (name: string, { headers }: IncomingMessage, body: Buffer): number => {
  const key = keys.get(name)
  if (key === undefined || !isSigned(key, headers, body)) {
    refused += 1
    return 401
  }
  const id = `${name} ${String(headers["webhook-id"])}`
  if (seen.has(id)) {
    repeated += 1
    return 204
  }
  seen.add(id)
  const { time } = JSON.parse(body.toString("utf8")) as { readonly time: string }
  const since = Date.now() - Date.parse(time)
  const known = latencies.get(name)
  if (known === undefined) latencies.set(name, [since])
  else known.push(since)
  return 204
}

const forget = (): void => {
  for (const kept of [keys, seen, latencies]) kept.clear()
  repeated = 0
  refused = 0
}

const received = (withLatencies: boolean): Received => ({
  verified: seen.size,
  repeated,
  refused,
  latenciesMs: withLatencies ? Object.fromEntries(latencies) : {},
})

const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
  const [, first = "", name = ""] = (request.url ?? "").split("/")
  const body = await buffer(request)
  if (first === "hang") return
  if (first === "quick") response.writeHead(receive(name, request, body)).end()
  else if (first === "secrets") {
    keys.set(name, keyOf(body.toString("utf8")))
    response.writeHead(204).end()
  } else if (request.method === "DELETE") {
    forget()
    response.writeHead(204).end()
  } else response.end(JSON.stringify(received(name === "latencies")))
}

const hosts = Number(process.argv[2] ?? 1)
let port = 0
for (let host = 1; host <= hosts; host += 1) {
  const server = createServer((request, response) => {
    // A request that breaks off is sent again.
    answer(request, response).catch(() => response.destroy())
  })
  server.listen(port, `127.0.0.${host}`)
  await once(server, "listening")
  port = (server.address() as AddressInfo).port
}
console.log(port)
