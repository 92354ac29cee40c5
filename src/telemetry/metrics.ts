/**
 * The metrics of the service, for Prometheus: one table for each area, in the files beside this one. Label values come from closed sets
 * (routes, event types, providers, outcomes), never from a partner, a batch or a message.
 */
import { Context, Effect, Layer } from "effect"
import { Registry } from "prom-client"
import { batchMetrics } from "./batch-metrics.ts"
import { followerMetrics } from "./follower-metrics.ts"
import { httpMetrics } from "./http-metrics.ts"
import { makeDefiner } from "./metric-definition.ts"
import { measureProcess } from "./process-metrics.ts"
import { providerMetrics } from "./provider-metrics.ts"
import { recordMetrics } from "./record-metrics.ts"
import { runtimeMetrics } from "./runtime-metrics.ts"
import { storeMetrics } from "./store-metrics.ts"
import { webhookMetrics } from "./webhook-metrics.ts"

const makeMetrics = () => {
  const registry = new Registry()
  measureProcess(registry)
  const definer = makeDefiner(registry)
  return {
    registry,
    described: definer.described,
    ...runtimeMetrics(definer),
    ...httpMetrics(definer),
    ...batchMetrics(definer),
    ...providerMetrics(definer),
    ...storeMetrics(definer),
    ...followerMetrics(definer),
    ...webhookMetrics(definer),
    ...recordMetrics(definer),
  }
}

export type Metrics = ReturnType<typeof makeMetrics>

/** The metrics of the process. A test that counts provides its own with {@link freshMetrics}. */
export const Metrics = Context.Reference<Metrics>("atlaspay/telemetry/Metrics", { defaultValue: makeMetrics })

/** Metrics with a registry of their own, which also has Node's default metrics. */
export const freshMetrics: Layer.Layer<never> = Layer.effect(Metrics, Effect.sync(makeMetrics))
