/** Every role runs in a process of its own: each starts with the stores that it needs, and answers probes and Prometheus. */
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type Role, roles } from "../../src/service-roles.ts"
import { payout } from "../http/payout-batches/payout-batch-body.ts"
import { eventually, PlatformUnderTest, type Service } from "../platform-under-test.ts"

let platform: PlatformUnderTest
const services = new Map<Role, Service>()

beforeAll(async () => {
  platform = await PlatformUnderTest.open()
  for (const role of roles) services.set(role, platform.launch({ ROLES: role }))
})
afterAll(() => platform[Symbol.asyncDispose]())

const ask = async (role: Role, path: string): Promise<{ status: number; text: string }> => {
  const answer = await fetch(`${services.get(role)?.operationsUrl}${path}`)
  return { status: answer.status, text: await answer.text() }
}

describe.each(roles)("a process with the role %s alone", (role) => {
  it("says that it lives, and that it is ready once its role has started", async () => {
    await eventually(`${role} is ready`, async () => (await ask(role, "/readyz")).status === 200)
    expect(JSON.parse((await ask(role, "/readyz")).text)).toEqual({ status: "ready" })
    expect(await ask(role, "/healthz")).toMatchObject({ status: 200 })
  })

  it("shows metrics and the providers", async () => {
    expect(await ask(role, "/metrics")).toMatchObject({ status: 200 })
    expect((await ask(role, "/metrics")).text).toContain("nodejs_eventloop_lag_p99_seconds")
    expect(await ask(role, "/providers")).toMatchObject({ status: 200 })
  })

  it(role === "api" ? "serves the API" : "does not serve the API", async () => {
    const { operationsUrl = "" } = services.get(role) ?? {}
    expect(await ask(role, "/payout-batches")).toMatchObject({ status: 404 })
    expect(new URL(operationsUrl).hostname).toBe("127.0.0.1")
    const isServed = services.get(role)?.lines.some((line) => line.includes('"message":"listening"'))
    expect(isServed).toBe(role === "api")
  })
})

it("pays a batch with all roles apart", async () => {
  const id = await platform.submit("apart", {
    items: [payout("a")],
  })
  expect(await platform.closed(id)).toMatchObject({ state: "settled" })
})
