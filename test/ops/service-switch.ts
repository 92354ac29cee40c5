/**
 * One address for several processes, as a Service of Kubernetes is: each new connection goes to one of those that are selected and
 * ready, and connections stay where they are. Whether a process is ready is asked now and then, as endpoints follow readiness.
 */
import { once } from "node:events"
import { connect, createServer, type Server, type Socket } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import type { Service } from "../platform-under-test.ts"

/** How often readiness is asked for. Milliseconds. */
export const ASKED_EVERY_MS = 100
const ASKED_WITHIN_MS = 2_000

interface Place {
  readonly service: Service
  isReady: boolean
}

export class ServiceSwitch implements AsyncDisposable {
  readonly url: string
  readonly #server: Server
  readonly #over = new AbortController()
  readonly #sockets = new Set<Socket>()
  #places: ReadonlyArray<Place> = []
  #turn = 0
  #asking: Promise<void> = Promise.resolve()

  private constructor(server: Server, port: number) {
    this.url = `http://127.0.0.1:${port}`
    this.#server = server
    server.on("connection", (near) => this.#join(near))
    this.#asking = this.#askAgainAndAgain()
  }

  static async open(): Promise<ServiceSwitch> {
    const server = createServer({ noDelay: true, allowHalfOpen: true }).listen(0, "127.0.0.1")
    await once(server, "listening")
    const address = server.address()
    if (address === null || typeof address === "string") throw new Error("no port")
    return new ServiceSwitch(server, address.port)
  }

  /** From now on new connections go to these, as far as they are ready. */
  async select(...services: ReadonlyArray<Service>): Promise<void> {
    this.#places = services.map(
      (service) => this.#places.find((known) => known.service === service) ?? { service, isReady: false },
    )
    await this.#ask()
  }

  /** How many of the selected processes are ready. */
  get ready(): number {
    return this.#places.filter(({ isReady }) => isReady).length
  }

  #join(near: Socket): void {
    const ready = this.#places.filter(({ isReady }) => isReady)
    const place = ready[this.#turn++ % ready.length]
    if (place === undefined) {
      near.resetAndDestroy()
      return
    }
    const far = connect({
      port: Number(new URL(place.service.url).port),
      host: "127.0.0.1",
      allowHalfOpen: true,
    })
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(one)
      one.on("error", () => other.resetAndDestroy()).on("close", () => this.#sockets.delete(one))
      one.pipe(other)
    }
  }

  async #askAgainAndAgain(): Promise<void> {
    while (!this.#over.signal.aborted) {
      await this.#ask()
      await sleep(ASKED_EVERY_MS)
    }
  }

  async #ask(): Promise<void> {
    await Promise.all(
      this.#places.map(async (place) => {
        const url = `${place.service.operationsUrl}/readyz`
        place.isReady = await fetch(url, { signal: AbortSignal.timeout(ASKED_WITHIN_MS) }).then(
          ({ status }) => status === 200,
          () => false,
        )
      }),
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort()
    await this.#asking
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
  }
}
