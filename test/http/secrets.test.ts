import { expect, it } from "vitest"
import { leaksOf } from "../safety/canaries.ts"
import { ApiUnderTest } from "./api-under-test.ts"
import { payout } from "./payout-batches/payout-batch-body.ts"

const canary = "GB33BUKB20201555555555"
const canaryKey = "canary-key-41c8"
const canaryName = "Kanaria Vogelsang"
const canaryRemittance = "Kanarienfutter Q7"

it("shows no account, name, remittance and key in logs, problems and metrics, in whatever form (invariant 19)", async () => {
  await using api = await ApiUnderTest.open({ environment: { API_KEYS: `acme=${canaryKey}` } })
  const account = (iban: string) => ({
    beneficiary: { name: canaryName, account: { scheme: "iban", iban } },
    remittance: canaryRemittance,
  })
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
    await api.post("as a name", { items: [payout("a", { [canaryName]: canaryRemittance })] }, canaryKey),
    await api.post(canary, { items: [payout("a")] }, `${canaryKey}x`),
    await api.get(`/payout-batches?state=${canary}`, canaryKey),
    await api.get(`/payout-batches/${canary}`, canaryKey),
    await api.get(`/${canary}`, canaryKey),
    await api.ask("/metrics"),
  ]
  expect(answers.map(({ status }) => status)).toEqual([
    202, 422, 400, 400, 400, 400, 400, 400, 401, 400, 404, 404, 200,
  ])
  expect(api.lines.length).toBeGreaterThanOrEqual(10)
  const marks = { account: canary, "account number": canary.slice(4), key: canaryKey }
  const people = { name: canaryName, remittance: canaryRemittance }
  const logs = new Map([
    ["the log", api.lines.join("\n")],
    ["metrics", answers.at(-1)?.text ?? ""],
  ])
  expect(leaksOf({ ...marks, ...people }, logs)).toEqual([])
  // Who asked is told which field is unknown, by the name that they gave it.
  const told = new Map([["answers", answers.map(({ text }) => text).join("\n")]])
  expect(leaksOf(marks, told)).toEqual([])
})
