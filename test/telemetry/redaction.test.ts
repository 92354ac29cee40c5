import { randomUUID } from "node:crypto"
import { Redacted } from "effect"
import { describe, expect, it } from "vitest"
import { transferReference } from "../../src/domain/identifiers.ts"
import { newApiKey } from "../../src/identity/api-key.ts"
import { redact, redactLine, redactText } from "../../src/telemetry/redaction.ts"

const iban = "DE89370400440532013000"

describe("text in a log line", () => {
  it.each([
    ["an IBAN", iban],
    ["an IBAN with letters in it", "GB29NWBK60161331926819"],
    ["an IBAN in groups of four", "DE89 3704 0044 0532 0130 00"],
    ["an IBAN in lower case", iban.toLowerCase()],
    ["an IBAN with a wrong check digit", "DE88370400440532013000"],
    ["a long number", "12345678"],
  ])("loses %s", (_, secret) => {
    expect(redactText(`cannot pay ${secret}, sorry`)).toBe("cannot pay [redacted], sorry")
  })

  it.each([
    ["redis://:s3cret@127.0.0.1:6379", "redis://[redacted]@127.0.0.1:6379"],
    ["postgres://atlaspay:p@ss@db/x", "postgres://[redacted]@db/x"],
    ["redis+sentinel://u:p@a:1,b:2/main", "redis+sentinel://[redacted]@a:1,b:2/main"],
    ["nats://token@host, nats://u:p@other", "nats://[redacted]@host, nats://[redacted]@other"],
  ])("loses the credentials of %s", (url, shown) => {
    expect(redactText(`cannot reach ${url}`)).toBe(`cannot reach ${shown}`)
  })

  it("loses an API key of ours, and keeps the id in it", () => {
    const { id, text } = newApiKey()
    expect(redactText(`with ${text}, sorry`)).toBe(`with ap_${id}_[redacted], sorry`)
    expect(redactLine(`a part: ${text.slice(0, 30)}`)).toBe(`a part: ap_${id}_[redacted]`)
    expect(redactText(`file_${text}`)).toBe(`file_ap_${id}_[redacted]`)
    expect(redactText(id)).toBe(id)
    const operators = newApiKey("operator")
    expect(redactText(`with ${operators.text}`)).toBe(`with apo_${operators.id}_[redacted]`)
  })

  it.each(["ada.lovelace@example.com", "o'neill+pay@mail.example.co.uk", "+1 (415) 555-2671", "+4930901820"])(
    "loses what a wallet is known by: %s",
    (wallet) => {
      expect(redactLine(`cannot pay ${wallet}, sorry`)).toBe("cannot pay [redacted], sorry")
      expect(redact({ failure: `cannot pay ${wallet}, sorry` })).toEqual({
        failure: "cannot pay [redacted], sorry",
      })
    },
  )

  it("keeps PayPal's ids of payouts, which look like those of accounts", () => {
    expect(redactLine("payout 5UXD2E8A7EBQJ")).toBe("payout 5UXD2E8A7EBQJ")
    expect(redact({ paypalId: "G83JXTJ5EHCQ2" })).toEqual({ paypalId: "[redacted]" })
  })

  it.each(["email", "phone", "paypalId", "receiver", "street", "line1", "address_line_2"])(
    "has no field called %s",
    (field) => {
      expect(redact({ beneficiary: 1, details: { [field]: "x" } })).toEqual({
        beneficiary: "[redacted]",
        details: { [field]: "[redacted]" },
      })
    },
  )

  it("loses a token of an issuer", () => {
    const token = "eyJhbGciOiJSUzI1NiIsImtpZCI6Im9uZSJ9.eyJzdWIiOiJhbm5hIn0.c2lnbmF0dXJl"
    expect(redactText(`with ${token}, sorry`)).toBe("with [redacted], sorry")
    expect(redactLine(`with ${token}, sorry`)).toBe("with [redacted], sorry")
  })

  it("keeps a URL without credentials", () => {
    expect(redactText("https://example.com/a@b?c=d@e")).toBe("https://example.com/a@b?c=d@e")
  })

  it("keeps what support needs: batch ids, transfer references, times, short numbers", () => {
    const reference = transferReference({ batch: "pb_de27abcdefghijklmnopqr" as never, item: 42, attempt: 1 })
    const text = `pb_de27abcdefghijklmnopqr ${reference} 2026-01-02T03:04:05.678Z 15000`
    expect(redactText(text)).toBe(text)
  })

  it.each([
    ["an IBAN", iban, 10],
    ["an API key", newApiKey().text, 30],
    ["a password", "redis://canary:hidden-word@127.0.0.1", 20],
  ])("is not cut in the middle of %s, which then would look like none", (_, secret, kept) => {
    const text = `${"- ".repeat(2_048).slice(kept)}${secret} and more`
    for (const redacted of [redactText(text), redactLine(text)]) {
      expect(redacted.length).toBeLessThan(4_100)
      expect(redacted).not.toContain(secret.slice(0, kept).slice(-6))
    }
  })

  it("is cut when it is long", () => {
    expect(redactText("a".repeat(10_000)).length).toBeLessThan(4_100)
  })
})

describe("the id of a trace", () => {
  const id = "12345678901cd43dd84482211180319c"

  it("is kept in its field, though digits in it look like an account", () => {
    expect(redact({ trace: id, details: [{ trace: id }] })).toEqual({
      trace: id,
      details: [{ trace: id }],
    })
  })

  it.each([
    ["in another field", { other: id }],
    ["of digits alone", { trace: "12345678901234567890123456789012" }],
    ["that is too long", { trace: `${id}12345678` }],
    ["that is an IBAN", { trace: "DE89370400440532013000" }],
  ])("is masked %s", (_, fields) => expect(redact(fields)).not.toEqual(fields))
})

describe("a UUID", () => {
  const id = "12345678-9012-4345-8678-ab12cd34ef56"

  it("stays as it is in a log line, whichever it is", () => {
    for (let tried = 0; tried < 10_000; tried += 1) {
      const random = randomUUID()
      for (const one of [random, random.toUpperCase()])
        expect(redactLine(`told ${one} again and again (${one}), id=${one}.`)).toBe(
          `told ${one} again and again (${one}), id=${one}.`,
        )
    }
    expect(redact({ [id]: [id, new Error(id)] })).toEqual({ [id]: [id, { error: "Error", message: id }] })
  })

  it.each([
    ["a number before it", `12345678 ${id}`, `[redacted] ${id}`],
    ["a number after it", `${id}:123456789012`, `${id}:[redacted]`],
    ["an account beside it", `${iban} ${id} DE89 3704 0044 0532 0130 00`, `[redacted] ${id} [redacted]`],
    ["a number between two", `${id},87654321,${id}`, `${id},[redacted],${id}`],
    ["a password that is one", `redis://:${id}@host/${id}`, `redis://[redacted]@host/${id}`],
  ])("hides nothing of %s", (_, text, shown) => {
    expect(redactLine(text)).toBe(shown)
  })

  it.each([
    ["too long at its end", "abcdefab-9012-4345-8678-1234567890123", "abcdefab-9012-4345-8678-[redacted]"],
    [
      "too long at its beginning",
      "a12345678-9012-4345-8678-abcdefabcdef",
      "a[redacted]-9012-4345-8678-abcdefabcdef",
    ],
    ["with a group more", `${id}-1234`, "[redacted]-9012-4345-8678-ab12cd34ef56-1234"],
    ["with a group before it", `1234-${id}`, "1234-[redacted]-9012-4345-8678-ab12cd34ef56"],
    ["with a group too few", "12345678-9012-4345-123456789012", "[redacted]-9012-4345-[redacted]"],
    [
      "with a letter that is not hexadecimal",
      "12345678-g012-4345-8678-abcdefabcdef",
      "[redacted]-g012-4345-8678-abcdefabcdef",
    ],
    ["without its hyphens", "12345678901243458678abcdefabcdef", "[redacted]abcdefabcdef"],
  ])("is none when it is %s: its long numbers are masked", (_, text, shown) => {
    expect(redactLine(text)).toBe(shown)
  })

  it("is no exception in a text that is stored or published", () => {
    expect(redactText(id)).toBe("[redacted]-9012-4345-8678-ab12cd34ef56")
  })

  it("is cut with its line", () => {
    expect(redactLine(`${id} `.repeat(1_000)).length).toBeLessThan(4_200)
  })
})

describe("values in a log line", () => {
  it("are masked by the name of their field, whatever they hold", () => {
    const value = {
      account: "short",
      accountNumber: 12,
      apiKey: "k",
      Authorization: "Bearer k",
      callbackSecret: "s",
      idempotencyKey: "i",
      beneficiary: { name: "n" },
      accountName: "n",
      remittance: "r",
      args: ["AUTH", "p"],
      parameters: ["n"],
      detail: "Failing row contains (n)",
    }
    expect(new Set(Object.values(Object(redact(value))))).toEqual(new Set(["[redacted]"]))
  })

  it("are masked however deep they lie, in names too", () => {
    const line = JSON.stringify(redact({ items: [{ payout: { note: `to ${iban}`, [iban]: 1 } }] }))
    expect(line).not.toContain(iban)
    expect(line).toContain("to [redacted]")
  })

  it("become JSON whatever they are", () => {
    const circular: Record<string, unknown> = { n: 12n, d: new Date(0), u: undefined, f: () => 1 }
    circular.self = circular
    expect(() => JSON.stringify(redact(circular))).not.toThrow()
    expect(redact(Redacted.make("hidden"))).toBe("[redacted]")
    expect(redact({ body: Buffer.from(iban), key8: new Uint8Array(3) })).toEqual({
      body: "22 bytes",
      key8: "3 bytes",
    })
    expect(redact(new Error(`no account ${iban}`))).toEqual({
      error: "Error",
      message: "no account [redacted]",
    })
  })
})
