/** A process that is told to stop ends in time, whatever it waits for, and at once if it is told twice. */
import { once } from "node:events"
import { connect } from "node:net"
import { setTimeout as sleep } from "node:timers/promises"
import { Redis } from "ioredis"
import { expect, it } from "vitest"
import { API_KEY, eventually, freePort, PlatformUnderTest, type Service } from "../platform-under-test.ts"
import { SetBackServer } from "../safety/set-back-server.ts"

/** The limits of the process, and what a busy machine may add. Milliseconds. */
const CUT_OFF_MS = 5_500
const OVERDUE_MS = 7_000
const BUSY_MS = 20_000

const body = JSON.stringify({
  items: [
    {
      reference: "invoice-1",
      amount: { currency: "EUR", value: "10.00" },
      beneficiary: { name: "Ada Lovelace", account: { scheme: "iban", iban: "DE89370400440532013000" } },
    },
  ],
})

/** An upload that comes fast enough, and does not come to an end: white space before the payouts. */
const UPLOAD_BYTES = 32 * 1024 * 1024
const beginUpload = async ({ url }: Service) => {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  await once(socket, "connect")
  socket.on("error", () => {}).resume()
  socket.write(
    `POST /payout-batches HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${API_KEY}\r\nIdempotency-Key: cut\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${UPLOAD_BYTES}\r\n\r\n`,
  )
  const more = setInterval(() => socket.write(" ".repeat(64 * 1024)), 100)
  const closed = once(socket, "close").finally(() => clearInterval(more))
  return { closed }
}

const stopped = async (service: Service) => {
  const since = performance.now()
  service.signal("SIGTERM")
  const status = await service.ended
  return { status, ms: performance.now() - since }
}

it("cuts off an upload that does not come to an end, and stores nothing of it", async () => {
  await using platform = await PlatformUnderTest.open()
  const service = await platform.start()
  const upload = await beginUpload(service)
  const { status, ms } = await stopped(service)
  await upload.closed
  expect(status).toBe(0)
  expect(ms).toBeGreaterThan(CUT_OFF_MS - 500)
  expect(ms).toBeLessThan(CUT_OFF_MS + BUSY_MS)
  expect(service.lines.join("\n")).toMatch(/"message":"requests cut off","details":\[\{"requests":1\}\]/)
  // The same key is as new.
  await platform.start()
  const answer = await fetch(`${platform.url}/payout-batches`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${API_KEY}`,
      "idempotency-key": "cut",
      "content-type": "application/json",
    },
    body,
  })
  expect(answer.status).toBe(202)
  expect(answer.headers.get("idempotent-replayed")).toBeNull()
})

it("ends at once when it is told twice, though not by a signal that came twice", async () => {
  await using platform = await PlatformUnderTest.open({ READINESS_NOTICE_MS: "60000" })
  const service = await platform.start()
  service.signal("SIGINT")
  await sleep(50)
  service.signal("SIGINT")
  await eventually("it stops", async () => service.lines.some((line) => line.includes('"stopping"')))
  await sleep(1_000)
  expect((await fetch(`${service.url}/healthz`)).status).toBe(200)
  service.signal("SIGTERM")
  expect(await service.ended).toBe(143)
})

it("ends although Redis does not answer, and says what was left", async () => {
  const redis = await SetBackServer.start("redis")
  try {
    await using platform = await PlatformUnderTest.open({ REDIS_URL: redis.url, CLAIM_MS: "600000" })
    const service = await platform.start({
      ROLES: "api,worker,projector,publisher,webhooks",
      PORT: String(await freePort()),
    })
    await platform.through(service, () =>
      platform.submit("left", JSON.parse(body.replace("Ada Lovelace", "Tim Timeout"))),
    )
    const commands = new Redis(redis.url)
    await commands.call("CLIENT", "PAUSE", "600000", "ALL")
    const { status, ms } = await stopped(service)
    commands.disconnect()
    expect(ms).toBeLessThan(OVERDUE_MS + BUSY_MS)
    const overdue = service.lines.find((line) => line.includes("ended before all parts had"))
    expect([0, 124]).toContain(status)
    expect(overdue === undefined).toBe(status === 0)
  } finally {
    await redis[Symbol.asyncDispose]()
  }
})
