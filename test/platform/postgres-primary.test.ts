/** Pools that are left while their statements still run. The driver is replaced by what notes how it is closed. */
import { assert, it } from "@effect/vitest"
import { Duration, Effect, Exit, Scope } from "effect"
import type { Sql } from "postgres"
import { vi } from "vitest"
import type { ServerPlace } from "../../src/platform/postgres-address.ts"
import { openPrimary, type Pool } from "../../src/platform/postgres-primary.ts"

const [north, south]: [ServerPlace, ServerPlace] = [
  { host: "north", port: 5432 },
  { host: "south", port: 5432 },
]
const HOUR_MS = 3_600_000

/** Servers with the timeline that each says it is on, 0 for a standby; and how their pools were closed, in seconds by host. */
const servers = (timelines: Record<string, number>, statementMsMax: number) => {
  const closed: Array<[host: string, seconds: number]> = []
  const driver = (ask: () => Promise<unknown>, end: (options: { timeout: number }) => void): Sql =>
    Object.assign(ask, { end: async (options: { timeout: number }) => end(options) }) as unknown as Sql
  const opening = {
    statementMsMax,
    statements: ({ host = "" }: ServerPlace) =>
      driver(
        () => assert.fail("nothing is sent"),
        ({ timeout }) => closed.push([host, timeout]),
      ),
    questions: ({ host = "" }: ServerPlace) =>
      driver(
        async () => [{ isReadOnly: false, started: host, waiting: 0, timeline: timelines[host] }],
        () => {},
      ),
  }
  return { closed, opening }
}

/** A statement that ends when its connection does. */
const runsLong = (pool: Pool) => pool.underWay.add(new Promise(() => {}))

it.live(
  "gives statements on a pool with an old error as long as the server lets them run, and no longer",
  () =>
    Effect.gen(function* () {
      const { closed, opening } = servers({ north: 1 }, 100)
      const primary = yield* openPrimary([north], opening)
      const pool = yield* primary.pool
      runsLong(pool)
      primary.leave(pool)
      yield* Effect.sleep(50)
      assert.deepStrictEqual(closed, [])
      yield* Effect.promise(() => vi.waitUntil(() => closed.length > 0))
      assert.deepStrictEqual(closed, [["north", 0]])
    }).pipe(Effect.scoped),
)

it.live("does not wait for them when it closes", () =>
  Effect.gen(function* () {
    const { closed, opening } = servers({ north: 1 }, HOUR_MS)
    const scope = yield* Scope.make()
    const primary = yield* Scope.provide(openPrimary([north], opening), scope)
    const pool = yield* primary.pool
    runsLong(pool)
    primary.leave(pool)
    const [ms] = yield* Effect.timed(Scope.close(scope, Exit.void))
    assert.isBelow(Duration.toMillis(ms), 8_000)
    assert.deepStrictEqual(closed, [["north", 0]])
  }),
)

it.live("fails them at once when another server is the primary, and not while theirs is", () =>
  Effect.gen(function* () {
    const timelines = { north: 1, south: 0 }
    const { closed, opening } = servers(timelines, HOUR_MS)
    const primary = yield* openPrimary([north, south], opening)
    const first = yield* primary.pool
    runsLong(first)
    primary.leave(first)
    const second = yield* primary.pool
    assert.notStrictEqual(second, first)
    yield* Effect.sleep(20)
    assert.deepStrictEqual(closed, [])
    Object.assign(timelines, { north: 1, south: 2 })
    primary.doubt(second, "CONNECTION_CLOSED")
    assert.strictEqual((yield* primary.pool).place, south)
    yield* Effect.promise(() => vi.waitUntil(() => closed.length === 2))
    assert.deepInclude(closed, ["north", 0])
  }).pipe(Effect.scoped),
)

it.live.each([
  ["is a standby", { north: 0, south: 0 }],
  ["is not the only primary", { north: 1, south: 1 }],
])("fails them at once when their server %s", ([, turned]) =>
  Effect.gen(function* () {
    const timelines = { north: 1, south: 0 }
    const { closed, opening } = servers(timelines, HOUR_MS)
    const primary = yield* openPrimary([north, south], opening)
    const pool = yield* primary.pool
    runsLong(pool)
    primary.leave(pool)
    Object.assign(timelines, turned)
    yield* Effect.flip(primary.pool)
    yield* Effect.promise(() => vi.waitUntil(() => closed.length > 0))
    assert.deepStrictEqual(closed, [["north", 0]])
  }).pipe(Effect.scoped),
)
