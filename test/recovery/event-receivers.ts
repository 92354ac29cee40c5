/**
 * Receivers of webhooks that misbehave in all ways, and keep books of what they got. They speak HTTP over the bare socket where a
 * server would not let them.
 */
import { once } from "node:events"
import { createServer, type IncomingMessage, type Server } from "node:http"
import type { AddressInfo, Socket } from "node:net"
import { text } from "node:stream/consumers"
import { setTimeout as sleep } from "node:timers/promises"
import { gzipSync } from "node:zlib"
import type { ReceivedRequest } from "../checker/notifications.ts"

/** Answers over the socket. Gives the final status, if the receiver answered with one. */
type Manner = (socket: Socket, patienceMs: number) => Promise<number | undefined> | number | undefined

const line = (status: number, ...headers: ReadonlyArray<string>): string =>
  [`HTTP/1.1 ${status} X`, ...headers, "", ""].join("\r\n")

const empty = (status: number, ...headers: ReadonlyArray<string>): string =>
  line(status, "content-length: 0", ...headers)

/** Writes for as long as somebody reads. */
const forEver = async (socket: Socket, chunk: Buffer | string): Promise<void> => {
  while (!socket.destroyed && socket.writable) {
    if (!socket.write(chunk))
      await Promise.race([once(socket, "drain"), once(socket, "close")]).catch(() => {})
    else await sleep(1)
  }
}

const bomb = gzipSync(Buffer.alloc(16 * 1024 * 1024))

/** All ways to misbehave. Those that give a 2xx did take the event, whatever came after. */
const manners = {
  hangs: () => undefined,
  resets: (socket) => {
    socket.resetAndDestroy()
    return undefined
  },
  closes: (socket) => {
    socket.end()
    return undefined
  },
  redirects: (socket) => {
    socket.write(empty(307, "location: /elsewhere"))
    return 307
  },
  "is late": async (socket, patienceMs) => {
    await sleep(2 * patienceMs)
    if (socket.writable) socket.write(empty(200))
    return 200
  },
  "answers without end": (socket) => {
    socket.write(line(200, "transfer-encoding: chunked"))
    void forEver(socket, `4000\r\n${"x".repeat(0x4000)}\r\n`)
    return 200
  },
  "fails without end": (socket) => {
    socket.write(line(500, "transfer-encoding: chunked"))
    void forEver(socket, `4000\r\n${"x".repeat(0x4000)}\r\n`)
    return 500
  },
  "has interim answers": (socket) => {
    socket.write(`${line(103, "link: </a>; rel=preload")}${line(102)}${empty(204)}`)
    return 204
  },
  "never gets to the point": (socket) => {
    void forEver(socket, line(103, "link: </a>; rel=preload"))
    return undefined
  },
  "switches protocols": (socket) => {
    socket.write(line(101, "connection: upgrade", "upgrade: websocket"))
    return undefined
  },
  "closes half way": (socket) => {
    socket.end(`${line(200, "content-length: 1000")}half`)
    return 200
  },
  "closes within its headers": (socket) => {
    socket.end("HTTP/1.1 200 OK\r\ncontent-le")
    return undefined
  },
  "sends a bomb": (socket) => {
    socket.write(line(200, "content-encoding: gzip", `content-length: ${bomb.length}`))
    socket.write(bomb)
    return 200
  },
  "has huge headers": (socket) => {
    socket.write(empty(200, `x-huge: ${"x".repeat(1024 * 1024)}`))
    return undefined
  },
  "speaks another language": (socket) => {
    socket.end("220 mail.example ESMTP\r\n")
    return undefined
  },
  "says it twice": (socket) => {
    socket.write(`${empty(200)}${empty(500)}`)
    return 200
  },
} satisfies Readonly<Record<string, Manner>>

export const mannerNames: ReadonlyArray<string> = Object.keys(manners)

export interface EventReceiver extends AsyncDisposable {
  /** A URL ends in the conduct and a name: `/foul/acme`. */
  readonly url: string
  /** What came, by the path that it came to. */
  readonly requests: ReadonlyArray<ReceivedRequest>
  /** Which manners were shown. */
  readonly shown: ReadonlySet<string>
}

/**
 * `/good/…` takes everything, `/shaky/…` fails three of ten times, `/gone/…` answers 410, `/silent/…` never answers, and `/foul/…` misbehaves at the first
 * attempt of each event, in each manner in turn. `patienceMs` is how long the service waits for an answer.
 */
export const startEventReceiver = async (patienceMs: number): Promise<EventReceiver> => {
  const requests: Array<ReceivedRequest & { answered: number | undefined }> = []
  const shown = new Set<string>()
  const seen = new Set<string>()
  const all = Object.entries<Manner>(manners)
  let [foul, shaky] = [0, 0]

  const mannerOf = (path: string, id: string): Manner => {
    if (path.startsWith("/gone/")) return plainly(410)
    if (path.startsWith("/silent/")) return manners.hangs
    if (path.startsWith("/shaky/") && shaky++ % 10 < 3) return plainly(shaky % 2 === 0 ? 500 : 503)
    const isRepetition = seen.has(`${path} ${id}`)
    seen.add(`${path} ${id}`)
    const next = all[foul % all.length]
    if (!path.startsWith("/foul/") || isRepetition || next === undefined) return plainly(204)
    foul += 1
    shown.add(next[0])
    return next[1]
  }
  const receive = async (request: IncomingMessage): Promise<void> => {
    const { url: path = "", headers, socket } = request
    const body = await text(request)
    const one = { endpoint: path, headers, body, answered: undefined as number | undefined }
    requests.push(one)
    one.answered = await mannerOf(path, String(headers["webhook-id"]))(socket, patienceMs)
  }
  const server = createServer((request) => {
    // The service may hang up while it still sends.
    receive(request).catch(() => {})
  })
  server.on("connection", (socket) => socket.on("error", () => {}))
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    shown,
    [Symbol.asyncDispose]: () => close(server),
  }
}

const plainly =
  (status: number): Manner =>
  (socket) => {
    socket.write(empty(status))
    return status
  }

const close = async (server: Server): Promise<void> => {
  const closed = once(server, "close")
  server.close()
  server.closeAllConnections()
  await closed
}
