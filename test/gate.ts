/** A gate in front of a server: what one client reaches it through, and what can be cut while others go on. */
import { once } from "node:events"
import { connect, createServer, type Server, type Socket } from "node:net"

export class Gate implements AsyncDisposable {
  readonly url: string
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #isOpen = true

  private constructor(server: Server, url: string, host: string, port: number) {
    this.#server = server
    this.url = url
    server.on("connection", (client) => {
      if (this.#isOpen) this.#join(client, connect(port, host))
      else client.destroy()
    })
  }

  /** Opens a gate to the server at an address, which it is reached by at `url`. */
  static async to(address: string): Promise<Gate> {
    const url = new URL(address)
    const { hostname, port } = url
    const server = createServer().listen(0, "127.0.0.1")
    await once(server, "listening")
    const own = server.address()
    if (own === null || typeof own === "string") throw new Error("no port")
    url.host = `127.0.0.1:${own.port}`
    return new Gate(server, url.href, hostname, Number(port))
  }

  /** Ends all connections and lets none through. */
  cut(): void {
    this.#isOpen = false
    for (const socket of this.#sockets) socket.destroy()
  }

  mend(): void {
    this.#isOpen = true
  }

  #join(client: Socket, upstream: Socket): void {
    client.pipe(upstream).pipe(client)
    for (const socket of [client, upstream]) {
      this.#sockets.add(socket)
      socket.on("error", () => {})
      socket.on("close", () => {
        this.#sockets.delete(socket)
        client.destroy()
        upstream.destroy()
      })
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut()
    this.#server.close()
    await once(this.#server, "close")
  }
}
