import { describe, expect, it } from "vitest"
import {
  failureOf,
  holdsForAllCopies,
  isOfDuplicate,
  mappedCodes,
  meaningOf,
} from "../../src/domain/failure-codes.ts"

describe("a bank's code", () => {
  it("means something definite, or nothing", () => {
    expect(meaningOf("AC04")).toMatchObject({
      category: "beneficiary",
      retryable: false,
      nextAction: "contact-beneficiary",
    })
    expect(meaningOf("AM04")).toMatchObject({
      category: "funds",
      retryable: true,
      nextAction: "fund-account",
    })
    expect(meaningOf("R01")).toMatchObject({ category: "funds" })
    expect(meaningOf("AB08")).toMatchObject({ category: "bank", nextAction: "retry" })
    expect(meaningOf("ZZ99")).toBeUndefined()
    expect(meaningOf("toString")).toBeUndefined()
  })

  it("that calls it a duplicate means nothing definite: the first one may be paid", () => {
    for (const code of ["AM05", "DUPL", "DU01", "DU05", "RF01", "R24"]) {
      expect(meaningOf(code), code).toBeUndefined()
      expect(isOfDuplicate(code), code).toBe(true)
    }
    expect(mappedCodes.filter(({ code }) => isOfDuplicate(code))).toEqual([])
  })

  it("is an ISO 20022 reason code, an ACH return code or a bank's own word, each once", () => {
    const codes = mappedCodes.map(({ code }) => code)
    expect(new Set(codes).size).toBe(codes.length)
    // The last form is that of Adyen's reasons.
    const form =
      /^([A-Z]{2}[A-Z0-9]{2}|R\d\d|[A-Z]+(_[A-Z]+)+|RE(TURNED|FUNDED|VERSED)|[a-z]+([A-Z][a-z]+)+)$/
    for (const code of codes) expect(code).toMatch(form)
  })

  it("is told to partners with what to do next, and without what only routing knows", () => {
    expect(failureOf("AC04")).toEqual({
      code: "AC04",
      category: "beneficiary",
      retryable: false,
      nextAction: "contact-beneficiary",
      meaning: "account closed",
    })
    for (const reason of [undefined, "", "ZZ99", "on the statement"])
      expect(failureOf(reason)).toBeUndefined()
  })

  it("leads to another bank only where the bank itself is the reason", () => {
    for (const code of ["AB05", "AB08", "AG03", "R34", "TECH", "CURRENCY_UNSUPPORTED"])
      expect(meaningOf(code)?.reroutable, code).toBe(true)
    for (const code of ["AC04", "BE01", "AM04", "AM14", "MS03", "R16"])
      expect(meaningOf(code)?.reroutable, code).toBe(false)
    for (const { category, reroutable } of mappedCodes) if (reroutable) expect(category).toBe("bank")
  })

  it("holds for every copy of an order where it is about the account, who gets the money, or the law", () => {
    for (const code of ["AC04", "AC06", "AG01", "BE01", "RC01", "RR04", "MD07", "LEGL", "R02", "R16"])
      expect(holdsForAllCopies(meaningOf(code)), code).toBe(true)
    for (const code of ["AM04", "AM14", "MS02", "MS03", "CUST", "FOCR", "NOAS", "FR01", "FRAD", "R08", "R23"])
      expect(holdsForAllCopies(meaningOf(code)), code).toBe(false)
    expect(holdsForAllCopies(meaningOf("ZZ99"))).toBe(false)
    for (const { category, ofAllCopies } of mappedCodes)
      if (ofAllCopies) expect(["beneficiary", "compliance"]).toContain(category)
  })

  it("that forbids another attempt for compliance's sake is never retryable", () => {
    for (const { category, retryable } of mappedCodes)
      if (category === "compliance") expect(retryable).toBe(false)
  })
})
