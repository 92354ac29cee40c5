import { describe, expect, it } from "vitest"
import { idInApiKey, newApiKey } from "../../src/identity/api-key.ts"
import { fc } from "../property.ts"

describe("a new key", () => {
  it("has a prefix, an id, 256 random bits and a checksum, in letters that a double click selects", () => {
    const { id, text } = newApiKey()
    expect(text).toMatch(/^ap_[a-z]{16}_[0-9A-Za-z]{49}$/)
    expect(text.slice(3, 19)).toBe(id)
    expect(idInApiKey(text)).toBe(id)
  })

  it("is never another one", () => {
    const keys = Array.from({ length: 1_000 }, () => newApiKey())
    expect(new Set(keys.map(({ id }) => id)).size).toBe(1_000)
    expect(new Set(keys.map(({ text }) => text.slice(20, 63))).size).toBe(1_000)
  })
})

describe("a text is no key", () => {
  const { text } = newApiKey()

  it("with another character anywhere", () => {
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.constantFrom(..."abcxyzABCXYZ0189_- "), (at, character) => {
        fc.pre(text[at] !== character)
        expect(idInApiKey(text.slice(0, at) + character + text.slice(at + 1))).toBeUndefined()
      }),
    )
  })

  it("with two neighbours exchanged", () => {
    fc.assert(
      fc.property(fc.nat(text.length - 2), (at) => {
        const [one = "", other = ""] = [text[at], text[at + 1]]
        fc.pre(one !== other)
        expect(idInApiKey(text.slice(0, at) + other + one + text.slice(at + 2))).toBeUndefined()
      }),
    )
  })

  it.each(["", "acme-key", "ap_", text.slice(1), `${text}0`, ` ${text}`, `${text}\n`, text.toUpperCase()])(
    "if it is %j",
    (other) => {
      expect(idInApiKey(other)).toBeUndefined()
    },
  )
})
