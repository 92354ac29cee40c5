/** What answers to published messages do, whoever sends them. */
import { assert, describe, it } from "@effect/vitest"
import { headers, type Msg, type NatsConnection } from "@nats-io/transport-node"
import { Effect, Exit, Fiber } from "effect"
import { makePublisher } from "../../src/platform/jetstream-publisher.ts"

const STREAM = "events"
const ACK_MS_MAX = 100

/** A connection that keeps where answers are expected, and delivers those that a test gives. */
class Connection {
  readonly replies: Array<string> = []
  deliver: (reply: string | undefined, text: string) => void = () => {}

  readonly client = {
    subscribe: (_: string, { callback }: { callback: (error: Error | null, message: Msg) => void }) => {
      this.deliver = (subject = "", text) =>
        callback(null, { subject, json: () => JSON.parse(text) } as unknown as Msg)
      return { unsubscribe: () => {} }
    },
    publish: (_: string, __: string, { reply = "" }) => void this.replies.push(reply),
  } as unknown as NatsConnection
}

const stored = JSON.stringify({ stream: STREAM, seq: 1 })
const messages = (count: number) =>
  Array.from({ length: count }, (_, n) => ({ subject: "s", id: `${n}`, headers: headers(), body: "{}" }))

const opened = Effect.gen(function* () {
  const connection = new Connection()
  const publish = yield* makePublisher(connection.client, STREAM, ACK_MS_MAX)
  /** Starts to publish, and gives the fiber once all messages are sent. */
  const started = (count: number) =>
    Effect.forkChild(Effect.exit(publish(messages(count))), { startImmediately: true })
  return { connection, started }
})

describe("a group of messages", () => {
  it.live("is stored once each message is acknowledged", () =>
    Effect.gen(function* () {
      const { connection, started } = yield* opened
      const fiber = yield* started(2)
      for (const reply of connection.replies) connection.deliver(reply, stored)
      assert.isTrue(Exit.isSuccess(yield* Fiber.join(fiber)))
    }),
  )

  it.live("is not stored when one acknowledgement comes twice and the other is lost", () =>
    Effect.gen(function* () {
      const { connection, started } = yield* opened
      const fiber = yield* started(2)
      connection.deliver(connection.replies[0], stored)
      connection.deliver(connection.replies[0], stored)
      assert.include(String(yield* Fiber.join(fiber)), "TIMEOUT")
    }),
  )

  it.live("is not stored by late acknowledgements of the one before", () =>
    Effect.gen(function* () {
      const { connection, started } = yield* opened
      yield* Fiber.join(yield* started(1))
      const fiber = yield* started(1)
      connection.deliver(connection.replies[0], stored)
      assert.include(String(yield* Fiber.join(fiber)), "TIMEOUT")
      assert.strictEqual(new Set(connection.replies).size, 2)
    }),
  )

  it.live.each([
    "ok",
    "",
    "null",
    "[]",
    '"+ACK"',
    '{"seq":1}',
    '{"stream":"other","seq":1}',
    '{"stream":"events"}',
    '{"stream":"events","seq":"1"}',
    '{"stream":"events","seq":1e300}',
    '{"stream":"events","error":{"code":503,"description":"no"}}',
  ])("fails, and the connection is still read, when somebody answers %j", (text) =>
    Effect.gen(function* () {
      const { connection, started } = yield* opened
      const refused = yield* started(1)
      // Whatever is thrown here ends the reading of the connection.
      connection.deliver(connection.replies[0], text)
      assert.notInclude(String(yield* Fiber.join(refused)), "TIMEOUT")
      assert.isTrue(Exit.isFailure(yield* Fiber.join(refused)))
      const fiber = yield* started(1)
      connection.deliver(connection.replies[1], stored)
      assert.isTrue(Exit.isSuccess(yield* Fiber.join(fiber)))
    }),
  )
})
