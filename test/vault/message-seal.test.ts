import { Redacted } from "effect"
import { describe, expect, it } from "vitest"
import { messageSeal } from "../../src/vault/message-seal.ts"

const master = (id: string, byte: number) =>
  [id, Redacted.make(Buffer.alloc(32, byte).toString("base64"))] as const
const parts = ["event", "ap", "ATLASPAY", "subject", "1", "{}"]
const old = messageSeal([master("k1", 1)], "seal of tests")
const rotated = messageSeal([master("k2", 2), master("k1", 1)], "seal of tests")
const retired = messageSeal([master("k2", 2)], "seal of tests")

describe("the seal of a message", () => {
  it("verifies for what was sealed, and names its master key", () => {
    expect(old.seal(parts)).toMatch(/^k1\.[A-Za-z0-9_-]{43}$/)
    expect(old.check(parts, old.seal(parts))).toBe("genuine")
  })

  it.each(parts.map((_, index) => index))("is forged when part %i differs", (index) => {
    expect(old.check(parts.with(index, "other"), old.seal(parts))).toBe("forged")
  })

  it("keeps its parts apart", () => {
    expect(old.check(["a", "bc"], old.seal(["ab", "c"]))).toBe("forged")
    expect(old.check(['a","b'], old.seal(["a", "b"]))).toBe("forged")
  })

  it("outlives a new master key until the old one is taken away", () => {
    expect(rotated.check(parts, old.seal(parts))).toBe("genuine")
    expect(rotated.seal(parts)).toMatch(/^k2\./)
    expect(old.check(parts, rotated.seal(parts))).toBe("unknown-key")
    expect(retired.check(parts, old.seal(parts))).toBe("unknown-key")
  })

  it("is no seal for another purpose, under the same master key", () => {
    expect(messageSeal([master("k1", 1)], "something else").check(parts, old.seal(parts))).toBe("forged")
  })

  it.each([
    ["nothing", ""],
    ["no digest", "k1."],
    ["half of it", old.seal(parts).slice(0, -10)],
    ["more than it", `${old.seal(parts)}AA`],
    ["another spelling", `${old.seal(parts)}=`],
    ["something behind it", `${old.seal(parts)}.x`],
    ["another key's name", old.seal(parts).replace("k1.", "k2.")],
  ])("does not verify: %s", (_, seal) => {
    expect(rotated.check(parts, seal)).not.toBe("genuine")
  })
})
