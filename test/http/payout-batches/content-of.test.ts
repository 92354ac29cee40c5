import { expect, it } from "vitest"
import { contentOf } from "../../../src/http/payout-batches/batch-identity.ts"

it("names what a batch pays by its request alone, unless rows of its file are not in it", () => {
  expect(contentOf("digest", undefined)).toBe("digest")
})

it("differs if other rows of the same file are not in the batch: a count or a claim of the one is not that of the other", () => {
  const one = contentOf("digest", { count: 1, lines: [[2, 2]] })
  expect(one).not.toBe(contentOf("digest", { count: 1, lines: [[3, 3]] }))
  expect(one).not.toBe(contentOf("digest", undefined))
  expect(one).toBe(contentOf("digest", { count: 1, lines: [[2, 2]] }))
})
