/** Stores that are not who they say: nothing is told to a server whose certificate is not believed, or that has none. */
import { createServer, type Server, type Socket } from "node:net"
import { TLSSocket } from "node:tls"
import { connect } from "@nats-io/transport-node"
import { Effect, Exit, Layer, Result } from "effect"
import { afterEach, describe, expect, it, vi } from "vitest"
import { serversIn } from "../../src/platform/nats-address.ts"
import { Postgres } from "../../src/platform/postgres.ts"
import { readAddress } from "../../src/platform/redis-address.ts"
import { openClient } from "../../src/platform/redis-client.ts"
import { newAuthority } from "../certificates.ts"
import { settings } from "../settings.ts"

const PASSWORD = "canary-7d41"
const impostor = newAuthority("Somebody").issue("localhost", ["127.0.0.1", "localhost"])

/** A server that keeps what it is told, in TLS and before; `greets` speaks first, and says when TLS begins. */
class Listener {
  told = ""
  connections = 0
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  constructor(greets: (socket: Socket, listener: Listener) => void) {
    this.#server = createServer((socket) => {
      this.connections += 1
      this.#sockets.add(socket)
      socket.on("error", () => {})
      greets(socket, this)
    })
  }

  async open(): Promise<number> {
    await new Promise<void>((listening) => this.#server.listen(0, "127.0.0.1", listening))
    const address = this.#server.address()
    if (address === null || typeof address === "string") throw new Error("no port")
    return address.port
  }

  hear(socket: Socket): void {
    socket.on("error", () => {})
    socket.on("data", (bytes) => {
      this.told += bytes.toString("latin1")
    })
  }

  secure(socket: Socket): void {
    socket.removeAllListeners("data")
    this.hear(new TLSSocket(socket, { isServer: true, ...impostor }))
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((closed) => this.#server.close(closed))
  }
}

let listener: Listener
const listen = (greets: (socket: Socket, listener: Listener) => void): Promise<number> => {
  listener = new Listener(greets)
  return listener.open()
}
afterEach(() => listener.close())

const tlsAtOnce = (socket: Socket, listener: Listener) => listener.secure(socket)
const plain = (socket: Socket, listener: Listener) => listener.hear(socket)
const triedAgain = () => vi.waitUntil(() => listener.connections >= 2, { timeout: 20_000 })

describe("Redis by rediss://", () => {
  it("tells nothing to a server that it cannot believe", async () => {
    const port = await listen(tlsAtOnce)
    const address = Result.getOrThrow(readAddress(`rediss://:${PASSWORD}@localhost:${port}`))
    const errors: Array<string> = []
    const client = openClient(address, "test", { silenceMsMax: 5_000, retries: 1 }, (error) =>
      errors.push(String(error)),
    )
    client.connect().catch(() => {})
    await triedAgain()
    client.disconnect()
    expect(errors.join()).toMatch(/certificate/)
    expect(listener.told).toBe("")
  })
})

describe("Postgres by sslmode", () => {
  const query = (port: number, mode: string) =>
    Effect.flatMap(Postgres, ({ query }) => query("ping", (sql) => sql`select 1`)).pipe(
      Effect.provide(
        Postgres.layer.pipe(
          Layer.provide(
            settings({ DATABASE_URL: `postgres://atlas:${PASSWORD}@localhost:${port}/atlas?${mode}` }),
          ),
        ),
      ),
      Effect.scoped,
      Effect.exit,
      Effect.runPromise,
    )
  /** Answers the question whether it speaks TLS, and then does; a password is asked for. */
  const asks = (answer: "S" | "N") => (socket: Socket, listener: Listener) =>
    socket.once("data", () => {
      socket.write(answer)
      if (answer === "S") listener.secure(socket)
      else listener.hear(socket)
    })

  it.each(["sslmode=verify-full", "sslmode=verify-ca", "ssl=true"])(
    "tells nothing to a server that it cannot believe: %s",
    async (mode) => {
      const exit = await query(await listen(asks("S")), mode)
      expect(Exit.isFailure(exit) && String(exit.cause)).toMatch(/CERT|SIGN/)
      expect(listener.told).toBe("")
    },
  )

  it("tells nothing to a server without TLS", async () => {
    const port = await listen((socket, listener) =>
      socket.once("data", () => {
        socket.write("N")
        listener.hear(socket)
        setImmediate(() => socket.end())
      }),
    )
    expect(Exit.isFailure(await query(port, "sslmode=verify-full"))).toBe(true)
    expect(listener.told).not.toContain("atlas")
  })

  it("would speak to anybody with sslmode=require, which production refuses", async () => {
    const port = await listen((socket, listener) =>
      socket.once("data", () => {
        socket.write("S")
        listener.secure(socket)
        const heard = setInterval(() => {
          if (listener.told === "") return
          clearInterval(heard)
          socket.destroy()
        }, 5)
      }),
    )
    await query(port, "sslmode=require")
    expect(listener.told).toContain("atlas")
  })
})

describe("NATS by tls://", () => {
  const told = async (info: object) => {
    const port = await listen((socket, listener) => {
      socket.write(`INFO ${JSON.stringify({ server_id: "x", proto: 1, max_payload: 1024, ...info })}\r\n`)
      if ("tls_required" in info && info.tls_required) listener.secure(socket)
      else plain(socket, listener)
    })
    const options = serversIn(`tls://atlas:${PASSWORD}@localhost:${port}`)
    await expect(connect({ ...options, waitOnFirstConnect: false, reconnect: false })).rejects.toThrow(
      /certificate|tls/,
    )
    return listener.told
  }

  it("tells nothing to a server that it cannot believe", async () => {
    expect(await told({ tls_required: true })).toBe("")
  })

  it("tells nothing to a server that offers no TLS", async () => {
    expect(await told({})).toBe("")
  })
})
