/**
 * The same as webhook-receiver.ts, with Hono.
 *
 *   WEBHOOK_SECRET=whsec_… PORT=3000 node examples/webhook-receiver-hono.ts events.sqlite
 */
import { serve } from "@hono/node-server"
import { Hono } from "hono"
import { bodyLimit } from "hono/body-limit"
import { Webhook } from "standardwebhooks"
import { receivedEvents } from "./received-events.ts"

const { WEBHOOK_SECRET: secret = "", PORT: port = "3000" } = process.env

const webhook = new Webhook(secret)
const events = receivedEvents(process.argv[2] ?? "events.sqlite", ({ id, type }) =>
  console.log(`handled ${id} ${type}`),
)

const app = new Hono()

// Whatever throws is answered with 500, and the event comes again.
app.post("/*", bodyLimit({ maxSize: 256 * 1024 }), async (context) => {
  const body = await context.req.text() // as it was sent: parsed and printed again, it does not verify
  try {
    webhook.verify(body, context.req.header())
  } catch {
    return context.body(null, 400)
  }
  events.keep(JSON.parse(body), body)
  setImmediate(events.handleAll)
  return context.body(null, 204)
})

serve({ fetch: app.fetch, port: Number(port) }, () => console.log("ready"))
