import { Result } from "effect"
import { expect, it } from "vitest"
import { duplicatePolicyOf, readDuplicatePolicies } from "../../src/domain/duplicate-policy.ts"

const policies = (text: string) => Result.getOrThrow(readDuplicatePolicies(text))

it("each partner has its policy, and all others that of the star, or none", () => {
  const some = policies("acme=refuse:30, globex=warn:7:reference,initech=off,*=warn:90:remittance")
  expect(duplicatePolicyOf(some, "acme")).toEqual({
    mode: "refuse",
    days: 30,
    compared: ["reference", "remittance"],
  })
  expect(duplicatePolicyOf(some, "globex")).toEqual({ mode: "warn", days: 7, compared: ["reference"] })
  expect(duplicatePolicyOf(some, "initech")).toBeUndefined()
  expect(duplicatePolicyOf(some, "hooli")).toEqual({ mode: "warn", days: 90, compared: ["remittance"] })
  expect(duplicatePolicyOf(policies("acme=refuse:1"), "globex")).toBeUndefined()
})

it.each([
  ["", "expected partner=mode:days"],
  ["acme", "entry 1: expected off, or refuse or warn with 1 to 90 days"],
  ["acme=refuse", "entry 1: expected off"],
  ["acme=refuse:0", "1 to 90 days"],
  ["acme=refuse:91", "1 to 90 days"],
  ["acme=refuse:030x", "entry 1: expected off"],
  ["acme=refuse:30=reference", "entry 1: expected partner=mode:days"],
  ["acme=deny:30", "entry 1: expected off"],
  ["acme=warn:7:amount", ":reference or :remittance"],
  ["Acme=warn:7", "entry 1: expected partner=mode:days"],
  ["acme=warn:7,acme=off", "entry 2: the partner stands there more than once"],
  ["acme=warn:7,", "entry 2: expected partner=mode:days"],
])("%j is refused with what is wrong", (text, problem) => {
  expect(Result.getOrThrow(Result.flip(readDuplicatePolicies(text)))).toContain(problem)
})
