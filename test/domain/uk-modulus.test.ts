import { describe, expect, it } from "vitest"
import { passesModulusCheck } from "../../src/domain/uk-modulus.ts"

describe("the UK modulus check", () => {
  /** The test cases of the specification (Vocalink, version 8.50, chapter 3), and what each of them is about. */
  it.each([
    ["089999", "66374958", true, "modulus 10"],
    ["107999", "88837491", true, "modulus 11"],
    ["202959", "63748472", true, "modulus 11 and double alternate"],
    ["871427", "46238510", true, "exceptions 10 and 11, the first passes"],
    ["872427", "46238510", true, "exceptions 10 and 11, the second passes"],
    ["871427", "09123496", true, "exception 10, ab is 09 and g is 9"],
    ["871427", "99123496", true, "exception 10, ab is 99 and g is 9"],
    ["820000", "73688637", true, "exception 3, c is 6"],
    ["827999", "73988638", true, "exception 3, c is 9"],
    ["827101", "28748352", true, "exception 3, both checks"],
    ["134020", "63849203", true, "exception 4"],
    ["118765", "64371389", true, "exception 1"],
    ["200915", "41011166", true, "exception 6, a foreign currency account"],
    ["938611", "07806039", true, "exception 5, substituted"],
    ["938600", "42368003", true, "exception 5, substituted"],
    ["938063", "55065200", true, "exception 5"],
    ["772798", "99345694", true, "exception 7"],
    ["086090", "06774744", true, "exception 8"],
    ["309070", "02355688", true, "exceptions 2 and 9, the first passes"],
    ["309070", "12345668", true, "exceptions 2 and 9, a is not 0 and g is not 9"],
    ["309070", "12345677", true, "exceptions 2 and 9, the second passes"],
    ["309070", "99345694", true, "exceptions 2 and 9, a is not 0 and g is 9"],
    ["938063", "15764273", false, "exception 5, the first check digit is wrong"],
    ["938063", "15764264", false, "exception 5, the second check digit is wrong"],
    ["938063", "15763217", false, "exception 5, a remainder of 1"],
    ["118765", "64371388", false, "exception 1"],
    ["203099", "66831036", false, "modulus 11 passes, double alternate does not"],
    ["203099", "58716970", false, "double alternate passes, modulus 11 does not"],
    ["089999", "66374959", false, "modulus 10"],
    ["107999", "88837493", false, "modulus 11"],
    ["074456", "12345112", true, "exceptions 12 and 13, modulus 11 passes"],
    ["070116", "34012583", true, "exceptions 12 and 13, modulus 11 passes and modulus 10 does not"],
    ["074456", "11104102", true, "exceptions 12 and 13, modulus 10 passes"],
    ["180002", "00000190", true, "exception 14"],
  ])("of %s %s is %s: %s", (sortCode, accountNumber, passes) => {
    expect(passesModulusCheck(sortCode, accountNumber)).toBe(passes)
  })

  it("passes what the table does not have", () => {
    for (const accountNumber of ["00000000", "12345678", "99999999"])
      expect(passesModulusCheck("000000", accountNumber)).toBe(true)
  })

  it("is the same however often it is asked", () => {
    for (let again = 0; again < 3; again += 1) {
      expect(passesModulusCheck("772798", "99345694")).toBe(true)
      expect(passesModulusCheck("772798", "99345684")).toBe(false)
    }
  })

  it.each(["089999", "107999"])("misses no account of %s with one digit changed", (sortCode) => {
    const account = sortCode === "089999" ? "66374958" : "88837491"
    // The weights of these sort codes share no factor with the modulus where the digits are.
    const last = account.slice(0, -1)
    const passing = [..."0123456789"].filter((digit) => passesModulusCheck(sortCode, last + digit))
    expect(passing).toEqual([account.at(-1)])
  })
})
