import { expect, it } from "vitest"
import { fc, ofAllExamples, seed, seedOf } from "./property.ts"

it("examples are the same in every run, unless a seed is given", () => {
  expect(seedOf(undefined)).toBe(seedOf(""))
  expect(seedOf("7")).toBe(7)
  const drawn = new Set(Array.from({ length: 20 }, () => seedOf("random")))
  expect(drawn.size).toBeGreaterThan(1)
  for (const one of drawn) expect(seedOf(String(one))).toBe(one)
})

it.each(["seven", "-1", "1.5", "2147483648"])("%j is no seed", (value) => {
  expect(() => seedOf(value)).toThrow("PROPERTY_SEED")
})

it("a property takes its examples from the seed, and a failure names it, with its cause", () => {
  const seen: Array<Array<number>> = []
  for (const _ of ["once", "again"]) {
    const examples: Array<number> = []
    fc.assert(fc.property(fc.nat(), (one) => void examples.push(one)))
    seen.push(examples)
  }
  expect(seen[0]).toEqual(seen[1])

  let failure: unknown
  try {
    fc.assert(fc.property(fc.nat(), () => expect("this").toBe("that")))
  } catch (error) {
    failure = error
  }
  expect(failure).toMatchObject({
    message: expect.stringContaining(`PROPERTY_SEED=${seed} `),
    cause: { message: expect.stringContaining("that") },
  })
  expect(String(failure)).toContain("Counterexample: [0]")
})

it("so does a property that takes its time", async () => {
  const fails = fc.asyncProperty(fc.nat(), async () => false)
  await expect(fc.assert(fails)).rejects.toThrow(`PROPERTY_SEED=${seed} `)
  expect(ofAllExamples("all")).toBe(`all (PROPERTY_SEED=${seed})`)
})
