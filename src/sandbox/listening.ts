import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http"
import { createServer as createTlsServer, Server as TlsServer } from "node:https"
import type { AddressInfo } from "node:net"
import { getRequestListener } from "@hono/node-server"
import type { Hono } from "hono"
import type { Door } from "./door.ts"
import type { SandboxEnv } from "./request-body.ts"

export interface Listening {
  readonly url: string
  readonly port: number
  /** Refuses new connections for a while, then listens on the same port again. Open connections stay open. */
  refuseFor(ms: number): void
  close(): Promise<void>
}

/** The URL of a server, with brackets around an IPv6 address. */
export const originOf = (host: string, port: number, scheme = "http"): string =>
  `${scheme}://${host.includes(":") ? `[${host}]` : host}:${port}`

/** Takes a request, or leaves it to the app: `false`. */
export type DirectListener = (incoming: IncomingMessage, outgoing: ServerResponse) => boolean

/** What a server answers with: its app, and first of all the listener for what needs no router, if there is one. */
export interface Served {
  readonly app: Hono<SandboxEnv>
  readonly direct?: DirectListener | undefined
}

/** Serves an app on a port, 0 for any free one. Rejects with EADDRINUSE if the port is taken. */
export const listen = (
  { app, direct }: Served,
  host: string,
  port: number,
  tls?: Door["tls"],
): Promise<Listening> =>
  new Promise((resolve, reject) => {
    const routed = getRequestListener(app.fetch, { hostname: host })
    const listener: RequestListener = (incoming, outgoing) => {
      if (direct?.(incoming, outgoing) !== true) void routed(incoming, outgoing)
    }
    const server = tls === undefined ? createServer(listener) : createTlsServer(secured(tls), listener)
    server.once("error", reject)
    server.listen(port, host, () => {
      server.off("error", reject)
      const chosen = (server.address() as AddressInfo).port
      resolve(new HttpListening(server, host, chosen))
    })
  })

/** With `clientCa`, connections without a certificate of that authority are refused. */
const secured = ({ key, cert, clientCa }: NonNullable<Door["tls"]>) => ({
  key,
  cert,
  ...(clientCa && { ca: clientCa, requestCert: true, rejectUnauthorized: true }),
})

class HttpListening implements Listening {
  readonly url: string
  readonly port: number
  readonly #server: Server | TlsServer
  readonly #host: string
  #return: NodeJS.Timeout | undefined

  constructor(server: Server | TlsServer, host: string, port: number) {
    this.url = originOf(host, port, server instanceof TlsServer ? "https" : "http")
    this.port = port
    this.#server = server
    this.#host = host
  }

  /**
   * If another program took the port meanwhile, the error ends the process: its clients would otherwise talk to that program.
   */
  refuseFor(ms: number): void {
    clearTimeout(this.#return)
    if (this.#server.listening) this.#server.close()
    this.#return = setTimeout(() => this.#server.listen(this.port, this.#host), ms)
  }

  close(): Promise<void> {
    clearTimeout(this.#return)
    return new Promise((closed, failed) => {
      if (this.#server.listening)
        this.#server.close((error) => (error === undefined ? closed() : failed(error)))
      else closed()
      this.#server.closeAllConnections()
    })
  }
}
