import { Option } from "effect"
import { expect, it } from "vitest"
import { withDuplicates } from "../../src/cli/submitted-duplicates.ts"

it("a reason becomes the permission in the request; without one the file is sent as it is", () => {
  const body = '{"items":[], "duplicates":{"allowed":true,"reason":"old"}}'
  expect(withDuplicates(body, Option.none())).toBe(body)
  expect(JSON.parse(withDuplicates(body, Option.some("ordered twice")))).toEqual({
    items: [],
    duplicates: { allowed: true, reason: "ordered twice" },
  })
})
