import { expect, it } from "vitest"
import { Pace } from "../../src/actors/pace.ts"

const started = 1_790_000_000_000

/** A pace after `seconds` of turns, `perSecond` of them evenly spread, and the time of the last. */
const after = (perSecond: number, seconds = 2) => {
  const pace = new Pace(() => 1)
  const turns = perSecond * seconds
  let now = started
  for (let turn = 1; turn <= turns; turn++) {
    now = started + (turn * 1_000) / perSecond
    pace.tookTurn(now)
  }
  return { pace, now }
}

it("does not let an idle worker wait for more", () => {
  const pace = new Pace(() => 1)
  expect(pace.gatherMs(started)).toBe(2)
  expect(pace.isBusy(started)).toBe(false)
  pace.tookTurn(started)
  expect(pace.gatherMs(started)).toBe(2)
})

it.each([
  [40, false],
  [200, true],
  [600, true],
  [5_000, true],
])("at %i turns a second is busy: %s", (perSecond, isBusy) => {
  const { pace, now } = after(perSecond)
  expect(pace.isBusy(now)).toBe(isBusy)
})

it("lets a busy worker wait longer the busier it is, up to a limit", () => {
  const waits = [40, 150, 300, 450, 1_000, 50_000].map((perSecond) => {
    const { pace, now } = after(perSecond)
    return pace.gatherMs(now)
  })
  expect(waits).toEqual(waits.toSorted((one, other) => one - other))
  expect(waits.at(0)).toBe(2)
  expect(waits.at(-1)).toBe(50)
})

it("forgets what was before a pause", () => {
  const { pace, now } = after(1_000)
  expect(pace.gatherMs(now + 2_000)).toBe(2)
})

it("stays within its limits when the clock is set back", () => {
  const { pace, now } = after(1_000)
  expect(pace.gatherMs(now - 3_600_000)).toBeLessThanOrEqual(50)
  pace.tookTurn(now - 3_600_000)
  expect(pace.gatherMs(now - 3_600_000 + 2_000)).toBe(2)
})

it("waits for answers only if more are to come, or if the worker is busy and the banks have to report more", () => {
  const quiet = new Pace(() => 1)
  expect(quiet.gatherAnswersMs(true, 0, started)).toBe(2)
  expect(quiet.gatherAnswersMs(false, 50, started)).toBe(0)
  const { pace, now } = after(600)
  expect(pace.gatherAnswersMs(false, 50, now)).toBe(50)
  expect(pace.gatherAnswersMs(false, 0, now)).toBe(0)
})

it("does not hold up a lone payout, whose turns follow each other quickly", () => {
  const { pace, now } = after(300)
  expect(pace.gatherAnswersMs(false, 1, now)).toBe(0)
  expect(pace.isWorthGathering(1, now)).toBe(false)
  expect(pace.isWorthGathering(2, now)).toBe(true)
})

it("lets even a single report wait when the worker is as busy as can be", () => {
  const { pace, now } = after(1_000)
  expect(pace.gatherAnswersMs(false, 1, now)).toBe(50)
  expect(pace.isWorthGathering(1, now)).toBe(true)
  expect(pace.isWorthGathering(0, now)).toBe(false)
})

it("yields after each answer while accepting comes first", () => {
  const pace = new Pace(() => 0.2)
  expect(pace.gatherAnswersMs(false, 0, started)).toBe(100)
})

it("gathers longer while accepting comes first, and then as before", () => {
  let share = 0.2
  const pace = new Pace(() => share)
  expect(pace.gatherMs(started)).toBe(100)
  expect(pace.isBusy(started)).toBe(true)
  share = 1
  expect(pace.gatherMs(started)).toBe(2)
  expect(pace.isBusy(started)).toBe(false)
})

it("lets the answers of many payouts come together however quiet it is, and the first reports of many", () => {
  const quiet = new Pace(() => 1)
  expect(quiet.gatherAnswersMs(true, 7, started)).toBe(2)
  expect(quiet.gatherAnswersMs(true, 8, started)).toBe(20)
  expect(quiet.gatherAnswersMs(false, 50, started)).toBe(0)
  expect(quiet.gatherReportsMs(8, 2, started)).toBe(10)
  expect(quiet.gatherReportsMs(7, 2, started)).toBe(0)
})

it("does not wait for the next report of a bank that reports one payout at a time, unless it is busy", () => {
  expect(new Pace(() => 1).gatherReportsMs(50, 1, started)).toBe(0)
  const { pace, now } = after(600)
  expect(pace.gatherReportsMs(50, 1, now)).toBe(50)
  expect(pace.gatherReportsMs(50, 2, now)).toBe(50)
  expect(pace.gatherReportsMs(0, 2, now)).toBe(0)
})
