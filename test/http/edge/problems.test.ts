import { expect, it } from "vitest"
import { unexpectedProblem } from "../../../src/http/edge/problems.ts"
import { redactText } from "../../../src/telemetry/redaction.ts"

it("gives a problem an id that is found in the log, whatever it looks like", () => {
  const ids = Array.from({ length: 100_000 }, () => unexpectedProblem().instance)
  expect(new Set(ids).size).toBe(ids.length)
  expect(ids.map(redactText)).toEqual(ids)
})
