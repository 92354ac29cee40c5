import { Effect, Layer } from "effect"
import { Redis } from "ioredis"
import { describe, expect, it } from "vitest"
import { LateChecks } from "../src/http/operations/late-checks.ts"
import { ReadinessChecks } from "../src/http/operations/operations.ts"
import { Postgres } from "../src/platform/postgres.ts"
import { RedisConnections } from "../src/platform/redis.ts"
import { readinessLayer, startedLayer } from "../src/readiness.ts"
import type { Role } from "../src/service-roles.ts"

const stores = Layer.mergeAll(
  Layer.mock(RedisConnections, {
    // Never connects.
    commands: new Redis({ lazyConnect: true }),
    epoch: () => 0,
    onEachPrimary: () => Effect.succeed([]),
  }),
  Layer.mock(Postgres, { query: () => Effect.die("not asked here") }),
  LateChecks.layer,
)

const checksOf = (roles: ReadonlyArray<Role>) =>
  Effect.runPromise(Effect.provide(ReadinessChecks, readinessLayer(roles).pipe(Layer.provide(stores))))

const requiredOf = async (...roles: ReadonlyArray<Role>) =>
  (await checksOf(roles)).filter(({ required }) => required).map(({ name }) => name)
const namesOf = async (...roles: ReadonlyArray<Role>) => (await checksOf(roles)).map(({ name }) => name)

describe("what a process needs to be ready", () => {
  it("is Redis alone with the API, whatever other roles it has", async () => {
    expect(await requiredOf("api")).toEqual(["start", "redis"])
    expect(await requiredOf("webhooks", "api", "worker")).toEqual(["start", "redis"])
    expect(await namesOf("api", "publisher")).toEqual(["start", "redis", "postgres", "nats", "paying"])
  })

  it("is what all of its roles need without the API", async () => {
    expect(await requiredOf("worker")).toEqual(["start", "redis", "postgres"])
    expect(await requiredOf("webhooks")).toEqual(["start", "redis", "postgres", "nats"])
    expect(await requiredOf("worker", "publisher")).toEqual(["start", "redis", "postgres"])
  })

  it("is not asked of NATS, or whether anybody is paid, where no role cares", async () => {
    expect(await namesOf("projector")).toEqual(["start", "redis", "postgres"])
  })
})

describe("the start of a process", () => {
  /** How the first check answers before and after roles have started. */
  const life = (roles: ReadonlyArray<Role>, started: ReadonlyArray<Role>) =>
    Effect.gen(function* () {
      const [start] = yield* ReadinessChecks
      const isReady = Effect.matchEffect(start?.check ?? Effect.void, {
        onFailure: () => Effect.succeed(false),
        onSuccess: () => Effect.succeed(true),
      })
      const before = yield* isReady
      const layers = started.map(startedLayer).reduce((all, one) => Layer.merge(all, one))
      const during = yield* Effect.scoped(Effect.andThen(Layer.build(layers), isReady))
      return { before, during }
    }).pipe(Effect.provide(readinessLayer(roles).pipe(Layer.provideMerge(stores))), Effect.runPromise)

  it("is over when its roles have started, and it is not ready before", async () => {
    expect(await life(["worker"], ["worker"])).toEqual({ before: false, during: true })
    expect(await life(["worker", "projector"], ["worker"])).toMatchObject({ during: false })
  })

  it("is over with the API for a process that has it", async () => {
    expect(await life(["api", "publisher"], ["api"])).toMatchObject({ before: false, during: true })
    expect(await life(["api", "publisher"], ["publisher"])).toMatchObject({ during: false })
  })
})
