import { setTimeout } from "node:timers/promises"
import { expect, it } from "vitest"
import { sampleLoopDelay } from "../../src/telemetry/loop-delay.ts"

const delays = sampleLoopDelay()

const samplesWithin = async (ms: number, act: () => void = () => {}): Promise<number> => {
  const before = delays.count
  const until = performance.now() + ms
  while (performance.now() < until) {
    act()
    await setTimeout(10)
  }
  return delays.count - before
}

const workFor15Ms = () => {
  const until = performance.now() + 15
  while (performance.now() < until);
}

it("a process at rest is sampled every two seconds, and a busy one more often", async () => {
  await expect.poll(() => samplesWithin(2_500), { timeout: 30_000 }).toBeLessThanOrEqual(2)
  await expect.poll(() => samplesWithin(1_500, workFor15Ms), { timeout: 20_000 }).toBeGreaterThanOrEqual(4)
})
