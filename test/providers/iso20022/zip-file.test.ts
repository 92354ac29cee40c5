import { Result } from "effect"
import { describe, expect, it } from "vitest"
import { readable } from "../../../src/providers/iso20022/unreadable-file.ts"
import { filesInZip, isZip } from "../../../src/providers/iso20022/zip-file.ts"
import { zipOf } from "./zipped.ts"

const MIB = 1024 * 1024

const contents = (zip: Uint8Array) =>
  readable(() => filesInZip(zip).map(({ content }) => Buffer.from(content()).toString())).pipe(
    Result.match({ onSuccess: (texts) => texts, onFailure: ({ message }) => message }),
  )

describe("a container", () => {
  it("has its files, packed or not, without folders, hidden files and statements for people", () => {
    const zip = zipOf(
      { name: "C53/", content: "", method: 0 },
      { name: "C53/a.xml", content: "<a/>" },
      { name: "__MACOSX/._a.xml", content: "x" },
      { name: "a.PDF", content: "%PDF" },
      { name: "b.xml", content: "<b/>", method: 0 },
    )
    expect(isZip(zip)).toBe(true)
    expect(contents(zip)).toEqual(["<a/>", "<b/>"])
    expect(contents(new Uint8Array(Buffer.concat([Buffer.from("x"), zip])).subarray(1))).toEqual([
      "<a/>",
      "<b/>",
    ])
    expect(filesInZip(zip).map(({ place }) => place)).toEqual(["file 1 of the zip", "file 2 of the zip"])
  })

  const fine = zipOf({ name: "a.xml", content: "<a/>" })
  it.each([
    ["holds nothing", zipOf(), "the zip: holds no file"],
    ["is of folders", zipOf({ name: "a/", content: "" }), "the zip: holds no file"],
    [
      "has too many files",
      zipOf(...Array(1_001).fill({ name: "a", content: "" })),
      "holds more than 1000 files",
    ],
    [
      "holds too much",
      zipOf(...[1, 2, 3, 4, 5].map((n) => ({ name: `${n}`, content: "x", length: 15 * MIB }))),
      "the zip: holds more than",
    ],
    [
      "has a file that is too long",
      zipOf({ name: "a", content: "x", length: 17 * MIB }),
      "file 1 of the zip: longer",
    ],
    [
      "has a file that is longer than it says",
      zipOf({ name: "a", content: Buffer.alloc(20 * MIB), length: 10 }),
      "file 1 of the zip: cannot be unpacked",
    ],
    [
      "has a file that is shorter than it says",
      zipOf({ name: "a", content: "x", length: 10 }),
      "is not what",
    ],
    ["has a file that was changed", zipOf({ name: "a", content: "x", checksum: 1 }), "is not what"],
    [
      "has an encrypted file",
      zipOf({ name: "a", content: "x", flags: 1 }),
      "file 1 of the zip: is encrypted",
    ],
    ["is packed in another way", zipOf({ name: "a", content: "x", method: 14 }), "a way that is not read"],
    [
      "has one file twice",
      zipOf({ name: "a", content: "x" }, { name: "b", content: "x", from: 0 }),
      "the zip: has files that overlap",
    ],
    ["has a directory of nothing", zipOf({ name: "a", content: "x", from: 5 }), "has no complete directory"],
    [
      "is one of several parts",
      Buffer.concat([fine.subarray(0, -18), Buffer.from([1]), fine.subarray(-17)]),
      "is a part of several",
    ],
  ])("is refused that %s", (_, zip, problem) => {
    expect(contents(zip)).toContain(problem)
  })

  it("is refused wherever it is cut", () => {
    for (let end = 4; end < fine.length; end += 1)
      expect(contents(fine.subarray(0, end))).toMatch(/^the zip: /)
  })

  it("is read or refused whatever byte of it is changed", () => {
    for (let at = 4; at < fine.length; at += 1)
      for (const value of [0, 1, 0x7f, 0xff]) {
        const changed = Buffer.from(fine)
        changed[at] = value
        expect([["<a/>"], expect.any(String)]).toContainEqual(contents(changed))
      }
  })
})
