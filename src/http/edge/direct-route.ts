/**
 * A route that is answered without Hono's router, request and response, which cost a short request more than Node's own server
 * does. It is for callbacks, of which there is one for each payout. Only plain requests are answered here. Hono has the same
 * route with the same handler, and answers those that are written in any other way.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import { ANSWER_HEADERS, withAnswerHeaders } from "./answer-headers.ts"
import type { Call } from "./edge.ts"

/** Answers a request, or returns false and leaves it to Hono. */
export type DirectRoute = (incoming: IncomingMessage, outgoing: ServerResponse) => boolean

/** A name and perhaps a port, which need no further look. */
const plainHost = /^[a-z0-9._-]{1,255}(?::[0-9]{1,5})?$/
const plainName = /^[A-Za-z0-9._~-]+$/

/** The answer to a request that was accepted, and has nothing else to say: the same for all of them. */
export const ACCEPTED = new Response(null, { status: 202, headers: { "content-length": "0" } })

/** The route of posts to `/<folder>/<name>`, where the name is the parameter `parameter`. `count` gets the status of each answer. */
export const directRoute =
  (
    folder: string,
    parameter: string,
    answer: (call: Call) => Promise<Response>,
    count: (status: number) => void,
  ): DirectRoute =>
  (incoming, outgoing) => {
    const { method, url = "", headers } = incoming
    if (method !== "POST" || !url.startsWith(`/${folder}/`) || !plainHost.test(headers.host ?? ""))
      return false
    const name = url.slice(folder.length + 2)
    if (!plainName.test(name)) return false
    const req = {
      method,
      path: url,
      header: (name: string) => {
        const value = headers[name]
        return typeof value === "string" ? value : undefined
      },
      param: (asked: string) => (asked === parameter ? name : undefined),
    }
    void send(answer({ req, env: { incoming, outgoing } }), outgoing, count)
    return true
  }

const acceptedHeaders = { "content-length": "0", ...Object.fromEntries(ANSWER_HEADERS) }

const send = async (
  answer: Promise<Response>,
  outgoing: ServerResponse,
  count: (status: number) => void,
): Promise<void> => {
  const response = await answer
  count(response.status)
  if (response === ACCEPTED) {
    outgoing.writeHead(202, acceptedHeaders).end()
    return
  }
  const body = Buffer.from(await response.arrayBuffer())
  withAnswerHeaders(outgoing)
  const headers = { ...Object.fromEntries(response.headers), "content-length": body.length }
  outgoing.writeHead(response.status, headers).end(body)
}
