/** Events of a batch as they come, over real HTTP and the real log. */
import { Effect, Layer } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { BatchId } from "../../../src/domain/identifiers.ts"
import { NO_SETTINGS } from "../../../src/domain/partner-settings.ts"
import { Administration } from "../../../src/identity/administration.ts"
import { newApiKey } from "../../../src/identity/api-key.ts"
import { AuditTrail } from "../../../src/identity/audit-trail.ts"
import { KeyDirectory } from "../../../src/identity/key-directory.ts"
import { PartnerContracts } from "../../../src/identity/partner-contracts.ts"
import type { BatchView } from "../../../src/projections/batch-queries.ts"
import type { Ownership } from "../../../src/streams/run-queue.ts"
import { closing, headAt, takeFrom } from "../../streams/log-under-test.ts"
import { ApiUnderTest, acme, globex } from "../api-under-test.ts"
import { readModels } from "../read-models.ts"
import { payout } from "./payout-batch-body.ts"

/** A stored key of acme's, which works until it is revoked. */
const stored = newApiKey().text
let isRevoked = false
const access = Layer.mergeAll(
  Layer.mock(KeyDirectory, {
    find: () =>
      Effect.succeed(
        isRevoked
          ? ("ended" as const)
          : {
              kind: "partner" as const,
              credential: "partner:acme/stored" as const,
              partner: "acme",
              scopes: new Set(["batches:read"] as const),
            },
      ),
    isSuspended: () => false,
    lastSignOut: () => Effect.undefined,
    settingsOf: () => Effect.succeed(NO_SETTINGS),
  }),
  Layer.mock(Administration, {}),
  Layer.mock(AuditTrail, {}),
  Layer.mock(PartnerContracts, {}),
)

let closedAt: number | undefined
let api: ApiUnderTest
const open = () =>
  ApiUnderTest.open({
    environment: { EVENT_STREAMS_PER_PARTNER_MAX: "2" },
    access,
    queries: readModels({
      batch: (_, id) => Effect.succeed({ id, version: 3, closedAt } as BatchView),
    }),
  })
beforeAll(async () => {
  api = await open()
})
afterAll(() => api[Symbol.asyncDispose]())

/** Posts a batch, and takes it as a worker does. */
const posted = async (key: string): Promise<Ownership> => {
  const { json } = await api.post(key, { items: [payout(key)] })
  for (;;) {
    const taken = await Effect.runPromise(takeFrom(api.log, "writer", 64, 1_000))
    const owned = taken.find(({ batch }) => batch === json.id)
    if (owned !== undefined) return owned
  }
}

const append = async (owned: Ownership, version: number, close = false) => {
  const at = Date.now()
  const event = close ? closing(at) : ({ _tag: "FundsArrived", at, currency: "EUR" } as const)
  await Effect.runPromise(
    Effect.gen(function* () {
      yield* api.log.append(owned, {
        expectedVersion: version,
        head: yield* headAt(api.log, owned.batch, version),
        events: [event],
        handled: [],
        commandId: `${owned.batch}-${version}`,
        open: !close,
      })
    }),
  )
}

/** A stream as a client reads it. */
class Reader {
  readonly status: number
  readonly type: string | null
  text = ""
  isCut = false
  readonly ended: Promise<void>
  readonly #abort: AbortController

  private constructor(answer: Response, abort: AbortController) {
    this.status = answer.status
    this.type = answer.headers.get("content-type")
    this.#abort = abort
    this.ended = this.#read(answer)
  }

  static async open(batch: string, headers: Record<string, string> = {}, key = acme, from = api) {
    const abort = new AbortController()
    const answer = await fetch(`${from.url}/payout-batches/${batch}/events`, {
      headers: { authorization: `Bearer ${key}`, accept: "text/event-stream", ...headers },
      signal: abort.signal,
    })
    return new Reader(answer, abort)
  }

  async #read(answer: Response) {
    const decoder = new TextDecoder()
    try {
      for await (const part of answer.body ?? []) this.text += decoder.decode(part, { stream: true })
    } catch {
      this.isCut = true
    }
  }

  get ids(): ReadonlyArray<number> {
    return [...this.text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id))
  }

  async has(ids: ReadonlyArray<number>) {
    await expect.poll(() => this.ids, { timeout: 10_000, interval: 20 }).toEqual(ids)
  }

  async [Symbol.asyncDispose]() {
    this.#abort.abort()
    await this.ended
  }
}

describe("a stream of a batch's events", () => {
  it("has what is in the log, what comes, and an end when the batch is closed", async () => {
    const owned = await posted("whole")
    await using reader = await Reader.open(owned.batch)
    expect(reader.type).toBe("text/event-stream")
    await reader.has([1, 2, 3])
    await append(owned, 3)
    await reader.has([1, 2, 3, 4])
    await append(owned, 4, true)
    await reader.ended
    expect(reader.isCut).toBe(false)
    expect(reader.ids).toEqual([1, 2, 3, 4, 5])
    expect(reader.text).toMatch(/event: end\ndata: \{"version":5\}\n\n$/)
    const events = [...reader.text.matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(String(data)))
    const { json } = await api.get(`/payout-batches/${owned.batch}/events`)
    expect(events.slice(0, 5)).toEqual(json.events)
  })

  it("goes on after the last event that the client has, and has nothing more of a closed batch", async () => {
    const owned = await posted("resumed")
    await append(owned, 3)
    {
      await using reader = await Reader.open(owned.batch, { "last-event-id": "3" })
      await reader.has([4])
    }
    await append(owned, 4, true)
    closedAt = 1
    expect((await Reader.open(owned.batch, { "last-event-id": "5" })).status).toBe(204)
    closedAt = undefined
  })

  it("refuses a version that the log does not have, or that is none", async () => {
    const { batch } = await posted("ahead")
    expect((await Reader.open(batch, { "last-event-id": "9" })).status).toBe(409)
    expect((await Reader.open(batch, { "last-event-id": "x" })).status).toBe(400)
    expect((await Reader.open(batch, {}, globex)).status).toBe(404)
  })

  it("is one of a limited number", async () => {
    const { batch } = await posted("limited")
    {
      await using _first = await Reader.open(batch)
      await using _second = await Reader.open(batch)
      expect((await Reader.open(batch)).status).toBe(429)
    }
    await expect
      .poll(
        async () => {
          await using reader = await Reader.open(batch)
          return reader.status
        },
        { timeout: 10_000 },
      )
      .toBe(200)
  })

  it("is cut off within five seconds when its key is revoked", async () => {
    const { batch } = await posted("revoked")
    isRevoked = false
    await using reader = await Reader.open(batch, {}, stored)
    await reader.has([1, 2, 3])
    isRevoked = true
    const began = Date.now()
    await reader.ended
    expect(reader.isCut).toBe(true)
    expect(Date.now() - began).toBeLessThan(5_000)
    expect(api.lines.join("\n")).not.toContain(stored.slice(20, 63))
  })

  it("is not opened by HEAD", async () => {
    const { batch } = await posted("head")
    const { status, headers, text } = await api.call(`/payout-batches/${batch}/events`, {
      method: "HEAD",
      headers: { authorization: `Bearer ${acme}`, accept: "text/event-stream" },
    })
    expect([status, headers.get("content-type"), text]).toEqual([200, "text/event-stream", ""])
  })

  it("ends when the process stops, and says that the client should come back", async () => {
    const other = await open()
    const { json } = await other.post("stopping", { items: [payout("a")] })
    await using reader = await Reader.open(json.id as BatchId, {}, acme, other)
    await reader.has([1, 2, 3])
    const began = Date.now()
    await other[Symbol.asyncDispose]()
    await reader.ended
    expect(reader.text).toMatch(/: reconnect\n\n$/)
    expect(reader.isCut).toBe(false)
    expect(Date.now() - began).toBeLessThan(9_000)
  })
})
