import { afterAll, beforeAll, expect, it } from "vitest"
import { isCanonical } from "../../../src/http/edge/canonical-target.ts"
import { ApiUnderTest } from "../api-under-test.ts"
import { RawClient } from "./raw-client.ts"

let api: ApiUnderTest
beforeAll(async () => {
  api = await ApiUnderTest.open()
})
afterAll(() => api[Symbol.asyncDispose]())

const twisted = [
  "/payout-batches/%2e%2e/metrics",
  "/payout-batches/%2E%2E/healthz",
  "/payout-batches/.%2e/healthz",
  "/payout-batches/../healthz",
  "/./healthz",
  "/healthz/.",
  "/healthz/..",
  "//healthz",
  "/payout-batches//pb_a",
  "/healthz/",
  "/healthz%2f",
  "/payout-batches%2Fpb_a",
  "/payout-batches%5cpb_a",
  "/payout-batches\\pb_a",
  "/%68ealthz",
  "/healthz%00",
  "/healthz%0a",
  "/healthz%20",
  "/healthz%",
  "/healthz%zz",
  "/healthz;a=b",
  "/healthz#x",
  "/healthz?a=%zz",
  "/healthz?a=#x",
  "http://other/healthz",
  "*",
]

it.each(twisted)("%s is refused before it is routed", async (target) => {
  expect(isCanonical(target)).toBe(false)
  using client = await RawClient.open(api.url)
  await client.send(`GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
  const { status, text } = await client.closed()
  expect(status).toBe(400)
  expect(text).not.toContain("alive")
})

it.each([
  "/",
  "/healthz",
  "/payout-batches/pb_aaaaaaaaaaaaaaaaaaaaaa/items/1/review",
  "/bank-callbacks/north-2",
  "/payout-batches?state=settled&cursor=a%2Bb%3D&limit=10",
  "/payout-batches/.../x",
])("%s is an address", (target) => expect(isCanonical(target)).toBe(true))

it.each(["/metrics", "/readyz", "/providers"])("%s is not for partners", async (path) => {
  expect((await api.get(path)).status).toBe(404)
  expect((await api.ask(path)).status).toBe(200)
  expect(new URL(api.operationsUrl).hostname).toBe("127.0.0.1")
  expect(api.operationsUrl).not.toBe(api.url)
})

it("what partners are for is not to be had where operations are", async () => {
  expect((await api.ask("/payout-batches")).status).toBe(404)
  expect((await api.ask("/nowhere")).status).toBe(404)
})
