import { expect, it } from "vitest"
import { normalText, withNormalTexts } from "../../src/parsing/normal-text.ts"

it("a text comes in form C, whichever form it was sent in", () => {
  expect(normalText("Zoe\u0308")).toBe("Zoë")
  expect(normalText("Zoë")).toBe("Zoë")
  expect(normalText("plain\u0000")).toBe("plain\u0000")
})

it("so do all texts in a value, however deep, and nothing else changes", () => {
  const value = JSON.parse(
    '{"a":["e\\u0301",{"b":"e\\u0301","n":1.5,"o":null}],"__proto__":"e\\u0301","e\\u0301":true}',
  )
  expect(withNormalTexts(value)).toBe(value)
  expect(JSON.stringify(value)).toBe('{"a":["é",{"b":"é","n":1.5,"o":null}],"__proto__":"é","e\u0301":true}')
  expect(withNormalTexts("e\u0301")).toBe("é")
})

it("is not looked for in a text that is too long for any field, which would take minutes", () => {
  const text = `a${"\u0301\u0316".repeat(100_000)}`
  const before = process.cpuUsage()
  expect(normalText(text)).toBe(text)
  // Processor time: a machine that is busy with other things stretches the other.
  expect(process.cpuUsage(before).user).toBeLessThan(500_000)
})
