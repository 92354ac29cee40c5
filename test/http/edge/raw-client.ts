/** A client that says to the byte what it sends, and when. */
import { once } from "node:events"
import { connect, type Socket } from "node:net"

export interface Said {
  /** The status of the answer, or undefined when the connection ended without one. */
  readonly status: number | undefined
  readonly text: string
  readonly afterMs: number
}

export class RawClient {
  readonly socket: Socket
  readonly #openedAt = performance.now()
  #received = ""
  #closedAt: number | undefined

  private constructor(socket: Socket) {
    this.socket = socket
    socket.setEncoding("utf8").on("data", (text: string) => {
      this.#received += text
    })
    socket.on("error", () => {})
    socket.once("close", () => {
      this.#closedAt = performance.now()
    })
  }

  static async open(url: string): Promise<RawClient> {
    const { hostname, port } = new URL(url)
    const client = new RawClient(connect(Number(port), hostname))
    await once(client.socket, "connect")
    return client
  }

  get received(): string {
    return this.#received
  }

  get isClosed(): boolean {
    return this.#closedAt !== undefined
  }

  /** Sends, and waits until the system has taken it or the connection is gone. */
  async send(bytes: string | Buffer): Promise<void> {
    if (this.socket.destroyed) return
    await new Promise<void>((resolve) => {
      this.socket.once("close", () => resolve())
      this.socket.write(bytes, () => resolve())
    })
  }

  /** Waits until the other side has ended the connection. */
  async closed(): Promise<Said> {
    if (!this.isClosed) await once(this.socket, "close")
    return { ...this.#said(), afterMs: (this.#closedAt ?? 0) - this.#openedAt }
  }

  /** Waits for the head of an answer. */
  async answered(): Promise<Said> {
    while (!this.#received.includes("\r\n\r\n") && !this.isClosed)
      await new Promise((resolve) => setTimeout(resolve, 5))
    return { ...this.#said(), afterMs: performance.now() - this.#openedAt }
  }

  #said() {
    const status = /^HTTP\/1\.1 (\d{3})/.exec(this.#received)?.[1]
    return { status: status === undefined ? undefined : Number(status), text: this.#received }
  }

  [Symbol.dispose](): void {
    this.socket.destroy()
  }
}
