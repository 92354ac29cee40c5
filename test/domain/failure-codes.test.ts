import { describe, expect, it } from "vitest"
import { mappedCodes, meaningOf } from "../../src/domain/failure-codes.ts"

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

  it("is an ISO 20022 reason code or an ACH return code, each once", () => {
    const codes = mappedCodes.map(({ code }) => code)
    expect(new Set(codes).size).toBe(codes.length)
    for (const code of codes) expect(code).toMatch(/^([A-Z]{2}[A-Z0-9]{2}|R\d\d)$/)
  })

  it("that forbids another attempt for compliance's sake is never retryable", () => {
    for (const { category, retryable } of mappedCodes)
      if (category === "compliance") expect(retryable).toBe(false)
  })
})
