/** The settings of a bank of files of Nacha, and when its orders are due in a file. */
import { Result, Schema } from "effect"
import { expect, it } from "vitest"
import { dueOnNacha } from "../../../../src/providers/banks/files/execution-day.ts"
import { FileBankSettings } from "../../../../src/providers/banks/files/file-bank-settings.ts"
import { nacha } from "../../nacha/return-files.ts"

const debtor = {
  name: "Atlas Marketplace",
  account: {
    scheme: "aba",
    routingNumber: "011401533",
    accountNumber: "1234567",
    accountType: "checking",
  },
} as const

it("makes orders wait for the day on which they are executed, and catches the cut-off of the same day", () => {
  const at = (time: string) => Date.parse(time)
  const due = (time: string, settings = {}) =>
    new Date(dueOnNacha(at(time), 1_800_000, { ...nacha, ...settings })).toISOString()
  expect([
    // A Wednesday in New York: at noon, ten minutes before the cut-off of the same day, and in the evening.
    due("2026-12-02T17:00:00Z"),
    due("2026-12-02T18:45:00Z", { sameDay: { cutOff: "14:00" } }),
    due("2026-12-02T18:55:00Z", { sameDay: { cutOff: "14:00" } }),
    due("2026-12-02T20:45:00Z"),
    due("2026-12-04T21:30:00Z"),
    due("2026-12-04T21:30:00Z", { ahead: true }),
  ]).toEqual([
    "2026-12-02T17:30:00.000Z",
    "2026-12-02T18:50:00.000Z",
    "2026-12-02T19:25:00.000Z",
    "2026-12-02T20:50:00.000Z",
    "2026-12-07T05:30:00.000Z",
    "2026-12-04T22:00:00.000Z",
  ])
})

/** Why settings are refused; nothing for those that are not. */
const problemsOf = (settings: unknown): string => {
  const decoded = Schema.decodeUnknownResult(FileBankSettings)(settings)
  return Result.isFailure(decoded) ? String(decoded.failure) : ""
}

it("has settings that go together", () => {
  const base = { folder: "/f", debtor }
  const iban = { name: "Atlas", account: { scheme: "iban", iban: "NL91ABNA0417164300" } }
  expect(problemsOf({ ...base, format: "nacha", nacha })).toBe("")
  for (const [change, problem] of [
    [{ format: "nacha" }, "belong together"],
    [{ nacha }, "belong together"],
    [{ format: "nacha", nacha, schemes: ["sepa"] }, "by ach alone"],
    [{ format: "nacha", nacha, debtor: iban }, "an account in the US"],
    [{ format: "nacha", nacha, variant: "germany" }, "have no variant"],
    [{ format: "nacha", nacha, ultimateDebtors: { acme: { name: "Acme" } } }, "no ultimateDebtors"],
  ] as const)
    expect(problemsOf({ ...base, ...change })).toContain(problem)
})
