/** What we refused ourselves, before anything was sent, may go to another bank; what may have gone out before may not. */
import { describe, expect, it } from "vitest"
import { accepted, along, intent, neverSeen, Story, unknown } from "./batch-story.ts"
import { workDue } from "./planned.ts"

const sent = (route = along("clearing", "north")) => {
  const story = new Story().started(1).posted("hold")
  story.tell(intent(1, 1, { ...route, withdrawable: true }))
  return story
}
const refused = (code: string, evidence: "response" | "callback" | "inquiry" = "response") =>
  ({ _tag: "Failed", evidence, code, unsent: true }) as const

describe("an order that we refused ourselves", () => {
  it.each(["RR10", "BE04", "AM02", "AG03"])("for %s goes to the next bank, under a new reference", (code) => {
    const story = sent()
    expect(story.hears(1, refused(code))).toMatchObject([
      { _tag: "TransferFailed", code, evidence: "response", reroutable: true },
    ])
    story.posted("release").tell({ _tag: "Reroute", item: 1 })
    story.posted("hold").tell(intent(1, 2, along("north")))
    expect(story.batch.items.get(1)).toMatchObject({ attempt: { attempt: 2, bank: "north" } })
    expect(story.batch.items.get(1)?.attempt?.reference).toMatch(/-1-2$/)
  })

  it("fails for good when no bank is left", () => {
    const story = sent(along("clearing"))
    story.hears(1, refused("RR10"))
    story.posted("release")
    expect(story.refusal({ _tag: "Reroute", item: 1 }).reason).toBe("not-due")
    expect(story.stateOf(1)).toBe("failed")
  })

  it.each([
    ["by its bank", { ...refused("RR10"), unsent: undefined }],
    ["by an inquiry", refused("RR10", "inquiry")],
  ] as const)("goes nowhere else when it is refused %s", (_, { unsent, ...outcome }) => {
    const story = sent()
    expect(story.hears(1, unsent === undefined ? outcome : { ...outcome, unsent })).toMatchObject([
      { _tag: "TransferFailed", code: "RR10", reroutable: false },
    ])
  })

  it("goes nowhere else when the bank may have it: it showed that, did not answer, or it went out twice", () => {
    const shown = sent()
    shown.hears(1, accepted)
    expect(shown.hears(1, refused("RR10"))).toMatchObject([{ _tag: "TransferFailed", reroutable: false }])
    const silent = sent()
    silent.hears(1, unknown)
    expect(silent.hears(1, refused("RR10"))).toMatchObject([{ _tag: "TransferFailed", reroutable: false }])
    const twice = sent()
    twice.hears(1, unknown)
    expect(twice.hears(1, neverSeen)).toMatchObject([{ _tag: "TransferResent" }])
    expect(twice.hears(1, refused("RR10"))).toMatchObject([{ _tag: "TransferUnknown" }])
    expect(workDue(twice.batch, twice.now)).toEqual([{ _tag: "Inquire", items: [1] }])
  })

  it("is not believed of a callback, whatever it says", () => {
    expect(sent().hears(1, refused("RR10", "callback"))).toMatchObject([{ _tag: "TransferUnknown" }])
  })
})
