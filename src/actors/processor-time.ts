/** How much processor time this thread uses, and whether its machine has some to spare: what says whether another worker would help. */
import { cpus } from "node:os"
import { Context } from "effect"

/** The time over which the share of this thread is taken. Milliseconds. */
const USED_OVER_MS = 1_000
/** The share of the time of all cores that is idle on a machine that has time to spare. */
const IDLE_MIN = 0.35
/** The time over which idleness is taken. Milliseconds. */
const IDLE_OVER_MS = { min: 1_000, max: 5_000 } as const

/** Times in milliseconds since some moment: what this thread used, what the cores of the machine were idle, and had in all. */
export interface Times {
  readonly now: () => number
  readonly used: () => number
  readonly cores: () => { readonly idle: number; readonly all: number }
}

/** The times as the system tells them. */
export const ProcessorTimes = Context.Reference<Times>("atlaspay/actors/ProcessorTimes", {
  defaultValue: () => ({
    now: () => performance.now(),
    used: () => {
      const { user, system } = process.threadCpuUsage()
      return (user + system) / 1_000
    },
    cores: () => {
      let [idle, all] = [0, 0]
      for (const { times } of cpus()) {
        idle += times.idle
        all += times.user + times.nice + times.sys + times.idle + times.irq
      }
      return { idle, all }
    },
  }),
})

/** Gives a function that gives the share of a core that this thread used over about the last second, from 0 to 1. */
export const usedShare = ({ now, used }: Times): (() => number) => {
  let [share, usedMs, at] = [0, used(), now()]
  return () => {
    const [usedBefore, before] = [usedMs, at]
    usedMs = used()
    at = now()
    if (at > before) {
      const kept = Math.exp((before - at) / USED_OVER_MS)
      share = share * kept + ((usedMs - usedBefore) / (at - before)) * (1 - kept)
    }
    return share
  }
}

/**
 * Gives a function that gives whether the machine has had time to spare for the last second or longer. That is not known, and so
 * not so, unless the function was called then, too. A system that does not tell its times has time.
 */
export const timeToSpare = ({ now, cores }: Times): (() => boolean) => {
  let [since, had] = [Number.NEGATIVE_INFINITY, { idle: 0, all: 0 }]
  let hasTime = false
  return () => {
    const at = now()
    if (at - since < IDLE_OVER_MS.min) return hasTime
    const has = cores()
    const [idle, all] = [has.idle - had.idle, has.all - had.all]
    hasTime = at - since <= IDLE_OVER_MS.max && idle >= all * IDLE_MIN
    ;[since, had] = [at, has]
    return hasTime
  }
}
