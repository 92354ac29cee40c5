/** A partner without money: from the ledger's refusal to the payment, through every part of the platform. */
import { expect, it } from "vitest"
import { payout } from "../http/payout-batches/payout-batch-body.ts"
import { type BatchView, eventually, PlatformUnderTest } from "../platform-under-test.ts"

const amounts = { first: "60.00", second: "40.01" }
const fund = (platform: PlatformUnderTest, value: string) =>
  fetch(`${platform.environment.LEDGER_URL}/accounts/fund`, {
    method: "POST",
    headers: { "content-type": "application/json", "idempotency-key": `fund-${value}` },
    body: JSON.stringify({
      partner: "acme",
      amount: { currency: "EUR", value },
      callbackUrl: `${platform.url}/ledger-callbacks/funded`,
    }),
  })

it("waits for funds without paying anything, says so, and pays as soon as they come", async () => {
  await using platform = await PlatformUnderTest.open({ POSTING_RETRY_DELAYS_MS: "3600000" }, { funds: 0n })
  await platform.start()
  const id = await platform.submit("poor", {
    items: Object.entries(amounts).map(([reference, value]) =>
      payout(reference, { amount: { currency: "EUR", value } }),
    ),
  })
  const view = () => platform.get<BatchView>(`/payout-batches/${id}`)
  await eventually("the batch awaits funds", async () => (await view()).state === "awaiting-funds")
  const { payoutBatches } = await platform.get<{ payoutBatches: ReadonlyArray<BatchView> }>(
    "/payout-batches?state=awaiting-funds",
  )
  expect(payoutBatches.map((batch) => batch.id)).toEqual([id])

  const { version } = await view()
  expect((await fund(platform, "100.00")).status).toBe(201)
  await eventually(
    "the ledger was asked again, and refused",
    async () => (await view()).version >= version + 3,
  )
  expect((await view()).state).toBe("awaiting-funds")
  for (const { transfers } of await platform.books()) expect(transfers).toEqual([])

  expect((await fund(platform, "0.01")).status).toBe(201)
  expect((await platform.closed(id)).state).toBe("settled")
  const paid = (await platform.books()).flatMap(({ transfers }) => transfers.map(({ payments }) => payments))
  expect(paid).toEqual([1, 1])
}, 60_000)
