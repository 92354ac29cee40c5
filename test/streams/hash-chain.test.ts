import { assert, describe, it } from "vitest"
import { encodeEvent } from "../../src/domain/event-codec.ts"
import { chainStart, linked, linkedBytes, linkOf } from "../../src/streams/hash-chain.ts"
import { batchOf, closing } from "./log-under-test.ts"

const batch = batchOf(1, 1)
const texts = ["one", "two", "three"]

/** The last link of a log of these texts. */
const headOf = (of: ReadonlyArray<string>, from = chainStart(batch)): string => of.reduce(linkOf, from)

describe("the hash chain", () => {
  it("is SHA-256 in base64url of the predecessor's link, a line feed, and the text", () => {
    // printf 'pb_x\n{"a":1}' | openssl dgst -sha256 -binary | basenc --base64url, without padding.
    assert.strictEqual(linkOf("pb_x", '{"a":1}'), "csXbUGaFaKiuwvqcV8wrNh82uofptdwzpcEaAQzjXN8")
    assert.strictEqual(
      linkOf("csXbUGaFaKiuwvqcV8wrNh82uofptdwzpcEaAQzjXN8", '{"a":2}'),
      "GLP5ju_kwNAKPxvPZlHuzQadkmeqpPGMaol8L4nOqbU",
    )
  })

  it("begins with the id of the batch", () => {
    assert.strictEqual(chainStart(batch), batch)
  })

  it("tells whether any text was changed, by as little as a character", () => {
    for (const [index, text] of texts.entries())
      assert.notStrictEqual(headOf(texts.with(index, `${text} `)), headOf(texts))
  })

  it("tells whether texts were exchanged, left out, added, or cut at another place", () => {
    const others = [
      ["two", "one", "three"],
      ["one", "three"],
      ["one", "two"],
      [...texts, "three"],
      ["onetwo", "three"],
      ["one\ntwo", "three"],
    ]
    for (const other of others) assert.notStrictEqual(headOf(other), headOf(texts))
  })

  it("tells whether a log is another batch's", () => {
    assert.notStrictEqual(headOf(texts, chainStart(batchOf(1, 2))), headOf(texts))
  })

  it("is written beside each event as it is encoded, and goes on from where it was", () => {
    const events = [closing(1), closing(2)]
    const [first = "", second = ""] = events.map(encodeEvent)
    const link = linkOf(chainStart(batch), first)
    const head = linkOf(link, second)
    const both = [
      { text: first, hash: link },
      { text: second, hash: head },
    ]
    assert.deepStrictEqual(linked(chainStart(batch), events), both)
    assert.deepStrictEqual(linked(link, events.slice(1)), both.slice(1))
    assert.deepStrictEqual(linked(link, []), [])
  })

  it("is the same over bytes, of texts in any script and of any length", () => {
    for (const text of [
      "",
      "ascii",
      "Zoë",
      "Łódź",
      "東京 🙂",
      ...texts,
      "e".repeat(70_000),
      "é漢".repeat(40_000),
    ]) {
      const { line, hash } = linkedBytes(batch, text)
      assert.strictEqual(line.toString("utf8"), `${text}\n`)
      assert.strictEqual(hash, linkOf(batch, text))
    }
  })
})
