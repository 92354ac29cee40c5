import { describe, expect, it } from "vitest"
import { addDays, businessDayAfter, type Calendar, isBusinessDay } from "../../src/domain/business-days.ts"
import {
  arrivalOf,
  cutOffOn,
  executionOf,
  type Scheme,
  schemeOf,
  settlementDueAt,
} from "../../src/domain/scheme.ts"

/** Weekdays on which a calendar is closed, as "MM-DD". */
const closedIn = (calendar: Calendar, year: number): ReadonlyArray<string> => {
  const days: Array<string> = []
  for (let day = `${year}-01-01`; day.startsWith(String(year)); day = addDays(day, 1)) {
    const weekday = new Date(day).getUTCDay()
    if (weekday > 0 && weekday < 6 && !isBusinessDay(calendar, day)) days.push(day.slice(5))
  }
  return days
}

describe("closing days, as the central banks and the Act publish them", () => {
  it("TARGET", () => {
    expect(closedIn("target", 2025)).toEqual(["01-01", "04-18", "04-21", "05-01", "12-25", "12-26"])
    expect(closedIn("target", 2026)).toEqual(["01-01", "04-03", "04-06", "05-01", "12-25"])
  })

  it("the Federal Reserve Banks: a Sunday moves to Monday, a Saturday does not move", () => {
    const days = ["01-01", "01-19", "02-16", "05-25", "06-19", "09-07", "10-12", "11-11", "11-26", "12-25"]
    expect(closedIn("us-federal-reserve", 2026)).toEqual(days)
    expect(closedIn("us-federal-reserve", 2027)).toContain("07-05")
  })

  it("England and Wales: a weekend moves to the next free weekday", () => {
    const days = ["01-01", "04-03", "04-06", "05-04", "05-25", "08-31", "12-25", "12-28"]
    expect(closedIn("england-and-wales", 2026)).toEqual(days)
    expect(closedIn("england-and-wales", 2027).slice(-2)).toEqual(["12-27", "12-28"])
    expect(closedIn("england-and-wales", 2028)[0]).toBe("01-03")
  })

  it("are skipped when business days are counted", () => {
    expect(businessDayAfter("target", "2026-12-24", 1)).toBe("2026-12-28")
    expect(businessDayAfter("target", "2026-04-03", 0), "from a closing day").toBe("2026-04-07")
  })
})

describe("a payout arrives", () => {
  it.each<[Scheme, string, string, string]>([
    ["sepa", "2026-11-23T14:29:00Z", "2026-11-24", "before the cut-off in Brussels"],
    ["sepa", "2026-11-23T14:30:00Z", "2026-11-25", "at the cut-off"],
    ["sepa", "2026-07-23T13:30:00Z", "2026-07-27", "at the cut-off in summer time, over a weekend"],
    ["sepa", "2026-04-02T09:00:00Z", "2026-04-07", "over Easter"],
    ["sepa", "2026-11-21T20:00:00Z", "2026-11-24", "on a Saturday no cut-off is missed"],
    ["faster-payments", "2026-12-25T23:30:00Z", "2026-12-25", "on Christmas day"],
    ["ach", "2026-11-25T20:59:00Z", "2026-11-27", "over Thanksgiving"],
    ["ach", "2026-11-25T21:00:00Z", "2026-11-30", "after the cut-off in New York"],
    ["cross-border", "2026-11-23T09:00:00Z", "2026-11-25", "two business days later"],
  ])("%s, sent %s, on %s: %s", (scheme, sent, day) => {
    expect(arrivalOf(scheme, Date.parse(sent))).toBe(day)
  })

  it("by the scheme that its account and currency take", () => {
    const at = Date.parse("2026-11-27T09:00:00Z")
    expect(schemeOf({ scheme: "iban", country: "DE" }, "EUR", at)).toBe("sepa")
    expect(schemeOf({ scheme: "iban", country: "DE" }, "USD", at)).toBe("cross-border")
    expect(schemeOf({ scheme: "sort-code" }, "GBP", at)).toBe("faster-payments")
    expect(schemeOf({ scheme: "aba" }, "USD", at)).toBe("ach")
    expect(schemeOf({ scheme: "bic" }, "JPY", at)).toBe("cross-border")
  })
})

describe("a payout has settled in time", () => {
  it.each<[Scheme, string, string, string]>([
    ["sepa", "2026-11-23T14:29:00Z", "2026-11-24T23:00:00.000Z", "until the end of the next day in Brussels"],
    ["sepa", "2026-03-27T09:00:00Z", "2026-03-30T22:00:00.000Z", "over the change to summer time"],
    ["sepa", "2026-11-23T14:30:00Z", "2026-11-25T23:00:00.000Z", "a day later after the cut-off"],
    ["faster-payments", "2026-12-25T23:30:00Z", "2026-12-26T01:30:00.000Z", "within two hours"],
    ["ach", "2026-11-25T20:59:00Z", "2026-11-28T05:00:00.000Z", "over Thanksgiving"],
    ["cross-border", "2026-11-23T09:00:00Z", "2026-11-25T23:00:00.000Z", "until the end of the second day"],
  ])("%s, sent %s, until %s: %s", (scheme, sent, due) => {
    expect(new Date(settlementDueAt(scheme, Date.parse(sent))).toISOString()).toBe(due)
  })
})

describe("a payout is executed", () => {
  it.each<readonly [Scheme, string, string]>([
    ["sepa", "2026-11-26T14:29:00Z", "2026-11-26"],
    ["sepa", "2026-11-27T14:30:00Z", "2026-11-30"],
    ["sepa", "2026-12-25T09:00:00Z", "2026-12-28"],
    ["ach", "2026-11-26T15:00:00Z", "2026-11-27"],
    ["faster-payments", "2026-11-28T23:59:00Z", "2026-11-28"],
  ])("%s: what goes out at %s, on %s", (scheme, at, day) => {
    expect(executionOf(scheme, Date.parse(at))).toBe(day)
  })

  it.each<readonly [Scheme, string, string | undefined]>([
    ["sepa", "2026-11-26", "2026-11-26T14:30:00.000Z"],
    ["sepa", "2026-07-01", "2026-07-01T13:30:00.000Z"],
    ["ach", "2026-11-25", "2026-11-25T21:00:00.000Z"],
    ["faster-payments", "2026-11-26", undefined],
  ])("%s: until the cut-off of %s, %s", (scheme, day, at) => {
    const cutOff = cutOffOn(scheme, day)
    expect(cutOff && new Date(cutOff).toISOString()).toBe(at)
  })
})
