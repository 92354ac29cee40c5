/** The checker knows what lying banks and stores that were set back explain, and what they do not. */
import { describe, expect, it } from "vitest"
import { type Evidence, standingStill, statesOf, unfinished, unheardWords, violations } from "./invariants.ts"
import {
  at,
  BATCH,
  cleared,
  laterWord,
  logOf,
  ms,
  paid,
  redisWith,
  released,
  sound,
  story,
} from "./sound-story.ts"

describe("the checker, where somebody lies or forgets,", () => {
  const attempt = { item: 1, attempt: 1 }
  const told = (events: ReadonlyArray<unknown>, change: Partial<Evidence> = {}): Evidence => ({
    ...sound,
    ...change,
    redis: redisWith(logOf(events)),
  })
  const sent = story.slice(0, 8)

  it("names both banks of an item that was paid twice, also when its log forgot it", () => {
    const elsewhere = { ...paid, bank: "south", reference: "A-1-2", orderedAt: at(12) }
    const twice = { ...sound, banks: { transfers: [paid, elsewhere], outstanding: 0 } }
    const [found = ""] = violations({ ...twice, redis: { ...sound.redis, logs: new Map() } })
    expect(found).toContain("pb_a item 1 was paid more than once: 2 times")
    expect(found).toContain("north took A-1-1 at 00:00:10.000 (settled, paid 1 times)")
    expect(found).toContain("south took A-1-2 at 00:00:12.000 (settled, paid 1 times)")
  })

  it.each(["cancelled", "rejected"] as const)("finds what was sent after a person had it %s", (word) => {
    const said = (knownAt: number) => [{ batch: BATCH, item: 1, word, knownAt }]
    expect(violations({ ...sound, said: said(ms(11)) })).toEqual([])
    expect(violations({ ...sound, said: said(Number.POSITIVE_INFINITY) })).toEqual([])
    const [found = ""] = violations({ ...sound, said: said(ms(9)) })
    expect(found).toContain("pb_a item 1 is at a bank, north took A-1-1 at 00:00:10.000")
    expect(found).toContain(`said: ${word}, at 00:00:09.000, 1000 ms before`)
  })

  it("finds what was sent after a later word of the engine was acknowledged, not what was on its way", () => {
    for (const decision of ["rejected", "review"] as const) {
      const screened = (second: number) => [cleared, laterWord(decision, second)]
      expect(violations({ ...sound, screened: screened(9) })).toEqual([])
      expect(violations({ ...sound, screened: screened(7) }).join()).toContain(
        `the engine said: ${decision}, at 00:00:07.000, 3000 ms before`,
      )
      const { toldAt: _, ...unheard } = laterWord(decision, 7)
      expect(violations({ ...sound, screened: [cleared, unheard] })).toEqual([])
    }
  })

  it("takes a release for no answer to what was said after it", () => {
    const mismatch = { ...cleared, payee: "no-match" } as const
    const screened = [mismatch, laterWord("review", 6)]
    expect(violations({ ...sound, screened, said: [released(ms(5))] }).join()).toContain(
      "the engine said: review",
    )
    expect(violations({ ...sound, screened, said: [released(ms(5)), released(ms(7))] })).toEqual([])
    const refused = [mismatch, laterWord("rejected", 6)]
    expect(violations({ ...sound, screened: refused, said: [released(ms(7))] }).join()).toContain("rejected")
  })

  it("finds that the log does not tell of a word that came too late", () => {
    const late = { ...sound, screened: [cleared, laterWord("rejected", 9.5)] }
    const withdrawal = {
      _tag: "ClearanceWithdrawn",
      listVersion: "list-2",
      decisions: [{ item: 1, decision: "rejected" }],
    }
    expect(unfinished(late).join()).toContain("the engine said rejected by list-2")
    expect(unfinished(late).join()).toContain("the log does not tell")
    const settled = story.toSpliced(9, 0, withdrawal)
    expect(unfinished({ ...late, redis: redisWith(logOf(settled)) })).toEqual([])
    const forgot = [{ store: "redis", from: ms(9), at: ms(12) }] as const
    expect(unfinished({ ...late, setBacks: forgot })).toEqual([])
  })

  it("finds that a bank was believed that spoke for another one", () => {
    const lies = [
      { server: "south", kind: "speaks-for-others", about: "A-1-1", at: at(10), code: "AB08", as: "north" },
    ]
    expect(violations({ ...sound, lies })).toEqual([])
    const refused = [...sent, { _tag: "TransferFailed", ...attempt, code: "AB08" }]
    expect(violations(told(refused, { lies })).join()).toContain(
      "south refused A-1-1 in the name of north at 00:00:10.000, and 9-0 TransferFailed (AB08) believes it",
    )
    const disputed = [...story.slice(0, 9), { _tag: "LateOutcomeDetected", ...attempt, reported: "failed" }]
    expect(violations(told(disputed, { lies })).join()).toContain(
      "10-0 LateOutcomeDetected (failed) believes it",
    )
    const ownLie = { server: "north", kind: "refuses-after-accepting", about: "A-1-1", at: at(10) }
    expect(violations(told(disputed, { lies: [...lies, ownLie] }))).toEqual([])
  })

  it("finds a contradiction that no bank gave cause for", () => {
    const disputed = [...story.slice(0, 9), { _tag: "LateOutcomeDetected", ...attempt, reported: "failed" }]
    expect(violations(told(disputed)).join()).toContain("never contradicted itself")
    const lie = { server: "clearing", kind: "refuses-a-copy", about: "M1", at: at(10), references: ["A-1-1"] }
    expect(violations(told(disputed, { lies: [lie] }))).toEqual([])
    expect(statesOf(told(disputed))).toEqual({ parked: 1 })
    expect(unfinished(told(disputed, { lies: [lie] }), true)).toEqual([])
  })

  it("follows an item that was paid after all", () => {
    const failed = [...sent, { _tag: "TransferFailed", ...attempt, code: "AC04" }]
    const after = { _tag: "LateOutcomeDetected", ...attempt, reported: "settled", compensation: "repost" }
    const lies = [{ server: "north", kind: "accepts-after-refusing, and denies", about: "A-1-1", at: at(10) }]
    const closed = { _tag: "BatchClosed", state: "settled" }
    const known = told([...failed, after, closed], { lies })
    expect([...violations(known), ...unfinished(known)]).toEqual([])
    expect(statesOf(known)).toEqual({ settled: 1 })
    expect(unfinished(told([...failed, closed], { lies })).join()).toContain("is failed in the log")
  })

  describe("after Redis was set back,", () => {
    const setBacks = [{ store: "redis", from: ms(-1), at: ms(20) }] as const
    const open = story.slice(0, 7)
    const nowhere = { transfers: [], outstanding: 0 }

    it("expects that what was acknowledged meanwhile is gone, and nothing else", () => {
      const gone = { ...sound, banks: nowhere, redis: { ...sound.redis, logs: new Map() } }
      expect(violations({ ...gone, setBacks })).toEqual([])
      expect(standingStill({ ...gone, setBacks })).toEqual({ frozen: 0, forgotten: 1 })
      const later = [{ store: "redis", from: ms(1), at: ms(20) }] as const
      expect(violations({ ...gone, setBacks: later }).join()).toContain("was acknowledged and is gone")
    })

    it("expects that a bank's last word is lost that was acknowledged meanwhile, and no other", () => {
      const returned = { ...paid, status: "returned" } as const
      const told = (toldAt: string) => ({
        ...sound,
        setBacks,
        banks: { transfers: [{ ...returned, toldAt }], outstanding: 0 },
      })
      expect(unfinished(told(at(19)))).toEqual([])
      expect(unheardWords(told(at(19)))).toBe(1)
      expect(unfinished(told(at(21))).join()).toContain("is settled in the log, and at the banks: returned")
      expect(
        unfinished({ ...sound, setBacks, banks: { transfers: [returned], outstanding: 0 } }).join(),
      ).toContain("returned")
    })

    it("tells what was asked for before it and answered after it from what was asked for after it", () => {
      const answered = (askedAt: number) => ({
        ...sound,
        posted: sound.posted.map((order) => ({
          ...order,
          answers: [{ status: 202, id: BATCH, askedAt, at: ms(21) }],
        })),
        banks: nowhere,
        redis: { ...sound.redis, logs: new Map() },
        setBacks,
      })
      expect(violations(answered(ms(19)))).toEqual([])
      expect(violations(answered(ms(20.5))).join()).toContain("was acknowledged and is gone")
    })

    it("expects no log for what was sent meanwhile, and one for all that is sent afterwards", () => {
      const forgotten = { ...sound, redis: redisWith(logOf(open)), setBacks }
      expect(violations(forgotten)).toEqual([])
      const late = { ...paid, orderedAt: at(40) }
      expect(violations({ ...forgotten, banks: { transfers: [late], outstanding: 0 } }).join()).toContain(
        "no log asked for the transfer A-1-1: north took A-1-1 at 00:00:40.000",
      )
    })

    it("tells what is frozen with an alarm from what stands still in silence", () => {
      const batch = "pb_aaaaaaaaaaaaaaaaaaaaaa"
      const redis = {
        ...sound.redis,
        logs: new Map([[batch, logOf(open).map((entry) => entry)]]),
        partitions: new Map([[batch, 3]]),
        unfinished: ["ap:{3}:open holds 1", "ap:{4}:open holds 1"],
      }
      const still = { ...sound, banks: nowhere, redis, setBacks }
      expect(unfinished(still)).toContain(`${batch} is not closed`)
      for (const alarm of [
        `{"level":"error","message":"batch frozen","batch":"${batch}"}`,
        '{"level":"error","message":"follower frozen","partition":3}',
      ]) {
        const alarmed = { ...still, alarms: [alarm] }
        expect(unfinished(alarmed)).toEqual(["ap:{4}:open holds 1"])
        expect(standingStill(alarmed)).toMatchObject({ frozen: 1 })
        expect(unfinished({ ...alarmed, setBacks: [] })).toContain(`${batch} is not closed`)
      }
    })

    it("expects a follower beyond its feed only where that is an alarm", () => {
      const ahead = {
        ...sound,
        setBacks,
        cursors: [{ follower: "publisher", partition: 0, position: "7-2" }],
      }
      expect(violations(ahead).join()).toContain("beyond feed 0")
      expect(violations({ ...ahead, alarms: ['{"partition":0}'] })).toEqual([])
    })
  })
})
