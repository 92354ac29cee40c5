import { once } from "node:events"
import { createServer } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { makeSender, type NotSent, type SenderOptions } from "../../src/webhooks/sender.ts"
import { silence, startReceiver, status } from "./receiver.ts"

const deliveryTo = (url: string) => ({
  eventId: "pb_x:1",
  endpoint: "we_1",
  partner: "acme",
  host: "127.0.0.1",
  url,
  secret: Redacted.make("whsec_dGVzdC1zZWNyZXQtb2YtYS13ZWJob29rLWVuZHBvaW50ISE="),
  body: "{}",
  attempts: 0,
})

const send = Effect.fnUntraced(function* (url: string, options: Partial<SenderOptions> = {}) {
  const sender = yield* makeSender({ timeoutMs: 2_000, allowPrivate: true, ...options })
  return yield* Effect.callback<number, NotSent>((resume) => {
    const hangUp = sender(deliveryTo(url), Date.now(), (answer) =>
      resume(typeof answer === "number" ? Effect.succeed(answer) : Effect.fail(answer)),
    )
    return Effect.sync(hangUp)
  })
})

/** Counts who connects, on a port of this machine. */
const startListener = Effect.acquireRelease(
  Effect.promise(async () => {
    let connections = 0
    const server = createServer((socket) => {
      connections += 1
      socket.destroy()
    }).listen(0)
    await once(server, "listening")
    const address = server.address()
    if (address === null || typeof address === "string") throw new Error("no port")
    return { server, port: address.port, connections: () => connections }
  }),
  ({ server }) => Effect.promise(() => new Promise<void>((closed) => server.close(() => closed()))),
)

describe("the sender", () => {
  it.live.each(["localhost", "127.0.0.1"])("does not connect to %s", (host) =>
    Effect.gen(function* () {
      const { port, connections } = yield* startListener
      const refused = yield* Effect.flip(send(`https://${host}:${port}/`, { allowPrivate: false }))
      assert.strictEqual(refused.reason, "the address is not public")
      assert.strictEqual(connections(), 0)
      yield* Effect.flip(send(`https://${host}:${port}/`))
      assert.isAtLeast(connections(), 1, "nobody was there to connect to")
    }),
  )

  it.live("sends nothing in the clear", () =>
    Effect.gen(function* () {
      const { received, url } = yield* startReceiver()
      const refused = yield* Effect.flip(send(url, { allowPrivate: false }))
      assert.strictEqual(refused.reason, "the URL is not https")
      assert.lengthOf(received, 0)
    }),
  )

  it.live("answers with the status, and follows no redirect", () =>
    Effect.gen(function* () {
      const { received, url } = yield* startReceiver(status(302))
      assert.strictEqual(yield* send(url), 302)
      assert.lengthOf(received, 1)
    }),
  )

  it.live("gives up on silence after its time", () =>
    Effect.gen(function* () {
      const { url } = yield* startReceiver(silence)
      const error = yield* Effect.flip(send(url, { timeoutMs: 100 }))
      assert.strictEqual(error.reason, "timeout")
    }),
  )

  it.live("takes the status of an answer that never ends", () =>
    Effect.gen(function* () {
      const { url } = yield* startReceiver((response) => response.writeHead(200).write("x"))
      assert.strictEqual(yield* send(url, { timeoutMs: 200 }), 200)
    }),
  )

  it.live("names why nobody answered", () =>
    Effect.gen(function* () {
      const { port } = yield* Effect.scoped(startListener)
      assert.strictEqual((yield* Effect.flip(send(`http://127.0.0.1:${port}/`))).reason, "ECONNREFUSED")
    }),
  )
})
