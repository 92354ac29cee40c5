/** A real HTTP server on loopback that behaves as a test tells it to, and remembers what it was asked. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { gzipSync } from "node:zlib"
import type { FailureKind } from "../../../src/providers/calling/provider-error.ts"

export interface Asked {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly headers: IncomingMessage["headers"]
  readonly body: string
}

export type Behaviour = (response: ServerResponse, asked: Asked) => void

export class MisbehavingServer {
  readonly asked: Array<Asked> = []
  behaviour: Behaviour = silent
  readonly url: string
  readonly close: () => Promise<void>

  private constructor(url: string, close: () => Promise<void>) {
    this.url = url
    this.close = close
  }

  static async open(): Promise<MisbehavingServer> {
    const server = createServer(async (request, response) => {
      const { method, url, headers } = request
      const body = Buffer.concat(await Array.fromAsync(request)).toString()
      const asked = { method, url, headers, body }
      opened.asked.push(asked)
      opened.behaviour(response, asked)
    })
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening))
    const opened = new MisbehavingServer(
      `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      () =>
        new Promise((closed) => {
          server.close(() => closed())
          server.closeAllConnections()
        }),
    )
    return opened
  }
}

/** Never answers. */
export const silent: Behaviour = () => {}

export const json =
  (status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Behaviour =>
  (response) =>
    response
      .writeHead(status, { "content-type": "application/json", ...headers })
      .end(typeof body === "string" ? body : JSON.stringify(body))

/** Answers with these bytes. */
export const raw =
  (bytes: string, ends?: "ends"): Behaviour =>
  ({ socket }) =>
    ends === undefined ? socket?.write(bytes) : socket?.end(bytes)

/** An account number that no error, reason or log may hold. */
export const canary = "DE89370400440532013000"

const told = `{"code":"never-seen","account":"${canary}"}`

/** A time-out for calls that are to run into it, and one for calls that are not, however busy the machine is. */
export const IMPATIENT_MS = 300
export const PATIENT_MS = 15_000

/** What a provider can do wrong with any request, by what is then said of it. */
export const misdeeds: ReadonlyArray<{
  readonly does: string
  readonly behaviour: Behaviour
  readonly problem: string
  readonly kind: FailureKind
  readonly timeoutMs: number
}> = [
  {
    does: "never answers",
    behaviour: silent,
    problem: "timed out",
    kind: "timed-out",
    timeoutMs: IMPATIENT_MS,
  },
  {
    does: "stops in the middle of an answer",
    behaviour: (response) =>
      response.writeHead(200, { "content-type": "application/json" }).write(`{"a":"${canary}`),
    problem: "timed out",
    kind: "timed-out",
    timeoutMs: IMPATIENT_MS,
  },
  {
    does: "resets the connection",
    behaviour: (response) => response.socket?.resetAndDestroy(),
    problem: "the connection failed",
    kind: "connection-broke",
    timeoutMs: PATIENT_MS,
  },
  {
    does: "resets the connection in the middle of an answer",
    behaviour: (response) => {
      response.writeHead(200, { "content-type": "application/json" }).write(`{"a":"${canary}`, () => {
        response.socket?.resetAndDestroy()
      })
    },
    problem: "the connection failed",
    kind: "connection-broke",
    timeoutMs: PATIENT_MS,
  },
  {
    does: "ends an answer before the length that it gave",
    behaviour: raw(
      "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 90\r\n\r\n{}",
      "ends",
    ),
    problem: "the connection failed",
    kind: "connection-broke",
    timeoutMs: PATIENT_MS,
  },
  {
    does: "gives two lengths",
    behaviour: raw(
      "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{} ",
    ),
    problem: "the connection failed",
    kind: "connection-broke",
    timeoutMs: PATIENT_MS,
  },
  {
    does: "changes the protocol",
    behaviour: raw("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n"),
    problem: "the connection failed",
    kind: "connection-broke",
    timeoutMs: PATIENT_MS,
  },
  {
    does: "answers with no HTTP",
    behaviour: raw(`${"x".repeat(10)}\r\n\r\n`),
    problem: "the connection failed",
    kind: "connection-broke",
    timeoutMs: PATIENT_MS,
  },
  {
    does: "answers in HTML",
    behaviour: json(200, `<p>${canary}</p>`, { "content-type": "text/html" }),
    problem: "something other than JSON",
    kind: "nonsense",
    timeoutMs: PATIENT_MS,
  },
  {
    does: "answers with broken JSON",
    behaviour: json(200, `{"${canary}`),
    problem: "not as agreed",
    kind: "nonsense",
    timeoutMs: PATIENT_MS,
  },
  {
    does: "answers with bytes that are no text",
    behaviour: (response) =>
      response.writeHead(200, { "content-type": "application/json" }).end(Buffer.from([0x22, 0xff, 0x22])),
    problem: "not as agreed",
    kind: "nonsense",
    timeoutMs: PATIENT_MS,
  },
  {
    does: "answers with another shape",
    behaviour: json(200, { status: canary, transferId: 7, postingId: [canary], decisions: canary }),
    problem: "not as agreed",
    kind: "nonsense",
    timeoutMs: PATIENT_MS,
  },
  {
    does: "answers without end",
    behaviour: (response) => {
      response.writeHead(200, { "content-type": "application/json" })
      const more = () => response.write(canary.repeat(1_000), (error) => error ?? more())
      more()
    },
    problem: "more than 1048576 bytes",
    kind: "nonsense",
    timeoutMs: PATIENT_MS,
  },
  {
    does: "answers with a little that unpacks to much",
    behaviour: (response) =>
      response
        .writeHead(200, { "content-type": "application/json", "content-encoding": "gzip" })
        .end(gzipSync(Buffer.alloc(4 * 1024 * 1024, canary))),
    problem: "more than 1048576 bytes",
    kind: "nonsense",
    timeoutMs: PATIENT_MS,
  },
  {
    does: "redirects",
    behaviour: json(307, told, { location: `/elsewhere/${canary}` }),
    problem: "status 307",
    kind: "nonsense",
    timeoutMs: PATIENT_MS,
  },
  {
    does: "fails",
    behaviour: json(500, told),
    problem: "status 500",
    kind: "server-error",
    timeoutMs: PATIENT_MS,
  },
  { does: "is busy", behaviour: json(429, told), problem: "status 429", kind: "busy", timeoutMs: PATIENT_MS },
  {
    does: "sees a conflict",
    behaviour: json(409, told),
    problem: "status 409",
    kind: "refused",
    timeoutMs: PATIENT_MS,
  },
]
