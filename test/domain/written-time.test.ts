import { describe, expect, it } from "vitest"
import { instantOf, isDay } from "../../src/domain/written-time.ts"
import { fc } from "../property.ts"

describe("an instant", () => {
  it.each([
    ["2026-11-23T16:05:00Z", "2026-11-23T16:05:00.000Z"],
    ["2026-11-23t16:05:00z", "2026-11-23T16:05:00.000Z"],
    ["2026-11-23T16:05:00.5Z", "2026-11-23T16:05:00.500Z"],
    ["2026-11-23T16:05:00.123000000Z", "2026-11-23T16:05:00.123Z"],
    ["2026-11-23T16:05:00.123000001Z", "2026-11-23T16:05:00.124Z"],
    ["2026-11-23T16:05:59.999999999Z", "2026-11-23T16:06:00.000Z"],
    ["2026-11-23T16:05:00+01:00", "2026-11-23T15:05:00.000Z"],
    ["2026-11-23T23:05:00-05:30", "2026-11-24T04:35:00.000Z"],
    ["2026-11-23T16:05:00-00:00", "2026-11-23T16:05:00.000Z"],
    ["2028-02-29T00:00:00Z", "2028-02-29T00:00:00.000Z"],
    ["2000-02-29T00:00:00Z", "2000-02-29T00:00:00.000Z"],
    ["1969-12-31T23:59:59Z", "1969-12-31T23:59:59.000Z"],
  ])("%s is the first millisecond that is not before it: %s", (text, expected) => {
    expect(instantOf(text)).toBe(Date.parse(expected))
  })

  it.each([
    "2027-02-29T10:00:00Z",
    "2100-02-29T10:00:00Z",
    "2026-04-31T10:00:00Z",
    "2026-13-01T10:00:00Z",
    "2026-00-10T10:00:00Z",
    "2026-01-00T10:00:00Z",
    "0000-01-01T10:00:00Z",
    "2026-11-23T24:00:00Z",
    "2026-11-23T10:60:00Z",
    "2026-11-23T23:59:60Z",
    "2026-11-23T10:00:00+24:00",
    "2026-11-23T10:00:00+01:60",
    "2026-11-23T10:00:00.1234567890Z",
    "2026-11-23T10:00:00.Z",
    "2026-11-23T10:00Z",
    "2026-11-23T10:00:00",
    "2026-11-23T10:00:00+0100",
    "2026-11-23 10:00:00Z",
    "2026-11-23",
    "20261123T100000Z",
    " 2026-11-23T10:00:00Z",
    "2026-11-23T10:00:00Z\n",
    "+002026-11-23T10:00:00Z",
    "２０２６-11-23T10:00:00Z",
    "",
  ])("is not %j", (text) => {
    expect(instantOf(text)).toBeUndefined()
  })

  it("is read back as the clock writes it", () => {
    const moments = fc.date({ min: new Date("0001-01-01"), max: new Date("9999-12-31"), noInvalidDate: true })
    fc.assert(
      fc.property(moments, (at) => {
        expect(instantOf(at.toISOString())).toBe(at.getTime())
      }),
    )
  })
})

describe("a day", () => {
  it("is one of the calendar, and no other", () => {
    const part = (max: number) => fc.integer({ min: 0, max }).map((value) => String(value).padStart(2, "0"))
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9_999 }), part(13), part(32), (year, month, day) => {
        const text = `${String(year).padStart(4, "0")}-${month}-${day}`
        expect([text, isDay(text)]).toEqual([text, new Date(text).toJSON()?.startsWith(text) === true])
      }),
    )
  })
})
