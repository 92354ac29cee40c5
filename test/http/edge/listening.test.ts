import { once } from "node:events"
import { createServer } from "node:http"
import { connect } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { closeAll, listen } from "../../../src/http/edge/listening.ts"

const host = "127.0.0.1"

/** A server that answers every request, and ends with the scope. */
const listening = (port: number) =>
  Effect.acquireRelease(
    Effect.gen(function* () {
      const server = createServer((_request, response) => response.end("yes"))
      return yield* listen(server, { host, port })
    }),
    (all) => {
      all.server.closeAllConnections()
      return closeAll(all)
    },
  )

/** Opens so many connections, and ends them with the scope. */
const connections = (count: number, port: number) =>
  Effect.acquireRelease(
    Effect.promise(() =>
      Promise.all(
        Array.from({ length: count }, async () => {
          const socket = connect(port, host)
          await once(socket, "connect")
          return socket
        }),
      ),
    ),
    (sockets) => Effect.sync(() => sockets.forEach((socket) => void socket.destroy())),
  )

describe("listening at a port", () => {
  // Only Linux spreads the connections of a port over several sockets.
  it.live.skipIf(process.platform !== "linux")("takes several connections in a round of the event loop", () =>
    Effect.gen(function* () {
      const { server, port } = yield* listening(0)
      let rounds = 0
      let isCounting = true
      const taken = new Set<number>()
      let count = 0
      server.on("connection", () => {
        count += 1
        taken.add(rounds)
      })
      const nextRound = () => {
        rounds += 1
        if (isCounting) setImmediate(nextRound)
      }
      // Connects while no round begins, so that all are waiting when the next one does.
      const sockets = Array.from({ length: 64 }, () => connect(port, host))
      setImmediate(nextRound)
      yield* Effect.promise(() => Promise.all(sockets.map((socket) => once(socket, "connect"))))
      while (count < sockets.length) yield* Effect.sleep(1)
      isCounting = false
      for (const socket of sockets) socket.destroy()
      assert.isBelow(taken.size, sockets.length / 2)
    }).pipe(Effect.scoped),
  )

  it.live("answers on all connections", () =>
    Effect.gen(function* () {
      const { port } = yield* listening(0)
      const answers = yield* Effect.promise(() =>
        Promise.all(Array.from({ length: 100 }, async () => (await fetch(`http://${host}:${port}/`)).text())),
      )
      assert.deepStrictEqual(new Set(answers), new Set(["yes"]))
    }).pipe(Effect.scoped),
  )

  it.live("refuses a port at which another process of ours listens", () =>
    Effect.gen(function* () {
      const { port } = yield* listening(0)
      const second = yield* Effect.result(listen(createServer(), { host, port }))
      assert(Result.isFailure(second))
      assert.strictEqual(second.failure.reason, "EADDRINUSE")
      assert.strictEqual(second.failure.port, port)
    }).pipe(Effect.scoped),
  )

  it.live("takes a port again that it has left, and no connections after it has ended", () =>
    Effect.gen(function* () {
      const { port } = yield* Effect.scoped(listening(0))
      const gone = yield* Effect.exit(Effect.promise(() => fetch(`http://${host}:${port}/`)))
      assert.strictEqual(gone._tag, "Failure")
      const again = yield* listening(port)
      assert.strictEqual(again.port, port)
      yield* connections(1, port)
    }).pipe(Effect.scoped),
  )
})
