import { expect, it } from "vitest"
import { hasContent } from "../../../src/http/payout-batches/acceptance-answer.ts"
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

it("is not in the batch of a try that left other rows out, and is in that of one that left the same out", () => {
  const rows = { count: 1, lines: [[2, 2]] } as const
  const first = { _tag: "BatchReceived", requestDigest: "digest", rejectedRows: rows } as never
  expect(hasContent(first, { digest: "digest", rejectedRows: rows })).toBe(true)
  expect(hasContent(first, { digest: "digest", rejectedRows: { count: 1, lines: [[3, 3]] } })).toBe(false)
  expect(hasContent(first, { digest: "other", rejectedRows: rows })).toBe(false)
})
