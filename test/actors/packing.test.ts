import { describe, expect, it } from "vitest"
import { CEDE_MS, type Load, MARK_MS, Packing, UNSURE_MAX } from "../../src/actors/packing.ts"

const hasTime = () => true
const hasNone = () => false
const roomy: Load = { batches: 1, batchesMax: 64, mayBeginNone: false }
const full: Load = { ...roomy, batches: 64 }

/** A worker that bears so much. */
const worker = (load: Load, used = 0.1, name = "b") => {
  const packing = new Packing(name)
  packing.bears(load, used)
  return packing
}

/** What a worker does that sees the mark of another taker, which bears so much. */
const seeing = (taker: Load, own: Packing, isTimeLeft: () => boolean) => {
  const becomes = own.saw(worker(taker, 0.1, "a").nextMark(), 0, isTimeLeft)
  return becomes ? "becomes the taker" : own.refrains(1, 1) ? "refrains" : "takes"
}

describe("a worker that sees the mark of another", () => {
  it("refrains while both have room, and also if the other is full on a machine without time", () => {
    expect(seeing(roomy, worker(roomy), hasTime)).toBe("refrains")
    expect(seeing(roomy, worker(roomy), hasNone)).toBe("refrains")
    expect(seeing(full, worker(roomy), hasNone)).toBe("refrains")
  })

  it("becomes the taker if the other is full and there is time to spare", () => {
    expect(seeing(full, worker(roomy), hasTime)).toBe("becomes the taker")
  })

  it("takes beside it if it is full itself, and another taker would help", () => {
    for (const taker of [roomy, full]) {
      expect(seeing(taker, worker(full), hasTime)).toBe("takes")
      expect(seeing(taker, worker(roomy, 0.9), hasNone)).toBe("takes")
      expect(seeing(taker, worker(full), hasNone)).toBe("refrains")
    }
  })

  it("takes when the mark no longer changes, and then its own is left", () => {
    const packing = worker(roomy)
    expect(packing.saw("a.1", 0, hasNone)).toBe(false)
    expect(packing.saw("a.1", MARK_MS - 1, hasNone)).toBe(false)
    expect([packing.refrains(MARK_MS - 1, 64), packing.refrains(MARK_MS, 64)]).toEqual([true, false])
    expect(packing.saw("a.1", MARK_MS, hasNone)).toBe(true)
    expect(packing.saw("a.2", MARK_MS + 1, hasNone)).toBe(false)
    expect(packing.refrains(MARK_MS + 1, 0)).toBe(true)
    expect(packing.saw(packing.nextMark(), MARK_MS + 2, hasNone)).toBe(true)
    expect(packing.refrains(MARK_MS + 2, 64)).toBe(false)
  })

  it.each(["", "b", "b2.1", "full", ".full", "\u0000", "99999999999999999999"])(
    "refrains for the time of one mark from a value that stays there by mistake: %j",
    (mark) => {
      const packing = worker(roomy)
      packing.saw(mark, 0, hasNone)
      for (let now = 100; now < 60_000; now += 100) {
        packing.saw(mark, now, hasNone)
        expect(packing.refrains(now, 64)).toBe(now < MARK_MS)
      }
    },
  )
})

describe("a worker that sees no mark", () => {
  const others = () => {
    const packing = worker(roomy)
    packing.saw("a.1", 0, hasNone)
    return packing
  }

  it("leaves its own at once, if it knows of no other taker", () => {
    const packing = worker(roomy)
    packing.wakes()
    expect(packing.isNext).toBe(true)
    expect(packing.saw(undefined, 0, hasNone)).toBe(true)
  })

  it("waits for the last taker, and takes a few meanwhile", () => {
    const packing = others()
    expect(packing.isNext).toBe(false)
    for (const now of [1_000, 1_000 + CEDE_MS - 1]) {
      expect(packing.saw(undefined, now, hasNone)).toBe(false)
      expect([packing.refrains(now, UNSURE_MAX - 1), packing.refrains(now, UNSURE_MAX)]).toEqual([
        false,
        true,
      ])
    }
    expect(packing.saw(undefined, 1_000 + CEDE_MS, hasNone)).toBe(true)
    expect(packing.refrains(1_000 + CEDE_MS, 64)).toBe(false)
    expect(packing.isNext).toBe(true)
  })

  it("waits for it also after a rest, but not after one for which it did not come", () => {
    const packing = others()
    packing.saw(undefined, 1_000, hasNone)
    packing.rests()
    packing.wakes()
    expect(packing.saw(undefined, 60_000, hasNone)).toBe(false)
    packing.rests()
    packing.wakes()
    expect(packing.saw(undefined, 120_000, hasNone)).toBe(true)
  })

  it("takes a few until it has looked, and all that it can if it cannot look", () => {
    const packing = worker(roomy)
    packing.wakes()
    expect([packing.refrains(0, UNSURE_MAX - 1), packing.refrains(0, UNSURE_MAX)]).toEqual([false, true])
    packing.knowsNothing()
    expect(packing.refrains(0, 63)).toBe(false)
  })
})

describe("a worker", () => {
  it("is full by its batches, what it has begun, or its thread, and until it has half of that", () => {
    const isFull = (packing: Packing) => packing.nextMark().endsWith(".full")
    for (const [load, used] of [
      [full, 0.1],
      [{ ...roomy, mayBeginNone: true }, 0.1],
      [roomy, 0.71],
    ] as const) {
      const packing = worker(load, used)
      expect(isFull(packing)).toBe(true)
      packing.bears({ ...roomy, batches: 32 }, 0.1)
      expect(isFull(packing)).toBe(true)
      packing.bears({ ...roomy, batches: 31 }, 0.31)
      expect(isFull(packing)).toBe(true)
      packing.bears({ ...roomy, batches: 31 }, 0.29)
      expect(isFull(packing)).toBe(false)
    }
  })

  it("never leaves the same mark twice", () => {
    const packing = worker(roomy)
    expect(new Set(Array.from({ length: 100 }, () => packing.nextMark())).size).toBe(100)
  })
})

const STEP_MS = 50

/** Workers that share a load of so many cores on machines with time to spare: how many take it, at each step. */
const takersOf = (workers: number, cores: number, steps: number): ReadonlyArray<number> => {
  const all = Array.from({ length: workers }, (_, index) => ({
    packing: new Packing(`worker-${index}`),
    used: 0,
  }))
  let mark: string | undefined
  return Array.from({ length: steps }, (_, step) => {
    const now = step * STEP_MS
    for (const { packing, used } of all) {
      packing.bears({ ...roomy, batches: used > 0.95 ? 64 : 1 }, used)
      if (packing.saw(mark, now, hasTime)) mark = packing.nextMark()
    }
    const takers = all.filter(({ packing }) => !packing.refrains(now, 1))
    const each = Math.min(cores / takers.length, 1)
    for (const one of all) one.used += ((takers.includes(one) ? each : 0) - one.used) * (STEP_MS / 1_000)
    return takers.length
  })
}

describe("workers that share a load", () => {
  it.each([1, 2, 3, 8])("are at last as many as it needs, and do not change: %i workers", (workers) => {
    for (const cores of [0.01, 0.3, 0.6, 0.75, 1, 1.3, 1.5, 2.2, 4, 10]) {
      const last = new Set(takersOf(workers, cores, 1_200).slice(-400))
      const [takers = 0] = last
      expect([cores, last.size]).toEqual([cores, 1])
      expect(takers).toBeGreaterThanOrEqual(Math.min(workers, cores / 0.75))
      expect(takers).toBeLessThanOrEqual(Math.max(1, cores / 0.29))
    }
  })
})
