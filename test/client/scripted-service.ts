/** A server that answers each request as a test says, and remembers what it was sent. */
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

export interface Received {
  readonly method: string
  readonly path: string
  readonly key: string | undefined
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** What becomes of a request. */
export type Answering = (response: ServerResponse, received: Received) => void

export class ScriptedService implements AsyncDisposable {
  readonly received: Array<Received> = []
  readonly #server: Server
  #script: ReadonlyArray<Answering> = []

  private constructor(server: Server) {
    this.#server = server
  }

  static async open(): Promise<ScriptedService> {
    const server = createServer()
    const service = new ScriptedService(server)
    server.on("request", (request, response) => {
      const chunks: Array<Buffer> = []
      request.on("data", (chunk: Buffer) => chunks.push(chunk))
      request.on("error", () => response.destroy())
      request.on("end", () => {
        const key = request.headers["idempotency-key"]
        const received = {
          method: request.method ?? "",
          path: request.url ?? "",
          key: key === undefined ? undefined : String(key),
          headers: request.headers,
          body: Buffer.concat(chunks).toString(),
        }
        service.received.push(received)
        const answering = service.#script[service.received.length - 1] ?? service.#script.at(-1)
        answering?.(response, received)
      })
    })
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    return service
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Answers one request after the other so, and all further ones as the last. */
  answer(...script: ReadonlyArray<Answering>): void {
    this.received.length = 0
    this.#script = script
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

export const json =
  (status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Answering =>
  (response) =>
    response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body))

export const problem = (
  status: number,
  slug: string,
  members: object = {},
  headers: Readonly<Record<string, string>> = {},
): Answering => json(status, { type: `/problems/${slug}`, title: slug, status, ...members }, headers)

/** Breaks the connection off without an answer. */
export const drop: Answering = (response) => response.destroy()

/** Never answers. */
export const silence: Answering = () => {}

/** Answers with parts of a body, and then ends it, breaks it off, or leaves it open. */
export const parts =
  (mediaType: string, texts: ReadonlyArray<string>, end: "end" | "drop" | "open" = "end"): Answering =>
  (response) => {
    response.writeHead(200, { "content-type": mediaType })
    response.flushHeaders()
    for (const text of texts) response.write(text)
    if (end === "end") response.end()
    // What was written is sent before the connection is reset.
    if (end === "drop") setTimeout(() => response.destroy(), 20)
  }
