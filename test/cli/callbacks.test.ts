import { expect, it } from "vitest"
import { callbackJson } from "../../src/cli/callbacks.ts"
import { strayClearance } from "../../src/streams/stray-callbacks.ts"

it("a stray callback is printed under the names that docs/CLI.md publishes", () => {
  const stray = { ...strayClearance("C-1", "cb-1", "no such clearance"), receivedAt: 1_700_000_000_000 }
  expect(JSON.parse(callbackJson(stray))).toEqual({
    heardAt: 1_700_000_000_000,
    provider: "compliance-engine",
    reference: "C-1",
    said: "decided",
    id: "cb-1",
    why: "no such clearance",
  })
})
