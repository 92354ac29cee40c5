/**
 * Random examples that are the same in every run: each file that tests properties takes fast-check from here.
 *
 * PROPERTY_SEED explores others: a whole number, or `random` for one that is drawn by each process. A failure names the
 * seed that repeats it.
 */
import { randomInt } from "node:crypto"
import fc from "fast-check"

const DEFAULT_SEED = 20_261_123
/** Fast-check takes whole numbers of 32 bits. */
const SEEDS_MAX = 2 ** 31

/** The seed that a value of PROPERTY_SEED stands for. Throws for what is neither a whole number of 31 bits nor `random`. */
export const seedOf = (value: string | undefined): number => {
  if (value === undefined || value === "") return DEFAULT_SEED
  if (value === "random") return randomInt(SEEDS_MAX)
  const seed = Number(value)
  if (!/^[0-9]+$/.test(value) || seed >= SEEDS_MAX)
    throw new Error(`PROPERTY_SEED is ${JSON.stringify(value)}; expected random, or 0 to ${SEEDS_MAX - 1}`)
  return seed
}

/** The seed of all examples of this process. */
export const seed = seedOf(process.env.PROPERTY_SEED)

/** A message for an assertion about all examples together: what is asserted, and how to repeat it. */
export const ofAllExamples = (what: string): string => `${what} (PROPERTY_SEED=${seed})`

fc.configureGlobal({
  seed,
  reporter: (run) => {
    if (!run.failed) return
    throw new Error(`PROPERTY_SEED=${run.seed} repeats this.\n${fc.defaultReportMessage(run)}`, {
      cause: run.errorInstance,
    })
  },
})

export { fc }
