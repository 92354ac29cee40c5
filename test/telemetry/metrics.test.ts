import { setTimeout } from "node:timers/promises"
import { Effect } from "effect"
import { expect, it } from "vitest"
import { freshMetrics, Metrics } from "../../src/telemetry/metrics.ts"

const metrics = () => Effect.runPromise(Metrics.pipe(Effect.provide(freshMetrics)))

it("shows what was counted, and the process's own metrics", async () => {
  const { registry, eventsAppended, providerCallSeconds } = await metrics()
  eventsAppended.inc({ type: "BatchReceived" }, 2)
  providerCallSeconds.observe({ provider: "north", step: "transfer" }, 0.02)
  const text = await registry.metrics()
  expect(text).toContain('atlaspay_events_appended_total{type="BatchReceived"} 2')
  expect(text).toContain(
    'atlaspay_provider_call_seconds_bucket{le="0.025",provider="north",step="transfer"} 1',
  )
  expect(text).toContain("process_cpu_seconds_total")
})

it("shows how late the event loop was since the last reading, and 0 if it never was", async () => {
  const { registry } = await metrics()
  const figure = async (name: string) => {
    const text = await registry.metrics()
    return Number(new RegExp(`^nodejs_eventloop_lag_${name}_seconds (.+)$`, "m").exec(text)?.[1])
  }
  const afterSamples = async (name: string) => {
    await setTimeout(250)
    return await figure(name)
  }
  const maxOfBlocked = async () => {
    const until = performance.now() + 300
    while (performance.now() < until);
    return await afterSamples("max")
  }
  await expect.poll(maxOfBlocked, { timeout: 10_000 }).toBeGreaterThan(0.15)
  await expect.poll(() => afterSamples("min"), { timeout: 10_000 }).toBeLessThan(0.009)
})

it("has a registry of its own in each layer", async () => {
  const [one, other] = [await metrics(), await metrics()]
  one.activeBatches.set(7)
  expect(await other.registry.getSingleMetricAsString("atlaspay_active_batches")).not.toContain("7")
})

it("refuses a label that is not in the table", async () => {
  const { webhookDeliveries } = await metrics()
  expect(() => webhookDeliveries.inc({ partner: "acme" } as never)).toThrow()
})
