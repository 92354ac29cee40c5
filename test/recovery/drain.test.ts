/** A process that is told to stop says so first, answers what it has taken, and hands over the rest. */
import { once } from "node:events"
import { connect, type Socket } from "node:net"
import { expect, it } from "vitest"
import { API_KEY, eventually, PlatformUnderTest } from "../platform-under-test.ts"

const payouts = (name: string) => ({
  items: [
    {
      reference: "invoice-1",
      amount: { currency: "EUR", value: "10.00" },
      beneficiary: { name, account: { scheme: "iban", iban: "DE89370400440532013000" } },
    },
  ],
})

/** A connection that is kept, as balancers keep theirs, and all that came on it. */
const open = async (url: string) => {
  const { hostname, port } = new URL(url)
  const socket: Socket = connect(Number(port), hostname)
  let text = ""
  socket.setEncoding("utf8").on("data", (part: string) => (text += part))
  await once(socket, "connect")
  return { socket, text: () => text, closed: once(socket, "close") }
}

const beginningOf = (key: string, bytes: number) =>
  `POST /payout-batches HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${API_KEY}\r\nIdempotency-Key: ${key}\r\n` +
  `Content-Type: application/json\r\nContent-Length: ${bytes}\r\n\r\n`

it("loses no request, ends streams cleanly, and hands its batches over", async () => {
  await using platform = await PlatformUnderTest.open({ CLAIM_MS: "600000", READINESS_NOTICE_MS: "800" })
  const leaving = await platform.start()
  // The bank never answers for it, so the batch is under way when the process ends.
  const waiting = await platform.submit("waiting", payouts("Tim Timeout"))
  const stream = await fetch(`${leaving.url}/payout-batches/${waiting}/events`, {
    headers: { authorization: `Bearer ${API_KEY}`, accept: "text/event-stream" },
  })
  const kept = await open(leaving.url)
  kept.socket.write("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
  await eventually("the kept connection is used", async () => kept.text().includes("alive"))
  expect(kept.text()).toMatch(/connection: keep-alive/i)
  const body = JSON.stringify(payouts("Ada Lovelace"))
  const upload = await open(leaving.url)
  upload.socket.write(beginningOf("half", body.length) + body.slice(0, 40))

  leaving.signal("SIGTERM")
  await eventually("it says that it stops", async () => {
    const answer = await fetch(`${leaving.operationsUrl}/readyz`)
    return answer.status === 503 && (await answer.text()).includes('"stopping"')
  })
  // Whoever has not heard of it is answered, and told to go elsewhere.
  kept.socket.write("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
  await kept.closed
  expect(kept.text().match(/"alive"/g)).toHaveLength(2)
  expect(kept.text()).toMatch(/connection: close/i)
  const late = await fetch(`${leaving.url}/payout-batches`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${API_KEY}`,
      "idempotency-key": "late",
      "content-type": "application/json",
    },
    body: JSON.stringify(payouts("Grace Hopper")),
  })
  expect(late.status).toBe(202)
  expect(late.headers.get("connection")).toBe("close")

  await eventually("nobody else is let in", async () =>
    fetch(`${leaving.url}/healthz`).then(
      () => false,
      () => true,
    ),
  )
  upload.socket.write(body.slice(40))
  await upload.closed
  expect(upload.text()).toMatch(/^HTTP\/1\.1 202 /)
  expect(upload.text()).toMatch(/connection: close/i)
  expect(await stream.text()).toMatch(/: reconnect\n\n$/)
  expect(await leaving.ended).toBe(0)
  expect(leaving.lines.join("\n")).toMatch(/"message":"stopping"[\s\S]*"message":"worker drained"/)

  // Nobody waits for a claim of ten minutes.
  await platform.start()
  for (const key of ["waiting", "half", "late"]) {
    const id = await platform.submit(
      key,
      payouts({ waiting: "Tim Timeout", half: "Ada Lovelace", late: "Grace Hopper" }[key] ?? ""),
    )
    expect((await platform.closed(id)).state).toBe("settled")
  }
  expect((await platform.books()).filter(({ paidTwice }) => paidTwice > 0)).toEqual([])
})
