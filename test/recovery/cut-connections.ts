/**
 * A way to Postgres that cuts connections between any two messages: before a statement arrives, or when it was done and only its answer is
 * lost. The driver sends a statement in two halves the first time: what it says, and then its values.
 */
import { once } from "node:events"
import { connect, createServer, type Server, type Socket } from "node:net"

/** What the driver's messages begin with (https://www.postgresql.org/docs/current/protocol-message-formats.html): Parse, Bind, Query. */
const STATEMENTS: ReadonlySet<number> = new Set([..."PBQ"].map((letter) => letter.charCodeAt(0)))

export class CuttingWay implements AsyncDisposable {
  readonly url: string
  /** How many statements never arrived, and of how many the answer was lost. */
  readonly cuts = { statements: 0, answers: 0 }
  /** Whether connections are cut at all; at first they are not. */
  isCutting = false
  readonly #server: Server
  readonly #open = new Set<Socket>()
  #statements = 0

  private constructor(server: Server, target: URL, port: number) {
    this.#server = server
    const url = new URL(target)
    url.host = `127.0.0.1:${port}`
    this.url = url.href
    server.on("connection", (near) => this.#join(near, connect(Number(target.port), target.hostname)))
  }

  static async to(target: string): Promise<CuttingWay> {
    const server = createServer().listen(0, "127.0.0.1")
    await once(server, "listening")
    const address = server.address()
    if (address === null || typeof address === "string") throw new Error("no port")
    return new CuttingWay(server, new URL(target), address.port)
  }

  /** Of five messages with a statement the first is lost with its connection, the answer to the third is lost, and three pass. */
  #join(near: Socket, far: Socket): void {
    let isAnswerLost = false
    const cut = () => {
      near.resetAndDestroy()
      far.resetAndDestroy()
    }
    for (const socket of [near, far]) {
      this.#open.add(socket)
      socket.on("error", cut).on("close", () => {
        this.#open.delete(socket)
        cut()
      })
    }
    near.on("data", (message) => {
      const isStatement = STATEMENTS.has(message[0] ?? 0)
      const turn = isStatement && this.isCutting ? this.#statements++ % 5 : undefined
      if (turn === 0) {
        this.cuts.statements += 1
        return cut()
      }
      if (turn === 2) isAnswerLost = true
      far.write(message)
    })
    far.on("data", (message) => {
      if (!isAnswerLost) return void near.write(message)
      this.cuts.answers += 1
      cut()
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close()
    for (const socket of this.#open) socket.destroy()
  }
}
