import { describe, expect, it } from "vitest"
import { batchFromLog } from "../../src/cli/batch-source.ts"
import { BatchId } from "../../src/domain/identifiers.ts"
import { Story } from "../domain/batch-story.ts"

const id = BatchId.make(`pb_${"a".repeat(22)}`)

describe("a batch that is read from its log", () => {
  it("has its items' states under their public names", () => {
    const shown = batchFromLog(id, new Story().screened(2).batch)
    expect(Object.values(shown.states).map((states) => Object.keys(states))).toEqual([["cleared"]])
    expect(shown).toMatchObject({ id, state: "settling", itemCount: 2, needsAttention: false })
  })

  it("needs attention while only a person can move it", () => {
    expect(batchFromLog(id, new Story().asked(1).answered([1], "review").batch).needsAttention).toBe(true)
  })
})
