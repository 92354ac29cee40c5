import { Result, Schema } from "effect"
import { describe, expect, it } from "vitest"
import { CollectorText, HeadersText, headersIn } from "../../src/parsing/otlp-settings.ts"

const isRead = (schema: Schema.Decoder<string>, text: string) =>
  Result.isSuccess(Schema.decodeUnknownResult(schema)(text))

describe("the collector's URL", () => {
  it.each([
    ["http://collector:4318", true],
    ["https://collector.example/otlp/", true],
    ["collector:4318", false],
    ["grpc://collector:4317", false],
    ["https://user:password@collector.example", false],
    ["https://collector.example/?key=secret", false],
    ["", false],
  ])("%s: %s", (text, isGood) => expect(isRead(CollectorText, text)).toBe(isGood))
})

describe("the collector's headers", () => {
  it.each([
    [
      "authorization=Bearer%20abc, x-tenant = payouts",
      { authorization: "Bearer abc", "x-tenant": "payouts" },
    ],
    ["key=a=b", { key: "a=b" }],
    ["empty=", { empty: "" }],
  ])("%s", (text, headers) => {
    expect(isRead(HeadersText, text)).toBe(true)
    expect(headersIn(text)).toEqual(headers)
  })

  it.each(["", "no value", "a=b,,c=d", "a=%zz", "a=one%0d%0ax-evil:1", "a b=c"])("refuses %j", (text) =>
    expect(isRead(HeadersText, text)).toBe(false),
  )

  it("does not quote a value that it refuses", () => {
    const read = Schema.decodeUnknownResult(HeadersText)("authorization=canary%zz")
    expect(JSON.stringify(read)).toContain("percent-encoded")
  })
})
