/** What the gauge of standbys says: how many there are, and nothing where none are wanted or they cannot be seen. */
import { Effect, Layer } from "effect"
import { expect, it } from "vitest"
import { Postgres } from "../../src/platform/postgres.ts"
import { standbyGaugeLayer } from "../../src/platform/standby-gauge.ts"
import { StoreUnavailable } from "../../src/platform/store-unavailable.ts"
import { freshMetrics, Metrics } from "../../src/telemetry/metrics.ts"
import { settings } from "../settings.ts"

type Answer = { readonly standbys: number; readonly hidden: number } | "silent"

/** What the gauge shows once Postgres was asked, or is not going to be, and how many readings failed. */
const shown = (wanted: number, answer: Answer) => {
  let isAsked = false
  const query = () =>
    Effect.suspend(() => {
      isAsked = true
      return answer === "silent"
        ? Effect.fail(new StoreUnavailable({ store: "postgres", step: "count", reason: "silent" }))
        : Effect.succeed([answer])
    })
  return Effect.gen(function* () {
    yield* Layer.build(standbyGaugeLayer)
    while (wanted > 0 && !isAsked) yield* Effect.sleep(1)
    const { postgresStandbys, readingFailures } = yield* Metrics
    const { values } = yield* Effect.promise(() => postgresStandbys.get())
    const failures = yield* Effect.promise(() => readingFailures.get())
    return { standbys: values.map(({ value }) => value), failed: failures.values.map(({ value }) => value) }
  }).pipe(
    Effect.scoped,
    Effect.provide(Layer.succeed(Postgres, { query: query as unknown as Postgres["Service"]["query"] })),
    Effect.provide(settings({ DATABASE_STANDBYS: String(wanted) })),
    Effect.provide(freshMetrics),
    Effect.runPromise,
  )
}

it("shows how many are connected, also if none is", async () => {
  expect(await shown(2, { standbys: 1, hidden: 0 })).toEqual({ standbys: [1], failed: [0] })
  expect((await shown(2, { standbys: 0, hidden: 0 })).standbys).toEqual([0])
})

it("shows nothing if none are wanted, or if we may not see them", async () => {
  expect(await shown(0, { standbys: 1, hidden: 0 })).toEqual({ standbys: [], failed: [] })
  expect((await shown(1, { standbys: 0, hidden: 1 })).standbys).toEqual([])
})

it("shows nothing if Postgres does not answer, and counts that", async () => {
  expect(await shown(1, "silent")).toEqual({ standbys: [], failed: [1] })
})
