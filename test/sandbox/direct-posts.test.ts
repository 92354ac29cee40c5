import { afterAll, beforeAll, expect, it } from "vitest"
import { type Sandbox, startSandbox } from "../../src/sandbox/sandbox.ts"
import { setWeather, transferOf } from "./sandbox-client.ts"

let sandbox: Sandbox
beforeAll(async () => {
  sandbox = await startSandbox()
})
afterAll(() => sandbox.close())

const ordered = async (key: string | undefined, body: string) => {
  const response = await fetch(`${sandbox.urls.banks.north}/instant-transfer`, {
    method: "POST",
    headers: { "content-type": "application/json", ...(key && { "idempotency-key": key }) },
    body,
  })
  const { status, headers } = response
  const json = (await response.json()) as Record<string, unknown>
  return { status, type: headers.get("content-type"), json: { ...json, transferId: typeof json.transferId } }
}

it("gives the same answers with the router, through which orders go in any weather, as without it", async () => {
  const bodyOf = (name: string, reference: string) => JSON.stringify(transferOf(name, reference))
  const orders = (again: string): ReadonlyArray<readonly [key: string | undefined, body: string]> => [
    [`a${again}`, bodyOf("Ada Lovelace", "direct-1")],
    [`a${again}`, bodyOf("Ada Lovelace", "direct-1")],
    [`a${again}`, bodyOf("Ada Lovelace", "direct-2")],
    [`b${again}`, bodyOf("Clara Closed", "direct-3")],
    [`c${again}`, bodyOf("Ada Lovelace", "a reference that is too long for any of the banks")],
    [`d${again}`, "{"],
    [`e${again}`, ""],
    ["k".repeat(256), bodyOf("Ada Lovelace", "direct-4")],
    [undefined, bodyOf("Ada Lovelace", "direct-5")],
  ]
  const answersTo = async (again: string) => {
    const answers = []
    for (const [key, body] of orders(again)) answers.push(await ordered(key, body))
    return answers
  }
  const direct = await answersTo("-direct")
  await setWeather(sandbox.urls.banks.north, { latency: { distribution: "constant", ms: 0 } })
  const routed = await answersTo("-routed")
  expect(direct).toEqual(routed)
  expect(direct.map(({ status }) => status)).toEqual([202, 202, 409, 422, 400, 400, 400, 400, 400])
  const tally = await (await fetch(`${sandbox.urls.banks.north}/sandbox/requests`)).json()
  expect(tally).toMatchObject({ orders: 18, ordersPerKeyMax: 3, inquiries: 0 })
})
