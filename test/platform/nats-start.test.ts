/** A start while JetStream has no leader, against a server of NATS that says so: it has just what the client asks for. */
import { once } from "node:events"
import { type AddressInfo, createServer, type Server, type Socket } from "node:net"
import { Effect, Exit, Layer } from "effect"
import { afterEach, describe, expect, it, vi } from "vitest"
import { Nats } from "../../src/platform/nats.ts"
import { loggingLayer } from "../../src/telemetry/logging.ts"
import { PATIENCE_MS } from "../patience.ts"
import { settings } from "../settings.ts"

const refused = (err_code: number, code: number, description: string) =>
  JSON.stringify({
    type: "io.nats.jetstream.api.v1.account_info_response",
    error: { code, err_code, description },
  })
const leaderless = refused(10_008, 503, "JetStream system temporarily unavailable")
const notEnabled = refused(10_039, 503, "JetStream not enabled for account")
const account = JSON.stringify({ type: "io.nats.jetstream.api.v1.account_info_response", streams: 0 })

let server: Server
afterEach(() => server.close())

/** Answers the questions about JetStream with these, one after the other, and the last one from then on. */
const openServer = async (answers: ReadonlyArray<string>) => {
  let asked = 0
  const answerTo = (line: string): string => {
    if (line.startsWith("PING")) return "PONG\r\n"
    const [, , reply] = /^(PUB|HPUB) \$JS\.API\.INFO (\S+)/.exec(line) ?? []
    if (reply === undefined) return ""
    const answer = answers[Math.min(asked, answers.length - 1)] ?? ""
    asked += 1
    return `MSG ${reply} 1 ${answer.length}\r\n${answer}\r\n`
  }
  server = createServer((socket: Socket) => {
    socket.on("error", () => undefined)
    socket.write(
      `INFO ${JSON.stringify({ server_id: "A", version: "2.10.0", proto: 1, headers: true, max_payload: 1_048_576 })}\r\n`,
    )
    socket.on("data", (data) => {
      for (const line of String(data).split("\r\n")) socket.write(answerTo(line))
    })
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  return { url: `nats://127.0.0.1:${(server.address() as AddressInfo).port}`, asked: () => asked }
}

const start = (url: string, lines: Array<string>, signal?: AbortSignal) =>
  Effect.runPromiseExit(
    Effect.scoped(Layer.build(Layer.fresh(Nats.layer))).pipe(
      Effect.provide(settings({ NATS_URL: url })),
      Effect.provide(loggingLayer((line) => lines.push(line))),
    ),
    { signal },
  )

describe("a start with NATS", () => {
  it("waits until JetStream has a leader, and says so once", async () => {
    const { url, asked } = await openServer([leaderless, leaderless, account])
    const lines: Array<string> = []
    expect(Exit.isSuccess(await start(url, lines))).toBe(true)
    expect(asked()).toBe(3)
    expect(lines.filter((line) => line.includes("JetStream cannot be asked yet"))).toHaveLength(1)
  })

  it("can be stopped while no server is there, and is there when one is", async () => {
    const { url } = await openServer([account])
    server.close()
    const lines: Array<string> = []
    const wait = () =>
      vi.waitUntil(() => lines.some((line) => line.includes("nats cannot be reached yet")), PATIENCE_MS)
    const stopped = new AbortController()
    const stopping = start(url, lines, stopped.signal)
    await wait()
    stopped.abort()
    expect(Exit.isFailure(await stopping)).toBe(true)

    lines.length = 0
    const starting = start(url, lines)
    await wait()
    server.listen(Number(new URL(url).port), "127.0.0.1")
    expect(Exit.isSuccess(await starting)).toBe(true)
  })

  it("fails if the server has no JetStream, because it never will", async () => {
    const { url, asked } = await openServer([notEnabled])
    expect(Exit.isFailure(await start(url, []))).toBe(true)
    expect(asked()).toBe(1)
  })
})
