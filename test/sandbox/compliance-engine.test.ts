import { afterAll, beforeAll, expect, it } from "vitest"
import { type Sandbox, startSandbox } from "../../src/sandbox/sandbox.ts"
import { get, iban, post } from "./sandbox-client.ts"

let sandbox: Sandbox

beforeAll(async () => {
  sandbox = await startSandbox()
})
afterAll(() => sandbox.close())

const clearanceOf = (clearanceId: string, ...names: string[]) => ({
  clearanceId,
  partner: "partner-1",
  batch: `batch-of-${clearanceId}`,
  items: names.map((name, item) => ({
    item,
    name,
    amount: { currency: "JPY", value: "150" },
    account: { iban },
  })),
})

const clear = (body: ReturnType<typeof clearanceOf>, key = `key-${body.clearanceId}`) =>
  post(`${sandbox.urls.compliance}/clearance`, key, body)

it("decides each item in the order given, with a reason where it does not approve", async () => {
  expect(await clear(clearanceOf("c1", "Rita Review 7", "Ada Lovelace", "sam  SANCTIONED"))).toEqual({
    status: 200,
    body: {
      clearanceId: "c1",
      listVersion: "sandbox-2026-11-01",
      decisions: [
        { item: 0, decision: "review", reason: "name-similar-to-list-entry" },
        { item: 1, decision: "approved" },
        { item: 2, decision: "rejected", reason: "sanctions-list-hit" },
      ],
    },
  })
})

it("answers a repeated key alike and screens once; another body under it is a conflict", async () => {
  const body = clearanceOf("c2", "Ada Lovelace")
  const first = await clear(body)
  expect(await clear(body)).toEqual(first)
  expect(await clear(clearanceOf("c3", "Ada Lovelace"), "key-c2")).toEqual({
    status: 409,
    body: { code: "key-conflict" },
  })
  const { screened } = (await get(`${sandbox.urls.compliance}/books`)).body as {
    screened: { batch: string }[]
  }
  expect(screened.filter(({ batch }) => batch === "batch-of-c2")).toEqual([
    { batch: "batch-of-c2", item: 0, decision: "approved" },
  ])
  expect(screened.some(({ batch }) => batch === "batch-of-c3")).toBe(false)
})

it("refuses a clearance without items, or with more than 20 000", async () => {
  expect((await clear(clearanceOf("c4"))).status).toBe(400)
  expect((await clear(clearanceOf("c5", ...Array<string>(20_001).fill("Ada")))).status).toBe(400)
})

it("names the field that is malformed, without quoting what it held", async () => {
  const { items, ...rest } = clearanceOf("c6", "Ada Lovelace")
  const answer = await post(`${sandbox.urls.compliance}/clearance`, "key-c6", {
    ...rest,
    items: items.map((item) => ({ ...item, account: iban })),
  })
  expect(answer).toMatchObject({
    status: 400,
    body: { code: "malformed", message: expect.stringContaining("account") },
  })
  expect(JSON.stringify(answer.body)).not.toContain(iban)
})
