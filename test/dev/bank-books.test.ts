import { Effect } from "effect"
import { afterAll, beforeAll, expect, it } from "vitest"
import { bankSums, outstandingAt } from "../../src/dev/bank-books.ts"
import { BatchId, transferReference } from "../../src/domain/identifiers.ts"
import { type Sandbox, startSandbox } from "../../src/sandbox/sandbox.ts"

const batch = BatchId.make(`pb_${"a".repeat(22)}`)
const another = BatchId.make(`pb_${"b".repeat(22)}`)
let sandbox: Sandbox

beforeAll(async () => {
  sandbox = await startSandbox({ returnAfterMs: 1, paymentDelayMs: 1 })
})
afterAll(() => sandbox.close())

const pay = (
  bank: "north" | "south",
  key: string,
  reference: string,
  name: string,
  currency: string,
  value: string,
) =>
  fetch(`${sandbox.urls.banks[bank]}/instant-transfer`, {
    method: "POST",
    headers: { "content-type": "application/json", "idempotency-key": key },
    body: JSON.stringify({
      reference,
      amount: { currency, value },
      beneficiary: { name, account: { iban: "DE89370400440532013000" } },
    }),
  })

it("tells what the banks did for one batch, and which items they paid twice", async () => {
  const of = (id: BatchId, item: number, attempt = 1) => transferReference({ batch: id, item, attempt })
  await pay("north", "k1", of(batch, 1), "Ada", "EUR", "12.34")
  await pay("north", "k2", of(batch, 2), "Clara Closed", "EUR", "1.00")
  await pay("south", "k3", of(batch, 3), "Ralf Returned", "JPY", "500")
  await pay("north", "k4", of(batch, 4), "Bob", "EUR", "2.00")
  await pay("south", "k5", of(batch, 4), "Bob", "EUR", "2.00")
  await pay("north", "k8", of(batch, 5), "Rudi Reroute", "EUR", "3.00")
  await pay("south", "k9", of(batch, 5, 2), "Rudi Reroute", "EUR", "3.00")
  await pay("north", "k6", of(another, 1), "Cleo", "USD", "9.99")
  await pay("north", "k7", "an-invoice", "Dora", "USD", "9.99")
  await expect.poll(() => Effect.runPromise(outstandingAt(Object.values(sandbox.urls.banks)))).toBe(0)
  expect(await Effect.runPromise(bankSums({ ...sandbox.urls.banks }, batch))).toEqual({
    currencies: new Map([
      ["EUR", { settled: 1934n, failed: 100n, returned: 0n }],
      ["JPY", { settled: 0n, failed: 0n, returned: 500n }],
    ]),
    byBank: new Map([
      ["north", { settled: 2, failed: 2, returned: 0 }],
      ["south", { settled: 2, failed: 0, returned: 1 }],
    ]),
    paidTwice: 1,
  })
})

it("says which bank's books cannot be read", async () => {
  const error = await Effect.runPromise(Effect.flip(outstandingAt(["http://127.0.0.1:1"])))
  expect(error.reason).toContain("http://127.0.0.1:1/books")
})
