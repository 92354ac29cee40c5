import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { readLog } from "../../src/cli/batch-log.ts"
import { batchFromLog, fromLog } from "../../src/cli/batch-source.ts"
import { BatchId } from "../../src/domain/identifiers.ts"
import { momentOf } from "../../src/domain/moment.ts"
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

  it("is shown as it was", async () => {
    const { events } = new Story().started(3)
    const source = fromLog(
      (_, after) =>
        Effect.succeed(events.slice(after).map((event, at) => ({ version: after + at + 1, event }))),
      readLog,
    )
    const past = (written: string) => {
      const moment = momentOf(written)
      if (moment === undefined) throw new Error(`${written} is no moment`)
      return Effect.runPromise(source.pastBatch(id, { written, moment }))
    }
    const timeOf = (version: number, laterMs = 0) =>
      new Date((events[version - 1]?.at ?? 0) + laterMs).toISOString()
    expect(await past("2")).toMatchObject({ version: 2, states: { EUR: { received: { count: 3 } } } })
    const later = events.findIndex(({ at }) => at > (events[2]?.at ?? 0))
    expect((await past(timeOf(3))).version).toBe(later === -1 ? events.length : later)
    expect((await past(timeOf(events.length, 1))).version).toBe(events.length)
    await expect(past(`${events.length + 1}`)).rejects.toThrow("no state as of")
    await expect(past(timeOf(1, -1))).rejects.toThrow("no state as of")
  })
})
