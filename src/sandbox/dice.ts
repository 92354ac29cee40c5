/**
 * Chance without a sequence: what falls depends on the words alone, not on what was thrown before. So requests that
 * run side by side, in whatever order, meet what the seed has in store for each.
 */
import { createHash } from "node:crypto"

/** Throws the dice for one question, such as "errorsAfter": a number from 0 up to, not including, 1. */
export type Throw = (question: string) => number

/** The number that these words stand for, from 0 up to, not including, 1. */
export const chanceOf = (...words: readonly (string | number)[]): number =>
  createHash("sha256").update(JSON.stringify(words)).digest().readUIntBE(0, 6) / 2 ** 48

export type Latency =
  | { readonly distribution: "constant"; readonly ms: number }
  | { readonly distribution: "uniform"; readonly msMin: number; readonly msMax: number }
  | { readonly distribution: "lognormal"; readonly msMedian: number; readonly msP99: number }

/** No request is held up longer, whatever the distribution says. */
export const latencyMsMax = 60_000

/** How many standard deviations the 99th percentile of a normal distribution lies above its median. */
const sigmasOfP99 = 2.3263

/** Draws a latency in milliseconds, at most `latencyMsMax`. */
export const drawLatencyMs = (latency: Latency, dice: Throw): number =>
  Math.min(Math.round(drawMs(latency, dice)), latencyMsMax)

const drawMs = (latency: Latency, dice: Throw): number => {
  switch (latency.distribution) {
    case "constant":
      return latency.ms
    case "uniform":
      return latency.msMin + (latency.msMax - latency.msMin) * dice("latency")
    case "lognormal":
      return latency.msMedian * (latency.msP99 / latency.msMedian) ** (drawNormal(dice) / sigmasOfP99)
  }
}

/** A draw from the standard normal distribution, by the transform of Box and Muller. */
const drawNormal = (dice: Throw): number =>
  Math.sqrt(-2 * Math.log(1 - dice("latency"))) * Math.cos(2 * Math.PI * dice("latency-angle"))
