/** The stream of a batch's events: each once and in order, whatever becomes of connections. */
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Aborted, NoAnswer, Problem, Timeout, UnusableAnswer } from "../../src/client/errors.ts"
import type { EventStreamOptions } from "../../src/client/event-stream.ts"
import { type AtlasPay, partnerClient } from "../../src/client/partner-client.ts"
import { serverSentEvents } from "../../src/client/server-sent-events.ts"
import { drop, json, parts, problem, ScriptedService } from "./scripted-service.ts"

let service: ScriptedService
let client: AtlasPay

beforeAll(async () => {
  service = await ScriptedService.open()
  client = partnerClient({ url: service.url, apiKey: "acme-key", totalMs: 5_000 })
})
afterAll(() => service[Symbol.asyncDispose]())

const retrySoon = "retry: 1\n\n"
const event = (version: number, type = "ItemsScreened") =>
  `id: ${version}\ndata: ${JSON.stringify({ version, type, at: "2026-11-28T00:00:00.000Z" })}\n\n`
const over = "event: end\ndata: {}\n\n"
const stream = (texts: ReadonlyArray<string>, end: "end" | "drop" | "open" = "end") =>
  parts("text/event-stream", texts, end)

/** What came of a stream, and how it ended. */
const followed = async (options: EventStreamOptions = {}) => {
  const versions: Array<number> = []
  try {
    for await (const { version } of client.eventStream("pb_1", options)) versions.push(version)
    return { versions, failure: undefined }
  } catch (failure) {
    return { versions, failure }
  }
}

const resumedAt = () => service.received.map(({ headers }) => headers["last-event-id"])

describe("a stream", () => {
  it("goes on after the last event, when the connection breaks, ends, or repeats what came", async () => {
    service.answer(
      stream([retrySoon, event(1), event(2), event(3).slice(0, 20)], "drop"),
      drop,
      stream([retrySoon, event(2), event(3)]),
      stream([retrySoon, event(4, "BatchClosed"), over], "open"),
    )
    expect(await followed()).toEqual({ versions: [1, 2, 3, 4], failure: undefined })
    expect(resumedAt()).toEqual([undefined, "2", "2", "3"])
    expect(service.received[0]?.headers.accept).toBe("text/event-stream")
  })

  it("begins after a version that the caller has, and ends at once if nothing follows", async () => {
    service.answer((response) => response.writeHead(204).end())
    expect(await followed({ after: 17 })).toEqual({ versions: [], failure: undefined })
    expect(resumedAt()).toEqual(["17"])
  })

  it("takes a connection without signs of life for dead, and not one with them", async () => {
    service.answer(
      (response) => {
        response.writeHead(200, { "content-type": "text/event-stream" })
        response.write(retrySoon + event(1))
        let alive = 0
        const timer = setInterval(() => {
          alive += 1
          response.write(alive < 5 ? ": alive\n\n" : event(2))
          if (alive === 5) clearInterval(timer)
        }, 150)
      },
      stream([event(3), over]),
    )
    expect(await followed({ silenceMs: 400 })).toEqual({ versions: [1, 2, 3], failure: undefined })
    expect(resumedAt()).toEqual([undefined, "2"])
  })

  it("gives up if connections break again and again without an event", async () => {
    service.answer(stream([retrySoon, event(1)], "drop"), stream([retrySoon]))
    const { versions, failure } = await followed()
    expect(versions).toEqual([1])
    expect(failure).toBeInstanceOf(NoAnswer)
    expect(service.received).toHaveLength(12)
  })

  it("ends with the time in which to follow it, and when the caller says so", async () => {
    service.answer(stream([event(1)], "open"))
    expect((await followed({ withinMs: 200 })).failure).toBeInstanceOf(Timeout)
    const aborted = await followed({ signal: AbortSignal.timeout(200) })
    expect(aborted.versions).toEqual([1])
    expect(aborted.failure).toBeInstanceOf(Aborted)
  })

  it("leaves no connection when the caller has enough", async () => {
    let closed: Promise<unknown> = Promise.resolve()
    service.answer((response, received) => {
      closed = new Promise((resolve) => response.on("close", resolve))
      stream([event(1), event(2)], "open")(response, received)
    })
    for await (const { version } of client.eventStream("pb_1")) if (version === 1) break
    await closed
  })

  it("fails with a problem that stays, and with what is no stream of a batch's events", async () => {
    service.answer(problem(409, "version-not-reached", { version: 3 }))
    expect((await followed({ after: 9 })).failure).toBeInstanceOf(Problem)
    for (const answering of [json(200, { events: [] }), stream(["data: {}\n\n"])]) {
      service.answer(answering)
      expect((await followed()).failure).toBeInstanceOf(UnusableAnswer)
    }
  })
})

describe("server-sent events", () => {
  const text =
    "\uFEFF: hi\r\nid: 1\r\ndata: a\r\ndata:b\r\n\r\nretry: 5\rdata\revent: end\rdata: c\u20AC\r\rdata: cut\n"

  it.each([1, 2, 3, 7, 1_000])("are the same in pieces of %i bytes, whatever ends a line", async (size) => {
    const bytes = new TextEncoder().encode(text)
    const pieces = async function* () {
      for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
    }
    expect(await Array.fromAsync(serverSentEvents(pieces()))).toEqual([
      { type: "message", data: "a\nb", retryMs: undefined },
      { type: "end", data: "\nc\u20AC", retryMs: 5 },
    ])
  })

  it("are not read beyond the size of the largest event", async () => {
    const pieces = async function* () {
      for (;;) yield new TextEncoder().encode(`data: ${"x".repeat(1_000_000)}\n`)
    }
    await expect(Array.fromAsync(serverSentEvents(pieces()))).rejects.toThrow("characters")
  })
})
