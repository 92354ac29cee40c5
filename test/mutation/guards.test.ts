/** `npm run test:mutation` takes long; what it needs of the sources is looked at with every run of the tests. */
import { readFileSync } from "node:fs"
import { expect, it } from "vitest"
import { guardsOfDomain, guardsOfPlanning, guardsOfSteps } from "./all-guards.ts"

it.each([...guardsOfDomain, ...guardsOfPlanning, ...guardsOfSteps])(
  "the text of a guard is there once: $name",
  ({ file, text, without }) => {
    const source = readFileSync(new URL(`../../src/${file}`, import.meta.url), "utf8")
    expect(source.split(text)).toHaveLength(2)
    expect(without).not.toBe(text)
  },
)

it.each(guardsOfSteps)(
  "the test that misses a guard is named in letters that are no pattern: $name",
  ({ caughtBy }) => {
    // A group in a pattern does not match its parentheses: no test runs then, and none fails.
    expect(caughtBy).not.toMatch(/[()?+|\\^$]/)
  },
)
