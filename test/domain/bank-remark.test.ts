import { describe, expect, it } from "vitest"
import { chargeText, rateText, readRemark } from "../../src/domain/bank-remark.ts"
import { formatAmount } from "../../src/domain/money.ts"
import { fc } from "../property.ts"

const money = fc.record({
  currency: fc.constantFrom("EUR", "JPY", "KWD", "USD"),
  minor: fc.bigInt({ min: 0n, max: 10n ** 15n }),
})
const shown = ({ currency, minor }: { readonly currency: string; readonly minor: bigint }) => ({
  currency,
  value: formatAmount(minor, currency),
})

describe("a bank's remark", () => {
  it("has the amounts of a charge, and those that it is the difference of", () => {
    fc.assert(
      fc.property(money, fc.option(fc.tuple(money, money)), (charge, inside) => {
        const exchange = inside === null ? undefined : { instructed: inside[0], booked: inside[1] }
        const { kind, text, ...amounts } = readRemark("charge", chargeText(charge, exchange))
        expect(amounts).toEqual({
          amount: shown(charge),
          ...(exchange === undefined
            ? {}
            : { instructed: shown(exchange.instructed), booked: shown(exchange.booked) }),
        })
        expect(kind).toBe("charge")
        expect(text).toContain(shown(charge).value)
      }),
    )
  })

  it("has both amounts of an exchange, and the rate if the bank names one", () => {
    fc.assert(
      fc.property(
        money,
        money,
        fc.option(fc.constantFrom("160.0", "1.08", "0,5")),
        (instructed, booked, rate) => {
          const remark = readRemark("rate", rateText({ instructed, booked }, rate ?? undefined))
          expect(remark).toMatchObject({ instructed: shown(instructed), booked: shown(booked) })
          expect(remark.rate).toBe(rate ?? undefined)
        },
      ),
    )
  })

  it.each([
    ["charge", "about 2 euros"],
    ["charge", "1.00 XXX"],
    ["rate", "as agreed"],
    ["reason", "1.50 EUR"],
  ] as const)("of the kind %s without amounts is a text alone: %s", (kind, text) => {
    expect(readRemark(kind, text)).toEqual({ kind, text })
  })
})
