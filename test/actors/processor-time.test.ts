import { describe, expect, it } from "vitest"
import { ProcessorTimes, timeToSpare, usedShare } from "../../src/actors/processor-time.ts"

/** A machine of one core, of which this thread uses a part, and others another part. */
class Machine {
  at = 0
  usedMs = 0
  idleMs = 0

  pass(ms: number, used: number, others = 0): void {
    this.at += ms
    this.usedMs += ms * used
    this.idleMs += ms * (1 - used - others)
  }

  readonly times = {
    now: () => this.at,
    used: () => this.usedMs,
    cores: () => ({ idle: this.idleMs, all: this.at }),
  }
}

describe("the share of a core that a thread uses", () => {
  it("follows within seconds, however often it is asked for", () => {
    for (const everyMs of [10, 50, 1_000]) {
      const machine = new Machine()
      const share = usedShare(machine.times)
      for (const used of [0.8, 0.2, 1, 0]) {
        for (let passed = 0; passed < 5_000; passed += everyMs) {
          machine.pass(everyMs, used)
          share()
        }
        expect(share()).toBeCloseTo(used, 1)
      }
    }
  })

  it("is taken over the whole time for which nobody asked", () => {
    const machine = new Machine()
    const share = usedShare(machine.times)
    machine.pass(3_600_000, 0.25)
    expect(share()).toBeCloseTo(0.25)
    expect(share()).toBeCloseTo(0.25)
  })
})

describe("time to spare", () => {
  /** Whether the machine has it, asked again and again while so much of it is used by others. */
  const asked = (machine: Machine, hasTime: () => boolean, others: number, ms: number) => {
    for (let passed = 0; passed < ms; passed += 50) {
      machine.pass(50, 0, others)
      hasTime()
    }
    return hasTime()
  }

  it("is there after a second in which 35 % of all cores were idle, and not with less", () => {
    const machine = new Machine()
    const hasTime = timeToSpare(machine.times)
    expect(asked(machine, hasTime, 0.64, 900)).toBe(false)
    expect(asked(machine, hasTime, 0.64, 200)).toBe(true)
    expect(asked(machine, hasTime, 0.66, 2_100)).toBe(false)
    expect(asked(machine, hasTime, 0.5, 2_100)).toBe(true)
  })

  it("is not known of a time in which nobody asked", () => {
    const machine = new Machine()
    const hasTime = timeToSpare(machine.times)
    expect(asked(machine, hasTime, 0.5, 2_000)).toBe(true)
    machine.pass(60_000, 0)
    expect(hasTime()).toBe(false)
    expect(asked(machine, hasTime, 1, 2_000)).toBe(false)
  })

  it("is there on a system that does not tell the times of its cores", () => {
    const machine = new Machine()
    const hasTime = timeToSpare({ ...machine.times, cores: () => ({ idle: 0, all: 0 }) })
    expect(asked(machine, hasTime, 1, 2_000)).toBe(true)
  })
})

it("is told by this system", () => {
  const { now, used, cores } = ProcessorTimes.defaultValue()
  const [usedBefore, before] = [used(), now()]
  while (now() - before < 20) {}
  expect(used()).toBeGreaterThan(usedBefore)
  expect(used() - usedBefore).toBeLessThan(now() - before + 20)
  expect(cores().all).toBeGreaterThanOrEqual(cores().idle)
})
