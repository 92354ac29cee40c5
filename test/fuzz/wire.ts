/** HTTP over a plain socket: it sends any bytes, and reads what comes back as RFC 9112 says. */
import { connect } from "node:net"

/** An answer as it came. The names of headers are in lower case. */
export interface WireAnswer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  /** Whether all of the body came. A stream that goes on is not complete. */
  readonly isComplete: boolean
}

/** What came back on one connection. */
export interface Exchange {
  /** Usually one; more if the server read several requests in the bytes. */
  readonly answers: ReadonlyArray<WireAnswer>
  /** How it ended. */
  readonly end: "closed" | "timeout" | "refused"
  /** The time until the last byte, in milliseconds. */
  readonly elapsedMs: number
}

export interface Sending {
  readonly host: string
  readonly port: number
  readonly withinMs: number
  /** Streams of events go on: they are read for this long. */
  readonly streamMs: number
  /** The client sends no more and closes its side, in the middle of a request. */
  readonly cutsOff: boolean
}

/** An answer of more bytes is read no further. */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024

/** Sends bytes on a connection of their own, and reads until the server closes it or the time is over. */
export const exchange = (bytes: Buffer, to: Sending): Promise<Exchange> =>
  new Promise((resolve) => {
    const startedAt = performance.now()
    const pieces: Array<Buffer> = []
    let received = 0
    let timer = setTimeout(() => finish("timeout"), to.withinMs)
    let isStream = false
    const socket = connect({ host: to.host, port: to.port, noDelay: true })
    const finish = (end: Exchange["end"]) => {
      clearTimeout(timer)
      socket.removeAllListeners().on("error", () => {})
      socket.destroy()
      const elapsedMs = performance.now() - startedAt
      resolve({ answers: answersIn(Buffer.concat(pieces)), end, elapsedMs })
    }
    socket.on("connect", () => {
      socket.write(bytes)
      if (to.cutsOff) socket.end()
    })
    socket.on("data", (piece) => {
      pieces.push(piece)
      received += piece.length
      if (received > ANSWER_BYTES_MAX) finish("closed")
      if (
        !isStream &&
        received < 8_192 &&
        /\r\ncontent-type: text\/event-stream/i.test(piece.toString("latin1"))
      ) {
        isStream = true
        clearTimeout(timer)
        timer = setTimeout(() => finish("closed"), to.streamMs)
      }
    })
    socket.on("error", ({ message }) => finish(message.includes("ECONNREFUSED") ? "refused" : "closed"))
    socket.on("close", () => finish("closed"))
  })

/** The answers in what a server sent, without the interim ones (1xx). */
export const answersIn = (bytes: Buffer): ReadonlyArray<WireAnswer> => {
  const answers: Array<WireAnswer> = []
  for (let at = 0; at < bytes.length; ) {
    const headEnd = bytes.indexOf("\r\n\r\n", at)
    if (headEnd < 0) break
    const [first = "", ...lines] = bytes.toString("latin1", at, headEnd).split("\r\n")
    const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(first)?.[1] ?? 0)
    const headers = new Headers()
    for (const line of lines) {
      const colon = line.indexOf(":")
      if (colon > 0) headers.append(line.slice(0, colon), line.slice(colon + 1).trim())
    }
    const body = bodyFrom(bytes, headEnd + 4, headers, status)
    at = body.end
    if (status >= 200 || status === 0)
      answers.push({ status, headers, text: body.bytes.toString("utf8"), isComplete: body.isComplete })
  }
  return answers
}

interface Body {
  readonly bytes: Buffer
  readonly end: number
  readonly isComplete: boolean
}

const bodyFrom = (bytes: Buffer, start: number, headers: Headers, status: number): Body => {
  if (status < 200 || status === 204 || status === 304)
    return { bytes: Buffer.alloc(0), end: start, isComplete: true }
  if (/chunked/i.test(headers.get("transfer-encoding") ?? "")) return chunkedFrom(bytes, start)
  const length = headers.get("content-length")
  const rest = bytes.subarray(start)
  if (length === null) return { bytes: rest, end: bytes.length, isComplete: true }
  // The answer to HEAD has the length of a body that does not come.
  if (rest.length === 0) return { bytes: rest, end: start, isComplete: true }
  const body = rest.subarray(0, Number(length))
  return { bytes: body, end: start + body.length, isComplete: body.length === Number(length) }
}

const chunkedFrom = (bytes: Buffer, start: number): Body => {
  const chunks: Array<Buffer> = []
  for (let at = start; at < bytes.length; ) {
    const lineEnd = bytes.indexOf("\r\n", at)
    if (lineEnd < 0) break
    const size = Number.parseInt(bytes.toString("latin1", at, lineEnd), 16)
    const from = lineEnd + 2
    if (size === 0) return { bytes: Buffer.concat(chunks), end: from + 2, isComplete: true }
    if (!Number.isFinite(size)) break
    chunks.push(bytes.subarray(from, from + size))
    at = from + size + 2
  }
  return { bytes: Buffer.concat(chunks), end: bytes.length, isComplete: false }
}
