/**
 * Answers the requests that come for every payout without the router, which costs as much as all the rest of the work for one.
 * Whatever is unusual about a request goes through the router to the same handler.
 */
import type { ServerResponse } from "node:http"
import type { DirectListener } from "./listening.ts"
import { announcesTooMuch, headerOf } from "./request-body.ts"
import { errorAnswer, type SandboxServer } from "./server.ts"
import type { WeatherStation } from "./weather-station.ts"

/** For a server that nothing but the weather stands in front of: no door, and no document that it is held to. */
export const directly =
  ({ posts }: SandboxServer, station: WeatherStation): DirectListener =>
  (incoming, outgoing) => {
    const post = incoming.method === "POST" ? posts?.get(incoming.url ?? "") : undefined
    if (post === undefined || !station.isFair) return false
    const asked = { env: { incoming, outgoing } }
    const key = headerOf(asked, "idempotency-key")
    if (key === "" || announcesTooMuch(asked)) return false
    station.requests.count(true, key)
    post(asked).then(
      (answer) => send(outgoing, answer),
      (error) => {
        const { status, refused } = errorAnswer(error)
        send(outgoing, { status, json: refused })
      },
    )
    return true
  }

const send = (
  outgoing: ServerResponse,
  answer: { readonly status: number; readonly json: object } | undefined,
): void => {
  if (answer === undefined) return
  const text = JSON.stringify(answer.json)
  const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(text) }
  outgoing.writeHead(answer.status, headers).end(text)
}
