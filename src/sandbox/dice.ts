/**
 * Random numbers without a sequence: each depends only on the parts that are given, not on earlier draws. So concurrent
 * requests get the same fate from the same seed, in whatever order they run.
 */
import { createHash } from "node:crypto"

/** Draws the number for one question, such as "errorsAfter": from 0 up to, not including, 1. */
export type Throw = (question: string) => number

/** The number for these parts, from 0 up to, not including, 1. */
export const chanceOf = (...parts: readonly (string | number)[]): number =>
  createHash("sha256").update(JSON.stringify(parts)).digest().readUIntBE(0, 6) / 2 ** 48

export type Latency =
  | { readonly distribution: "constant"; readonly ms: number }
  | { readonly distribution: "uniform"; readonly msMin: number; readonly msMax: number }
  | { readonly distribution: "lognormal"; readonly msMedian: number; readonly msP99: number }

/** The longest latency, whatever the distribution gives. */
export const latencyMsMax = 60_000

/** The distance of the 99th percentile of a normal distribution from its median, in standard deviations. */
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

/** A draw from the standard normal distribution, by the Box–Muller transform. */
const drawNormal = (dice: Throw): number =>
  Math.sqrt(-2 * Math.log(1 - dice("latency"))) * Math.cos(2 * Math.PI * dice("latency-angle"))
