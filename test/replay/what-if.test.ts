import { describe, expect, it } from "vitest"
import { sumsJson, sumsLines } from "../../src/cli/replay-what-if.ts"
import type { BatchEvent } from "../../src/domain/events.ts"
import type { Rule } from "../../src/domain/routing.ts"
import { WhatIf } from "../../src/replay/what-if.ts"
import { along, failed, failedHere, intent, payoutItem, Story, settled } from "../domain/batch-story.ts"

/** Items of EUR 10.01 to 10.04: 1 settles at north, 2 is refused there and settles at south, 3 fails, 4 is led nowhere. */
const log = (): ReadonlyArray<BatchEvent> => {
  const story = new Story()
    .started(5, { items: [1, 2, 3, 4, 5].map((n) => payoutItem(n)) as never })
    .posted("hold")
  for (const item of [1, 2, 3]) story.tell(intent(item, 1, along("north", "south")))
  story.tell({ _tag: "RecordUnrouted", items: [4], version: "v1" })
  story.hears(1, settled)
  story.hears(2, failedHere)
  story.hears(3, failed)
  story.posted("release", [2])
  story.tell({ _tag: "Reroute", item: 2 })
  story.posted("hold", [2])
  story.tell(intent(2, 2, { bank: "south", route: { rule: "euros", version: "v1", others: [] } }))
  story.hears(2, settled, 2)
  return story.events
}

const summed = (...routes: ReadonlyArray<Rule>) => summedOf(log(), routes)

const summedOf = (events: ReadonlyArray<BatchEvent>, routes: ReadonlyArray<Rule>) => {
  const sums = new WhatIf({ version: "v2", banks: new Set(["north", "south", "west"]), routes })
  const { take, end } = sums.log()
  for (const event of events) take(event)
  end()
  return sums
}

const euros = (sums: WhatIf) => sumsJson(sums, "v2").currencies.EUR

describe("other rules", () => {
  it("that are the same send everything as it went", () => {
    const sums = euros(summed({ rule: "euros", banks: ["north", "south"] }))
    expect(sums?.firstBefore).toEqual({
      north: { items: 3, amount: "30.06" },
      south: { items: 0, amount: "0.00" },
    })
    expect(sums?.firstAfter).toEqual({
      north: { items: 4, amount: "40.10" },
      south: { items: 0, amount: "0.00" },
    })
    expect(sums?.attemptsAfter).toMatchObject({ south: { items: 1, amount: "10.02" } })
    expect(sums?.moved, "only what went nowhere").toEqual({
      "nowhere → north": { items: 1, amount: "10.04" },
    })
    expect(sums?.ends).toEqual({
      settled: { items: 2, amount: "20.03" },
      failed: { items: 1, amount: "10.03" },
      unknown: { items: 1, amount: "10.04" },
    })
    expect(sums?.unroutedBefore).toEqual({ items: 1, amount: "10.04" })
    expect(sums?.notRouted).toEqual({ items: 1, amount: "10.05" })
  })

  it("route again what was tried again", () => {
    const story = new Story().started(2, { items: [payoutItem(1), payoutItem(2)] as never }).posted("hold")
    for (const item of [1, 2]) {
      story.tell(intent(item, 1, along("north", "south")))
      story.hears(item, failed)
      story.posted("release", [item])
      story.tell({ _tag: "Retry", item, by: "policy" } as never)
      story.posted("hold", [item])
      story.tell(intent(item, 2, along("north", "south")))
    }
    story.hears(1, settled, 2)
    const by = (...routes: ReadonlyArray<Rule>) => euros(summedOf(story.events, routes))
    const same = by({ rule: "euros", banks: ["north", "south"] })
    expect(same?.attemptsAfter).toEqual(same?.attemptsBefore)
    expect(same?.moved).toEqual({})
    expect(same?.ends).toEqual({
      settled: { items: 1, amount: "10.01" },
      open: { items: 1, amount: "10.02" },
    })
    const other = by({ rule: "euros", banks: ["south"] })
    expect(other?.ends, "nothing is guessed").toEqual({ unknown: { items: 2, amount: "20.03" } })
  })

  it("that lead elsewhere leave the outcome unknown, unless that bank was asked", () => {
    const sums = euros(summed({ rule: "euros", banks: ["south", "north"] }))
    expect(sums?.moved).toEqual({
      "north → south": { items: 3, amount: "30.06" },
      "nowhere → south": { items: 1, amount: "10.04" },
    })
    expect(sums?.ends).toEqual({
      unknown: { items: 3, amount: "30.08" },
      settled: { items: 1, amount: "10.02" },
    })
  })

  it("that lead nowhere say so", () => {
    const sums = summed({
      rule: "large",
      when: { currency: ["EUR"], minor: { atLeast: 1_003n } },
      banks: ["west"],
    })
    expect(euros(sums)?.unroutedAfter).toEqual({ items: 2, amount: "20.03" })
    expect(euros(sums)?.firstAfter).toMatchObject({ west: { items: 2, amount: "20.07" } })
    expect(sumsLines(sums).join("\n")).toContain("moved north → nowhere: 2 items, EUR 20.03")
  })
})
