import { describe, expect, it } from "vitest"
import type { JsonLimits } from "../../src/parsing/json-outline.ts"
import { messageLimits, readJsonText, UnreadableJson } from "../../src/parsing/json-text.ts"
import { atOnce } from "../../src/parsing/turns.ts"
import { fc } from "../property.ts"

const wide: JsonLimits = {
  depthMax: 64,
  tokensMax: 1_000_000,
  elementsMax: 1_000_000,
  tokensPerPartMax: 100_000,
  partBytesMax: 1_000_000,
}
const read = (text: string | Buffer, limits = wide) => atOnce(readJsonText(Buffer.from(text), limits))
const problemOf = (text: string | Buffer, limits = messageLimits) => {
  const found = read(text, limits)
  return found instanceof UnreadableJson ? found : expect.fail("it was read")
}

/** Slices that reading takes. */
const slicesOf = (text: string, limits: JsonLimits): number => {
  const reading = readJsonText(Buffer.from(text), limits)
  let slices = 1
  while (reading.next().done !== true) slices += 1
  return slices
}

/** Elements with what confuses a reader that only counts brackets, of a size that makes several pieces. */
const element = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc
    .constantFrom("a,b", '"', "\\", "]", "}{", "[,]", "ü\u{1f4b6}", "\u0000")
    .map((text) => text.repeat(3_000)),
)

describe("a text", () => {
  it("is read as JSON.parse reads it, whatever stands in its lists", () => {
    const lists = fc.dictionary(
      fc.oneof(fc.string(), fc.constantFrom("items", "__proto__", '"', "\\u0069tems")),
      fc.oneof(fc.array(element, { maxLength: 60 }), fc.jsonValue()),
    )
    fc.assert(
      fc.property(fc.oneof(lists, fc.jsonValue()), fc.constantFrom(undefined, 1), (value, indent) => {
        const text = JSON.stringify(value, null, indent)
        expect(read(text)).toEqual(JSON.parse(text))
      }),
      { numRuns: 300 },
    )
  })

  it("that JSON.parse refuses is refused, wherever a byte of it was changed", () => {
    const whole = JSON.stringify({
      items: Array.from({ length: 40 }, (_, n) => ({ n, text: "x,]}".repeat(700) })),
      b: [1, [2]],
      c: "d",
    })
    fc.assert(
      fc.property(
        fc.nat(whole.length - 1),
        fc.constantFrom(",", "]", "[", "{", "}", '"', ":", "\\", "", " "),
        (at, put) => {
          const text = whole.slice(0, at) + put + whole.slice(at + 1)
          const ours = read(text)
          const isTheirs = (() => {
            try {
              return { json: JSON.parse(text) as unknown }
            } catch {
              return undefined
            }
          })()
          if (isTheirs === undefined) expect(ours).toBeInstanceOf(UnreadableJson)
          else if (!(ours instanceof UnreadableJson)) expect(ours).toEqual(isTheirs.json)
        },
      ),
      { numRuns: 2_000 },
    )
  })

  const piece = JSON.stringify("x".repeat(1_000))
  const many = Array(200).fill(piece).join(",")
  it.each([
    ["a comma at the end of a long list", `{"a":[${many},]}`],
    ["a comma at its beginning", `{"a":[${" ".repeat(65_536)},${many}]}`],
    ["two commas where it is cut", `{"a":[${Array(70).fill(piece).join(",")},,${many}]}`],
    ["brackets that do not match", `{"a":[1}]`],
    ["an end too many", "{}}"],
    ["an end too few", '{"a":[{}'],
    ["a string without an end", '{"a":"'],
    ["nothing", ""],
    ["a field twice", '{"a":[1],"a":2}'],
    ["a field twice in another spelling", '{"a":[1],"\\u0061":[2]}'],
    ["bytes that are no UTF-8", Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])],
    ["such bytes in a list", Buffer.from([...Buffer.from('{"a":["'), 0xff, ...Buffer.from('"]}')])],
  ])("with %s is refused", (_, text) => {
    expect(problemOf(text).problem).toMatch(/^expected JSON|^expected each member once$/)
  })
})

describe("a member that stands twice is refused, with the way to it", () => {
  it.each([
    ["at the top", '{"a":1,"a":2}', ["a"]],
    [
      "deep in a list",
      '{"items":[{"x":1},{"amount":{"value":"1.00","value":"900.00"}}]}',
      ["items", 1, "amount", "value"],
    ],
    ["in a list of lists", '{"a":[[0,{"b":1,"b":1}]]}', ["a", 0, 1, "b"]],
    ["in a whole that is a list", '[{},{"a":{},"a":{}}]', [1, "a"]],
    ["in another spelling", '{"o":{"value":1,"val\\u0075e":2}}', ["o", "value"]],
    ["in another spelling, the other way round", '{"o":{"val\\u0075e":1,"value":2}}', ["o", "value"]],
    [
      "after many others",
      `{"o":{${Array.from({ length: 40 }, (_, n) => `"k${n}":[]`).join(",")},"k3":1}}`,
      ["o", "k3"],
    ],
    ["although its first value is an object", '{"o":{"a":{"a":1},"b":{"a":1},"a":0}}', ["o", "a"]],
    ["called __proto__", '{"o":{"__proto__":1,"__proto__":2}}', ["o", "__proto__"]],
    ["with an empty name", '{"o":{"":1,"":2}}', ["o", ""]],
  ])("%s", (_, text, path) => {
    expect(problemOf(text, wide)).toEqual(new UnreadableJson("expected each member once", path))
  })

  it("wherever it is put into an object", () => {
    const objects = fc.uniqueArray(fc.string(), { minLength: 1, maxLength: 30 })
    fc.assert(
      fc.property(
        objects,
        fc.nat(),
        fc.array(fc.constantFrom("o", "l"), { maxLength: 5 }),
        (names, at, around) => {
          const repeated = JSON.stringify(names[at % names.length])
          const members = [...names.map((name) => `${JSON.stringify(name)}:{"a":[1]}`), `${repeated}:2`]
          const text = around.reduce(
            (text, kind) => (kind === "o" ? `{"in":${text}}` : `[0,${text}]`),
            `{${members.join(",")}}`,
          )
          const path = [...around].reverse().map((kind) => (kind === "o" ? "in" : 1))
          expect(problemOf(text, wide)).toEqual(
            new UnreadableJson("expected each member once", [...path, names[at % names.length] ?? ""]),
          )
        },
      ),
      { numRuns: 300 },
    )
  })

  it("but not one that other objects have as well", () => {
    const text = '{"a":{"a":{"a":[{"a":1},{"a":2}]}},"b":{"a":1}}'
    expect(read(text)).toEqual(JSON.parse(text))
  })
})

it("a byte-order mark of UTF-8 in front of a text is no part of it", () => {
  expect(read(Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from('{"a":[1]}')]))).toEqual({ a: [1] })
  expect(problemOf(Buffer.from([0xef, 0xbb, 0xbf, 0xef, 0xbb, 0xbf, 0x31])).problem).toBe("expected JSON")
})

describe("a bound holds before anything is parsed:", () => {
  it.each([
    ["48 MB of brackets", "[".repeat(48_000_000), "expected at most 16 levels", []],
    ["deep in a list", `{"a":[${"[".repeat(40)}`, "expected at most 16 levels", []],
    [
      "2 million fields",
      `{${Array.from({ length: 2_000_000 }, (_, n) => `"k${n}":1`).join(",")}}`,
      "expected at most 4096 values beside lists",
      [],
    ],
    ["elements", `{"a":[${"1,".repeat(10_000)}1]}`, "expected at most 10000 elements", ["a"]],
    [
      "fields of one element",
      `{"a":[{${Array.from({ length: 3_000 }, (_, n) => `"k${n}":1`).join(",")}}]}`,
      "expected at most 4096 values in each of its elements",
      ["a"],
    ],
    [
      "bytes of one element",
      `{"a":["${"x".repeat(70_000)}"]}`,
      "expected at most 65536 bytes in each of its elements",
      ["a"],
    ],
    ["bytes beside lists", `{"a":"${"x".repeat(70_000)}"}`, "expected at most 65536 bytes beside lists", []],
    [
      "values in all",
      `{"a":[${Array(9_000)
        .fill(`[${"1,".repeat(20)}1]`)
        .join(",")}]}`,
      "expected at most 100000 values",
      [],
    ],
  ])("%s", (_, text, problem, path) => {
    const parse = JSON.parse
    JSON.parse = (json: string) => (json.length > 100 ? expect.fail("it was parsed") : parse(json))
    try {
      expect(problemOf(text)).toEqual(new UnreadableJson(problem, path))
    } finally {
      JSON.parse = parse
    }
  })
})

it("a long text is read in many slices, a short one in one", () => {
  const long = JSON.stringify({ items: Array(20_000).fill({ text: "x".repeat(200) }) })
  expect(slicesOf(long, { ...wide, tokensPerPartMax: 100 })).toBeGreaterThan(long.length / (128 * 1024))
  expect(slicesOf('{"a":[1,2,3]}', wide)).toBe(1)
})
