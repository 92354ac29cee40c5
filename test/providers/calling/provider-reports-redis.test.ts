import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { RedisConnections } from "../../../src/platform/redis.ts"
import { ProviderReports } from "../../../src/providers/calling/provider-reports.ts"
import { layer as reportsOnRedis } from "../../../src/providers/calling/provider-reports-redis.ts"
import { ownPrefix, settings } from "../../settings.ts"

const STREAM_PREFIX = ownPrefix()
const WORKERS = `${STREAM_PREFIX}:{providers}`

const reports = reportsOnRedis.pipe(
  Layer.provideMerge(RedisConnections.layer),
  Layer.provide(settings({ STREAM_PREFIX })),
)

layer(reports, { excludeTestServices: true })("the reports of workers", (it) => {
  it.effect("are forgotten of those that are gone, also of an earlier release, and of no others", () =>
    Effect.gen(function* () {
      const { commands } = yield* RedisConnections
      const { publish, all } = yield* ProviderReports
      const now = Math.floor(Date.now() / 1_000)
      const earlier = (seconds: number) => Number(`${seconds}10`)
      yield* Effect.promise(() =>
        Promise.all([
          commands.zadd(WORKERS, now - 60, "gone"),
          commands.zadd(WORKERS, earlier(now - 60), "gone-earlier"),
          commands.zadd(WORKERS, earlier(now), "earlier"),
        ]),
      )
      const report = { worker: "one", at: now * 1_000, providers: [] }
      yield* publish(report)
      const known = yield* Effect.promise(() => commands.zrevrange(WORKERS, 0, 9))
      assert.deepStrictEqual(known, ["earlier", "one"])
      assert.deepStrictEqual(yield* all, [report])
    }),
  )
})
