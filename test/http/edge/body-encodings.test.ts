/** Bodies as clients and banks encode them: each is read as it says it is, or refused with 415. */
import { createHmac, randomUUID } from "node:crypto"
import { once } from "node:events"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { PassThrough } from "node:stream"
import { constants, crc32, deflateRawSync, gunzipSync, gzipSync } from "node:zlib"
import { Effect, Result } from "effect"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { transferReference } from "../../../src/domain/identifiers.ts"
import { BrokenCoding } from "../../../src/http/edge/content-coding.ts"
import {
  BodiesFull,
  BodyCutOff,
  BodyTooLarge,
  bodyKinds,
  withRoom,
} from "../../../src/http/edge/request-body.ts"
import { batchIdOf } from "../../../src/http/payout-batches/batch-identity.ts"
import { ApiUnderTest, acme } from "../api-under-test.ts"
import { payout } from "../payout-batches/payout-batch-body.ts"
import { RawClient } from "./raw-client.ts"

const MIB = 1024 * 1024
const secrets = {
  north: "whsec_dGVzdC1zZWNyZXQtb2YtdGhlLWJhbmstY2FsbGJhY2s=",
  compliance: "whsec_dGVzdC1zZWNyZXQtb2YtdGhlLWNvbXBsaWFuY2UtZW5naW5l",
  ledger: "whsec_dGVzdC1zZWNyZXQtb2YtdGhlLWxlZGdlcg==",
}

let api: ApiUnderTest
beforeAll(async () => {
  api = await ApiUnderTest.open({ environment: { LEDGER_CALLBACK_SECRET: secrets.ledger } })
})
afterAll(() => api[Symbol.asyncDispose]())

type Headers = Readonly<Record<string, string>>

const post = (path: string, key: string, body: Buffer, headers: Headers = {}) =>
  api.call(path, {
    method: "POST",
    headers: {
      authorization: `Bearer ${acme}`,
      "idempotency-key": key,
      "content-type": "application/json",
      ...headers,
    },
    body: new Uint8Array(body),
  })

const named = (name: string) =>
  payout("a", { beneficiary: { name, account: payout("a").beneficiary.account } })
const batchOf = (name = "Zoë Müller") =>
  Buffer.from(JSON.stringify({ items: [named(name)] }).replaceAll("\\\\u", "\\u"))
const gzip = { "content-encoding": "gzip" }

const TRIES_MAX = 5

/** Asks again, as a client does: where the server stands still for longer than it reads on after a refusal, the answer gets lost. */
const answered = async <A>(request: () => Promise<A>, tries = 1): Promise<A> => {
  try {
    return await request()
  } catch (error) {
    if (tries === TRIES_MAX || !(error instanceof TypeError)) throw error
    return answered(request, tries + 1)
  }
}

/**
 * That many MiB of spaces in gzip, without inflating or deflating all of them: on a busy machine that stopped this process, which is the
 * server as well, for longer than connections are kept.
 */
const gzipOfSpaces = (mib: number): Buffer => {
  const part = Buffer.alloc(MIB, 0x20)
  const parts = Array.from({ length: mib }, () => part)
  const deflated = deflateRawSync(part, { level: 9, finishFlush: constants.Z_FULL_FLUSH })
  const trailer = Buffer.alloc(8)
  trailer.writeUInt32LE(parts.reduce((sum, bytes) => crc32(bytes, sum), 0))
  trailer.writeUInt32LE(mib * MIB, 4)
  const header = gzipSync("").subarray(0, 10)
  return Buffer.concat([header, ...parts.map(() => deflated), deflateRawSync(""), trailer])
}

const nameIn = async (key: string) => {
  const events = await Effect.runPromise(api.log.read(batchIdOf("acme", key), 0, 10))
  return events.flatMap(({ event }) =>
    event._tag === "ItemsReceived" ? event.items.map(({ beneficiary }) => beneficiary.name) : [],
  )
}

describe("a body", () => {
  it.each([
    ["with a byte-order mark", Buffer.concat([Buffer.from("\ufeff"), batchOf()]), {}],
    ["with its charset", batchOf(), { "content-type": "application/json; charset=UTF-8" }],
    ["with its charset in quotes", batchOf(), { "content-type": 'application/json;charset="utf-8"' }],
    ["in gzip", gzipSync(batchOf()), gzip],
    [
      "of ASCII alone that says Latin-1",
      batchOf("Zo\\u00eb M\\u00fcller"),
      { "content-type": "application/json; charset=ISO-8859-1" },
    ],
    ["in gzip by its old name", gzipSync(batchOf()), { "content-encoding": "X-GZIP" }],
    [
      "in gzip, in two parts",
      Buffer.concat([gzipSync(batchOf().subarray(0, 20)), gzipSync(batchOf().subarray(20))]),
      gzip,
    ],
    ["in no coding by name", batchOf(), { "content-encoding": "identity" }],
  ])("%s is read", async (key, body, headers) => {
    expect((await post("/payout-batches", key, body, headers)).status).toBe(202)
    expect(await nameIn(key)).toEqual(["Zoë Müller"])
  })

  it("in gzip is the same request as without", async () => {
    const first = await post("/payout-batches", "both", batchOf(), {})
    const second = await post("/payout-batches", "both", gzipSync(batchOf(), { level: 1 }), gzip)
    expect(second.headers.get("idempotent-replayed")).toBe("true")
    expect(second.text).toBe(first.text)
  })

  it.each([
    [
      "in Latin-1",
      Buffer.from(batchOf().toString(), "latin1"),
      { "content-type": "application/json; charset=iso-8859-1" },
    ],
    [
      "in UTF-16 by its charset",
      Buffer.from(batchOf().toString(), "utf16le"),
      { "content-type": "application/json; charset=utf-16" },
    ],
    ["in UTF-16 by its mark", Buffer.from(`\ufeff${batchOf()}`, "utf16le"), {}],
  ])("%s is refused", async (key, body, headers) => {
    expect(await post("/payout-batches", key, body, headers)).toMatchObject({
      status: 415,
      json: { type: "/problems/unsupported-charset" },
    })
  })

  it("that was accepted when charsets were not looked at is answered as it was", async () => {
    const latin1 = { "content-type": "application/json; charset=iso-8859-1" }
    const first = await post("/payout-batches", "before-charsets", batchOf(), {})
    const again = await post("/payout-batches", "before-charsets", batchOf(), latin1)
    expect([again.status, again.headers.get("idempotent-replayed"), again.text]).toEqual([
      202,
      "true",
      first.text,
    ])
    expect((await post("/payout-batches", "before-charsets", batchOf("Zoë"), latin1)).status).toBe(415)
    expect((await post("/payout-batches", "new-charset", batchOf(), latin1)).status).toBe(415)
  })

  it.each(["br", "deflate", "zstd", "gzip, gzip", "utf-8"])("in the coding %s is refused", async (coding) => {
    const answer = await post("/payout-batches", coding, batchOf(), { "content-encoding": coding })
    expect(answer).toMatchObject({ status: 415, json: { type: "/problems/unsupported-content-encoding" } })
    expect(answer.headers.get("accept-encoding")).toBe("gzip")
  })

  it.each([
    ["is not gzip", batchOf()],
    ["ends too early", gzipSync(batchOf()).subarray(0, -12)],
    ["has another checksum", Buffer.concat([gzipSync(batchOf()).subarray(0, -8), Buffer.alloc(8)])],
  ])("that says gzip and %s is refused", async (key, body) => {
    expect(await post("/payout-batches", key, body, gzip)).toMatchObject({
      status: 400,
      json: { type: "/problems/body-not-gzip" },
    })
  })

  it("that this test makes of spaces is gzip", () => {
    expect(gunzipSync(gzipOfSpaces(2)).equals(Buffer.alloc(2 * MIB, 0x20))).toBe(true)
  })

  it("of a few kilobytes that inflates to more than a batch may have is refused, and no more of it is inflated", async () => {
    const bomb = gzipOfSpaces(400)
    expect(bomb.length).toBeLessThan(MIB)
    const before = process.memoryUsage().arrayBuffers
    expect(await answered(() => post("/payout-batches", "bomb", bomb, gzip))).toMatchObject({
      status: 413,
      json: { type: "/problems/body-too-large" },
    })
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(150 * MIB)
  })

  it.each([
    ["/webhook-endpoints", { url: "https://203.0.113.7/hook" }, 201],
    [`/payout-batches/${batchIdOf("acme", "cancelled")}/cancellation`, { reason: "Zoë says so" }, 202],
  ])("for %s may be in gzip too", async (path, body, status) => {
    await post("/payout-batches", "cancelled", batchOf(), {})
    expect((await post(path, `gzip ${status}`, gzipSync(JSON.stringify(body)), gzip)).status).toBe(status)
  })
})

describe("the reader of bodies", () => {
  const bodies = withRoom(bodyKinds)
  const sent = async (body: Buffer, bytesMax: number) => {
    const results: Array<unknown> = []
    const server = createServer(async (incoming, outgoing) => {
      const terms = { kind: "intake", owner: "acme", bytesMax } as const
      const exchange = { incoming, outgoing }
      results.push(await Effect.runPromise(Effect.flip(bodies.use(exchange, terms, () => Effect.void))))
      outgoing.end()
    }).listen(0)
    await once(server, "listening")
    const { port } = server.address() as { port: number }
    // In chunks, so that no length is announced.
    const chunks = new Blob([new Uint8Array(body)]).stream()
    await fetch(`http://127.0.0.1:${port}`, { method: "POST", headers: gzip, body: chunks, duplex: "half" })
    server.close()
    return results[0]
  }

  it("reads a body that came with its headers at once, and no further than its limit", async () => {
    const server = createServer().listen(0)
    await once(server, "listening")
    const { port } = server.address() as { port: number }
    const read = async (bytesMax: number) => {
      const asked = once(server, "request")
      using client = await RawClient.open(`http://127.0.0.1:${port}`)
      await client.send(
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
      )
      const [incoming, outgoing] = (await asked) as [IncomingMessage, ServerResponse]
      const listened = vi.spyOn(incoming, "on")
      const terms = { kind: "callbacks", owner: "north", bytesMax } as const
      const use = (body: Buffer) => Effect.succeed(body.toString())
      const result = await Effect.runPromise(Effect.result(bodies.use({ incoming, outgoing }, terms, use)))
      expect(listened).not.toHaveBeenCalledWith("data", expect.anything())
      return Result.merge(result)
    }
    expect(await read(5)).toBe("hello")
    expect(await read(4)).toEqual(new BodyTooLarge({ bytesMax: 4 }))
    server.close()
  })

  it("does not wait for the body of a client that has left", async () => {
    const incoming = Object.assign(new PassThrough(), { headers: {}, complete: false })
    incoming.destroy()
    const exchange = {
      incoming: incoming as unknown as IncomingMessage,
      outgoing: { writeContinue: () => {} },
    }
    const terms = { kind: "intake", owner: "acme", bytesMax: 10 } as const
    const since = performance.now()
    const refused = await Effect.runPromise(Effect.flip(bodies.use(exchange, terms, () => Effect.void)))
    expect(refused).toEqual(new BodyCutOff())
    expect(performance.now() - since, "it would be too slow after a window").toBeLessThan(3_000)
  })

  it("lets no body give way that has come whole", async () => {
    const callbacks = { ...bodyKinds.callbacks, bodiesMax: 1 }
    const small = withRoom({ ...bodyKinds, callbacks })
    const terms = { kind: "callbacks", owner: "north", bytesMax: 10 } as const
    const requested = (use: Effect.Effect<void>) => {
      const incoming = Object.assign(new PassThrough(), { headers: {}, complete: false })
      const exchange = {
        incoming: incoming as unknown as IncomingMessage,
        outgoing: { writeContinue: () => {} },
      }
      return {
        incoming,
        read: Effect.runPromise(
          Effect.result(small.use(exchange, terms, (body) => Effect.as(use, body.toString()))),
        ),
      }
    }
    const first = requested(Effect.sleep(20))
    first.incoming.end("first")
    first.incoming.complete = true
    const second = requested(Effect.void)
    expect(Result.merge(await second.read)).toEqual(new BodiesFull())
    expect(Result.merge(await first.read)).toBe("first")
  })

  it("takes no more compressed bytes than a body may have, whatever they become", async () => {
    const nothing = Buffer.concat(Array.from({ length: 2_000 }, () => gzipSync("")))
    expect(await sent(nothing, 20_000)).toEqual(new BodyTooLarge({ bytesMax: 20_000 }))
  })

  it("says that what is left of a body is not gzip", async () => {
    expect(await sent(Buffer.concat([gzipSync("{}"), Buffer.from("rest")]), 20_000)).toBeInstanceOf(
      BrokenCoding,
    )
  })
})

describe("a callback", () => {
  /** Over the bytes as they are sent, as the specification says; its library signs text, which is UTF-8 to it. */
  const signature = (secret: string, id: string, sentAt: Date, body: Buffer) => {
    const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64")
    const mac = createHmac("sha256", key)
      .update(`${id}.${Math.floor(sentAt.getTime() / 1000)}.`)
      .update(body)
    return `v1,${mac.digest("base64")}`
  }
  const signed = (path: string, secret: string, body: Buffer, headers: Headers = {}) => {
    const sentAt = new Date()
    const id = `msg-${randomUUID()}`
    return api.call(path, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        "webhook-id": id,
        "webhook-timestamp": String(Math.floor(sentAt.getTime() / 1000)),
        "webhook-signature": signature(secret, id, sentAt, body),
        ...headers,
      },
      body: new Uint8Array(body),
    })
  }
  const batch = batchIdOf("acme", "called")
  const settled = (id: string) =>
    JSON.stringify({
      ...{ id, bank: "north", reference: transferReference({ batch, item: 1, attempt: 1 }) },
      ...{ transferId: "t-1", status: "rejected", code: "Zoë", at: "2026-01-02T03:04:05Z" },
    })
  const mailed = async () => (await Effect.runPromise(api.log.mail(batch, 20))).length

  it.each([
    ["UTF-8 with a mark", Buffer.from(`\ufeff${settled("1")}`), "application/json"],
    ["Latin-1", Buffer.from(settled("2"), "latin1"), "application/json; charset=ISO-8859-1"],
    ["Windows-1252", Buffer.from(settled("3"), "latin1"), "application/json;charset=windows-1252"],
    [
      "UTF-16 with a mark",
      Buffer.from(`\ufeff${settled("4")}`, "utf16le"),
      "application/json; charset=utf-16",
    ],
    ["UTF-16LE", Buffer.from(settled("5"), "utf16le"), "application/json; charset=utf-16le"],
  ])("in %s is read", async (_, body, contentType) => {
    await post("/payout-batches", "called", batchOf(), {})
    const before = await mailed()
    const answer = await signed("/bank-callbacks/north", secrets.north, body, { "content-type": contentType })
    expect(answer.status).toBe(202)
    expect(await mailed()).toBe(before + 1)
  })

  it.each([
    ["a charset that nobody decodes", { "content-type": "application/json; charset=ebcdic" }],
    ["UTF-16 that does not say which", { "content-type": "application/json; charset=utf-16" }],
  ])("in %s is refused", async (_, headers) => {
    expect(
      await signed("/bank-callbacks/north", secrets.north, Buffer.from(settled("6")), headers),
    ).toMatchObject({
      status: 415,
      json: { type: "/problems/unsupported-charset" },
    })
  })

  it("in gzip is refused before it is read, as the signature is of what was sent", async () => {
    const answer = await signed("/bank-callbacks/north", secrets.north, gzipSync(settled("7")), gzip)
    expect(answer.status).toBe(415)
    expect(answer.headers.get("accept-encoding")).toBe("identity")
  })

  it.each([
    [
      "/bank-callbacks/north",
      secrets.north,
      settled("8").replace('"status"', '"status":"settled","status"'),
      "/status",
    ],
    [
      "/compliance-callbacks",
      secrets.compliance,
      '{"id":"c","clearanceId":"x","listVersion":"1","decisions":[{"item":1,"decision":"rejected","decision":"approved"}]}',
      "/decisions/0/decision",
    ],
    [
      "/compliance-callbacks/lists",
      secrets.compliance,
      '{"id":"l","listVersion":"1","listVersion":"2"}',
      "/listVersion",
    ],
    [
      "/ledger-callbacks/funded",
      secrets.ledger,
      '{"partner":"acme","currency":"EUR","partner":"globex"}',
      "/partner",
    ],
  ])("to %s in which a member stands twice is refused", async (path, secret, body, pointer) => {
    expect(await signed(path, secret, Buffer.from(body))).toMatchObject({
      status: 400,
      json: { errors: [{ pointer, detail: "expected each member once" }] },
    })
  })

  it.each(["2026-02-30T00:00:00Z", "2026-11-02T24:00:00Z", "2026-04-31", "next week"])(
    "that announces lists at %s is refused: there is no such time",
    async (announcedAt) => {
      const body = Buffer.from(JSON.stringify({ id: "l", listVersion: "9", announcedAt }))
      expect(await signed("/compliance-callbacks/lists", secrets.compliance, body)).toMatchObject({
        status: 400,
        json: { errors: [{ pointer: "/announcedAt" }] },
      })
    },
  )
})
