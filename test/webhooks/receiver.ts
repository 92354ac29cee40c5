/** A partner's server: it remembers what it was sent, and answers as a test tells it to. */
import { once } from "node:events"
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { text } from "node:stream/consumers"
import { Effect } from "effect"

export interface Received {
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** Answers the nth request, counted from 1. */
export type Answer = (response: ServerResponse, nth: number) => void

export const status =
  (...codes: ReadonlyArray<number>): Answer =>
  (response, nth) => {
    response.writeHead(codes[Math.min(nth, codes.length) - 1] ?? 200, { location: "/elsewhere" }).end()
  }

/** Takes requests and never says a word. */
export const silence: Answer = () => {}

export const startReceiver = (answer: Answer = status(200)) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const received: Array<Received> = []
      const server = createServer(async (request, response) => {
        received.push({ headers: request.headers, body: await text(request) })
        answer(response, received.length)
      }).listen(0, "127.0.0.1")
      await once(server, "listening")
      const { port } = server.address() as AddressInfo
      return { received, server, url: `http://127.0.0.1:${port}/hooks` }
    }),
    ({ server }) =>
      Effect.promise(async () => {
        server.closeAllConnections()
        server.close()
        await once(server, "close")
      }),
  )
