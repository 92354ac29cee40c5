/** A server that is told to close by an interruption, as that of a process is, closes no request under way. */
import { Effect, Fiber } from "effect"
import { expect, it } from "vitest"
import { serveApp } from "../../../src/http/edge/listener.ts"

it("answers what it has taken although its own fiber is interrupted", async () => {
  const asked = Promise.withResolvers<void>()
  const answer = Promise.withResolvers<Response>()
  const listening = Promise.withResolvers<string>()
  const fetched = () => {
    asked.resolve()
    return answer.promise
  }
  const limits = { connectionsMax: 10, perAddressMax: 10 }
  const served = Effect.gen(function* () {
    const { url } = yield* serveApp(fetched, { host: "127.0.0.1", port: 0 }, limits)
    listening.resolve(url)
    yield* Effect.never
  })
  const running = Effect.runFork(Effect.scoped(served))
  const asking = fetch(await listening.promise)
  await asked.promise
  let isClosed = false
  const closing = Effect.runPromise(Fiber.interrupt(running)).then(() => {
    isClosed = true
  })
  // A round of all that is ready: what closes without waiting has closed then.
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(isClosed).toBe(false)
  answer.resolve(new Response("done"))
  expect(await (await asking).text()).toBe("done")
  await closing
})
