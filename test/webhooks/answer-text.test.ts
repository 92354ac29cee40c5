import { describe, expect, it } from "vitest"
import { ANSWER_READ_BYTES_MAX, ANSWER_SHOWN_BYTES_MAX, answerText } from "../../src/webhooks/answer-text.ts"

const text = (answer: string) => answerText(Buffer.from(answer))

describe("what is shown of an answer", () => {
  it("is its text", () => {
    expect(text('{"error":"no such order"}')).toBe('{"error":"no such order"}')
    expect(text("grün 日本")).toBe("grün 日本")
    expect(answerText(undefined)).toBeUndefined()
    expect(text("")).toBeUndefined()
    expect(text(" \n\t ")).toBeUndefined()
  })

  it.each([
    ["an IBAN", "account DE89370400440532013000 is closed", "DE89370400440532013000"],
    ["an IBAN in groups", "account GB33 BUKB 2020 1555 5555 55.", "2020 1555"],
    ["a long number", '{"account":"55779911"}', "55779911"],
    ["a card number in groups", "4111 1111 1111 1111", "1111 1111"],
    ["a card number with hyphens", "4111-1111-1111-1111", "1111-1111"],
    ["a bearer token", "Authorization: Bearer abc.def-ghi", "abc.def-ghi"],
    ["a signed token", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "eyJzdWIi"],
    ["a webhook secret", "expected whsec_dGVzdA==", "dGVzdA"],
    ["a private webhook key", "whsk_dGVzdA==", "dGVzdA"],
    ["a secret in JSON", '{"client_secret": "hunter2", "ok": false}', "hunter2"],
    ["a secret in a form", "user=ada&password=hunter2&x=1", "hunter2"],
    ["an API key", "x-api-key: k-abc", "k-abc"],
    ["a password of several words", '{"password": "correct horse battery", "ok": 1}', "horse battery"],
    ["a secret in JSON in a text", String.raw`{"body":"{\"secret\":\"hunter2\"}"}`, "hunter2"],
    ["cookies", "Cookie: theme=dark; sid=hunter2", "hunter2"],
    ["cookies of an answer", '{"set-cookie": "a=1; Path=/; b=hunter2"}', "hunter2"],
    ["a number of more digits than a card's", "1234 5678 1234 5678 1234 5678", "1234 5678"],
    ["a number with dots", "4111.1111.1111.1111", "1111.1111"],
    ["a number with no-break spaces", "4111\u00a01111\u00a01111\u00a01111", "1111"],
    ["a number with groups of two lengths", "4111 11111111 1111", "1111"],
    ["an IBAN with narrow spaces", "GB33\u202fBUKB\u202f2020\u202f1555\u202f5555\u202f55", "BUKB"],
    ["a password in a URL", "cannot reach postgres://app:hunter2@db/x", "hunter2"],
  ])("has no %s", (_, answer, hidden) => {
    expect(answer).toContain(hidden)
    expect(text(answer)).not.toContain(hidden)
    expect(text(answer)).toContain("[redacted]")
  })

  it("has no control characters, nothing invisible and nothing that is not UTF-8", () => {
    expect(text("a\u0000b\u001b[31mc\r\nd\u202ee")).toBe("a b [31mc  de")
    expect(answerText(Uint8Array.of(0x61, 0xff, 0xfe, 0x62))).toBe("a\ufffd\ufffdb")
  })

  it("ends after a KiB, between two characters, and before a number that goes on", () => {
    const long = "é".repeat(2_000)
    const shown = text(long) ?? ""
    expect(Buffer.byteLength(shown)).toBeLessThanOrEqual(ANSWER_SHOWN_BYTES_MAX)
    expect(shown).toBe("é".repeat(shown.length))
    expect(text("x".repeat(1_024))).toHaveLength(1_024)
    for (let begin = 1_000; begin < ANSWER_READ_BYTES_MAX; begin += 1) {
      const answer =
        text(`${"x".repeat(begin - 1)} DE89 3704 0044 0532 0130 00 and more text that follows`) ?? ""
      expect(answer, `${begin}`).not.toMatch(/DE89|3704/)
    }
  })

  it("does not have the beginning of a token whose end is not read", () => {
    const token = `eyJhbGciOiJIUzI1NiJ9.${"eyJzdWIi".repeat(80)}.c2ln`
    for (const begin of [0, 500, 900]) {
      const shown = text(`${"x".repeat(begin)} ${token} and more text that follows`.padEnd(1_200, ".")) ?? ""
      expect(shown, `${begin}`).not.toContain("eyJ")
    }
    expect(text("eyJhbGciOiJIUzI1NiJ9")).toBe("eyJhbGciOiJIUzI1NiJ9")
  })

  it("keeps what is no number of an account, and the text around a secret", () => {
    for (const plain of [
      "2026-11-28 07:00:00 error 503 in 1250 ms",
      "from 10.0.12.7 at port 8443",
      '{"code":"AC04","retryAfter":120}',
    ])
      expect(text(plain)).toBe(plain)
    expect(text('{"password":"hunter2","code":"E1"}')).toBe('{"password":"[redacted]","code":"E1"}')
    expect(text("user=ada&token=abc&x=1")).toBe("user=ada&token=[redacted]&x=1")
  })

  it("is read in a short time, whatever is answered", () => {
    const before = process.cpuUsage()
    for (const piece of [
      "a-",
      "secret",
      "Bearer ",
      "1 ",
      "token-=",
      "eyJ",
      "A1 ",
      "x://",
      "password:'",
      "1234 ",
      "1234.",
      'cookie:"',
      "cookie=",
      "eyJabcdefghi.",
      'session\\"',
    ])
      text(piece.repeat(2_000).slice(0, ANSWER_READ_BYTES_MAX))
    // Processor time: a machine that is busy with other things stretches the other.
    expect(process.cpuUsage(before).user).toBeLessThan(500_000)
  })
})
