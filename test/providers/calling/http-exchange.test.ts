import { gzipSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber } from "effect"
import type { Dispatcher } from "undici"
import {
  type Answer,
  exchange,
  type NoAnswer,
  usualConnections,
} from "../../../src/providers/calling/http-exchange.ts"
import type { Connections, OutgoingRequest } from "../../../src/providers/calling/provider-access.ts"
import { json, MisbehavingServer, PATIENT_MS, raw } from "./misbehaving-server.ts"

const limits = { timeoutMs: PATIENT_MS, bytesMax: 1_000, isExpected: (status: number) => status === 200 }

const answered = (result: Answer | NoAnswer) =>
  result._tag === "Answer" ? Effect.succeed(result) : Effect.fail(result)

const send = (connections: Connections, request: OutgoingRequest, timeoutMs = limits.timeoutMs) =>
  exchange(connections, request, { ...limits, timeoutMs }, answered)

const order = { method: "POST", url: "http://127.0.0.1:1/orders?a=1", headers: {}, body: "{}" }

/** Connections that are all in use, and what begins the request that waits for one: whether it is sent then. */
const busyConnections = () => {
  const handlers: Array<Dispatcher.DispatchHandler> = []
  const dispatch: Connections["dispatch"] = (_, handler) => handlers.push(handler) > 0
  const isSent = () => {
    let aborted = 0
    const controller = { abort: () => void aborted++ } as unknown as Dispatcher.DispatchController
    handlers[0]?.onRequestStart?.(controller, {})
    return aborted === 0
  }
  return { dispatch, isSent }
}

describe("a request", () => {
  it.effect("is never sent when it was given up before", () =>
    Effect.gen(function* () {
      const busy = busyConnections()
      const fiber = yield* Effect.forkChild(send(busy, order), { startImmediately: true })
      yield* Fiber.interrupt(fiber)
      assert.isFalse(busy.isSent())
    }),
  )

  it.live("is never sent when its time was over before", () =>
    Effect.gen(function* () {
      const busy = busyConnections()
      assert.deepStrictEqual(yield* Effect.flip(send(busy, order, 20)), { _tag: "TimedOut" })
      assert.isFalse(busy.isSent())
    }),
  )

  it.live("ends in the caller, also when its answer cannot be read", () =>
    Effect.gen(function* () {
      const server = yield* opened
      server.behaviour = json(200, {})
      const odd = exchange(usualConnections, { ...order, url: server.url }, limits, () => {
        throw new Error("odd")
      })
      const exit = yield* Effect.exit(odd)
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
    }),
  )

  it.live("has the path, the query, the body and the headers that it was given", () =>
    Effect.gen(function* () {
      const server = yield* opened
      server.behaviour = json(200, { fine: true })
      const url = `${server.url}/orders/%20x?a=1&b=%2F`
      const answer = yield* send(usualConnections, { ...order, url, headers: { "x-key": "1" } })
      assert.strictEqual(answer.body.toString(), '{"fine":true}')
      const [asked] = server.asked
      assert.strictEqual(asked?.method, "POST")
      assert.strictEqual(asked?.url, "/orders/%20x?a=1&b=%2F")
      assert.strictEqual(asked?.body, "{}")
      assert.strictEqual(asked?.headers["x-key"], "1")
    }),
  )

  it.live("is answered once, whatever comes after the limit", () =>
    Effect.gen(function* () {
      const server = yield* opened
      server.behaviour = json(200, { long: "x".repeat(100_000) })
      const sent = send(usualConnections, { ...order, url: server.url })
      const exits = yield* Effect.forEach([1, 2, 3, 4], () => Effect.exit(sent), { concurrency: 4 })
      for (const exit of exits) assert.strictEqual(Exit.isSuccess(exit) && exit.value.body, "too-long")
    }),
  )

  it.live.each(["gzip", "GZIP", "x-gzip"])("is answered in the encoding %s", (encoding) =>
    Effect.gen(function* () {
      const server = yield* opened
      server.behaviour = (response) =>
        response.writeHead(200, { "content-encoding": encoding }).end(gzipSync('{"fine":true}'))
      const answer = yield* send(usualConnections, { ...order, url: server.url })
      assert.strictEqual(String(answer.body), '{"fine":true}')
    }),
  )

  it.live("is answered by the final answer, after interim ones", () =>
    Effect.gen(function* () {
      const server = yield* opened
      const interim = "HTTP/1.1 103 Early Hints\r\nretry-after: 9\r\n\r\n"
      server.behaviour = raw(`${interim}${interim}HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}`)
      const answer = yield* send(usualConnections, { ...order, url: server.url })
      assert.deepInclude(answer, { status: 200, body: Buffer.from("{}") })
      assert.isUndefined(answer.header("retry-after"))
    }),
  )

  it.live("is not answered by what came after the answer to another", () =>
    Effect.gen(function* () {
      const server = yield* opened
      const answerOf = (text: string) => `HTTP/1.1 200 OK\r\ncontent-length: ${text.length}\r\n\r\n${text}`
      server.behaviour = (response, asked) => raw(answerOf(asked.body) + answerOf("unasked"))(response, asked)
      const bodies = ["1", "2", "3"]
      const answers = yield* Effect.forEach(bodies, (body) =>
        send(usualConnections, { ...order, url: server.url, body }),
      )
      assert.deepStrictEqual(
        answers.map(({ body }) => String(body)),
        bodies,
      )
    }),
  )
})

const opened = Effect.acquireRelease(
  Effect.promise(() => MisbehavingServer.open()),
  (server) => Effect.promise(() => server.close()),
)
