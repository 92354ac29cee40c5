import { randomBytes, randomInt, randomUUID } from "node:crypto"
import { describe, expect, it } from "vitest"
import { bitsOf, KEY_BITS_MIN, patternIn } from "../../src/production/strength.ts"

const DRAWS = 2_000

/** How many of many keys are believed to have 128 bits. */
const believed = (draw: () => string) =>
  Array.from({ length: DRAWS }, draw).filter((key) => bitsOf(key) >= KEY_BITS_MIN).length

describe("the strength of a key", () => {
  it.each<readonly [string, () => string]>([
    ["16 bytes in hex", () => randomBytes(16).toString("hex")],
    ["16 bytes in base64url", () => randomBytes(16).toString("base64url")],
    ["32 bytes in hex", () => randomBytes(32).toString("hex")],
    ["24 bytes in base64 after a prefix", () => `sk_live_${randomBytes(24).toString("base64")}`],
    ["39 digits", () => Array.from({ length: 39 }, () => randomInt(10)).join("")],
  ])("is enough for %s, drawn by chance", (_, draw) => {
    expect(believed(draw)).toBeGreaterThan(DRAWS * 0.98)
  })

  it.each<readonly [string, () => string]>([
    ["12 bytes in hex", () => randomBytes(12).toString("hex")],
    ["15 bytes in base64url", () => randomBytes(15).toString("base64url")],
    ["a UUID", randomUUID],
    ["eight bytes four times over", () => randomBytes(8).toString("hex").repeat(4)],
    ["38 digits", () => Array.from({ length: 38 }, () => randomInt(10)).join("")],
    ["zeros and ones", () => Array.from({ length: 100 }, () => randomInt(2)).join("")],
  ])("is not enough for %s", (_, draw) => {
    expect(believed(draw)).toBe(0)
  })

  it.each([
    "",
    "a".repeat(200),
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
    "secretsecretsecretsecretsecretsecretsecret",
    "the-payouts-of-our-marketplace-are-made-with-this-key",
    "ThePayoutsOfOurMarketplaceAreMadeWithIt2026",
    "qwertyuiopasdfghjklzxcvbnmqwertyuiopasdfghjklzxcvbnm",
  ])("is not enough for %j", (key) => {
    expect(bitsOf(key)).toBeLessThan(KEY_BITS_MIN)
  })
})

describe("bytes", () => {
  it("show a pattern only where there is one", () => {
    for (let draws = 0; draws < DRAWS; draws++) expect(patternIn(randomBytes(32))).toBeUndefined()
    for (let draws = 0; draws < DRAWS; draws++) expect(patternIn(randomBytes(24))).toBeUndefined()
    expect(patternIn(Buffer.alloc(32, 9))).toMatch("over and over")
    expect(patternIn(Buffer.from(randomBytes(16).toString("hex")))).toMatch("text")
    expect(patternIn(Buffer.concat(Array<Buffer>(4).fill(randomBytes(8))))).toMatch("few")
    expect(patternIn(Uint8Array.from(Array(32).keys(), (at) => at * 7))).toMatch("steps")
  })
})
