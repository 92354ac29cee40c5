/** The log of real processes: its level changes while they run, and a batch is found in it by its trace. */
import { afterAll, beforeAll, expect, it } from "vitest"
import { payout } from "../http/payout-batches/payout-batch-body.ts"
import { API_KEY, eventually, PlatformUnderTest, type Service } from "../platform-under-test.ts"

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"

let platform: PlatformUnderTest
let service: Service

beforeAll(async () => {
  platform = await PlatformUnderTest.open()
  service = await platform.start()
})
afterAll(() => platform[Symbol.asyncDispose]())

const linesWith = (message: string) =>
  service.lines.filter((line) => line.includes(`"message":"${message}"`)).map((line) => JSON.parse(line))

const setLevel = async (query: string) => {
  const answer = await fetch(`${service.operationsUrl}/log-level?${query}`, { method: "PUT" })
  return { status: answer.status, json: await answer.json() }
}

const post = async (key: string) => {
  const answer = await fetch(`${platform.url}/payout-batches`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${API_KEY}`,
      "idempotency-key": key,
      "content-type": "application/json",
      traceparent: `00-${TRACE}-00f067aa0ba902b7-01`,
    },
    body: JSON.stringify({ items: [payout("a")] }),
  })
  return ((await answer.json()) as { id: string }).id
}

it("logs more while somebody wants it to, and less afterwards", async () => {
  await platform.closed(await post("quiet"))
  expect(linesWith("events appended")).toEqual([])
  expect(await setLevel("level=debug&seconds=60")).toMatchObject({
    status: 200,
    json: { level: "debug", usual: "info", until: expect.any(String) },
  })
  const id = await post("loud")
  await platform.closed(id)
  await eventually("lines of the batch", async () =>
    linesWith("events appended").some(
      ({ batch, details: [{ events }] }) => batch === id && events.includes("BatchClosed"),
    ),
  )
  for (const line of linesWith("events appended"))
    expect(line).toMatchObject({ level: "debug", batch: id, partner: "acme", trace: TRACE })
  expect(linesWith("request answered").some(({ trace }) => trace === TRACE)).toBe(true)
  expect(await (await fetch(`${service.operationsUrl}/metrics`)).text()).toMatch(/^atlaspay_log_level 2$/m)

  await setLevel("level=info")
  const before = linesWith("events appended").length
  await platform.closed(await post("quiet again"))
  expect(linesWith("events appended")).toHaveLength(before)
})

it("is back at its usual level after the time", async () => {
  await setLevel("level=error&seconds=1")
  await eventually("the usual level is back", async () => {
    const shown = (await (await fetch(`${service.operationsUrl}/log-level`)).json()) as { level: string }
    return shown.level === "info"
  })
})

it("refuses levels that there are not, and times that are too long", async () => {
  expect(await setLevel("level=loud")).toMatchObject({ status: 400 })
  expect(await setLevel("level=debug&seconds=1000000")).toMatchObject({ status: 400 })
  expect((await fetch(`${platform.url}/log-level?level=debug`, { method: "PUT" })).status).toBe(404)
})
