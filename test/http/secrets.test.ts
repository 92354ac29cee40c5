import { expect, it } from "vitest"
import { ApiUnderTest } from "./api-under-test.ts"
import { payout } from "./payout-batches/payout-batch-body.ts"

const canary = "GB33BUKB20201555555555"
const canaryKey = "canary-key-41c8"

it("shows no account number and no key in logs, problems and metrics (invariant 19)", async () => {
  await using api = await ApiUnderTest.open({ environment: { API_KEYS: `acme=${canaryKey}` } })
  const account = (iban: string) => ({ beneficiary: { name: "x", account: { scheme: "iban", iban } } })
  const answers = [
    await api.post("good", { items: [payout("a", account(canary))] }, canaryKey),
    await api.post("good", { items: [payout("b", account(canary))] }, canaryKey),
    await api.post("refused", { items: [payout("a", account(`${canary}5`))] }, canaryKey),
    await api.post("as a field", { items: [payout("a", { [canary]: 1 })] }, canaryKey),
    await api.post(
      "as a currency",
      { items: [payout("a", { amount: { currency: canary, value: "1" } })] },
      canaryKey,
    ),
    await api.post(
      "as a scheme",
      { items: [payout("a", { beneficiary: { name: "x", account: { scheme: canary } } })] },
      canaryKey,
    ),
    await api.post("not JSON", `{"items": [${canary}`, canaryKey),
    await api.post(canary, { items: [payout("a")] }, `${canaryKey}x`),
    await api.get(`/payout-batches?state=${canary}`, canaryKey),
    await api.get(`/payout-batches/${canary}`, canaryKey),
    await api.get(`/${canary}`, canaryKey),
    await api.ask("/metrics"),
  ]
  expect(answers.map(({ status }) => status)).toEqual([
    202, 422, 400, 400, 400, 400, 400, 401, 400, 404, 404, 200,
  ])
  const seen = [...answers.map(({ text }) => text), ...api.lines].join("\n")
  expect(api.lines.length).toBeGreaterThanOrEqual(10)
  for (const secret of [canary, canary.slice(4), canaryKey]) expect(seen).not.toContain(secret)
})
