/** What the service says to a Redis that may forget, on real servers that are set so. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Exit, Layer, Logger } from "effect"
import { Redis } from "ioredis"
import { afterAll, describe, expect, it } from "vitest"
import { RedisConnections } from "../../src/platform/redis.ts"
import { durabilityLayer } from "../../src/platform/redis-durability.ts"
import { RedisServer } from "../cluster/redis-server.ts"
import { settings } from "../settings.ts"

const folder = mkdtempSync(join(tmpdir(), "redis-durability-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const withServer = async (
  serverSettings: Readonly<Record<string, string>>,
  test: (server: RedisServer) => Promise<void>,
) => {
  await using server = await RedisServer.start({ folder, settings: serverSettings })
  await test(server)
}

/** How the check ends, and the lines that it logged. */
const check = async (server: RedisServer, environment: Readonly<Record<string, string>>) => {
  const lines: Array<string> = []
  const logger = Logger.make(({ message, logLevel }) => {
    lines.push(`${logLevel} ${JSON.stringify(message)}`)
  })
  const exit = await Effect.runPromiseExit(
    Effect.scoped(Layer.build(durabilityLayer)).pipe(
      Effect.provide(Layer.fresh(RedisConnections.layer)),
      Effect.provide(settings({ REDIS_URL: server.url, ...environment })),
      Effect.provide(Logger.layer([logger])),
    ),
  )
  return { refused: Exit.isFailure(exit) ? String(exit.cause) : undefined, lines: lines.join("\n") }
}

/** Connections to nobody, for what is said before anybody is asked. */
const unconnected = {
  commands: new Redis({ lazyConnect: true }),
  epoch: () => 0,
  onEachPrimary: () => Effect.succeed([]),
}

const production = { NODE_ENV: "production" }

describe("a Redis", () => {
  it("that keeps what it acknowledges is relied on, and that is said in one line", () =>
    withServer({}, async (server) => {
      const { refused, lines } = await check(server, production)
      expect(refused).toBeUndefined()
      expect(lines.split("\n").length).toBe(1)
      expect(lines).toMatch(/^Info /)
      for (const promise of [server.name, "appendonly yes", "appendfsync always", "noeviction"])
        expect(lines).toContain(promise)
    }))

  it.each([
    [{ appendonly: "no" }, "appendonly no, wanted yes"],
    [{ appendfsync: "everysec" }, "appendfsync everysec, wanted always"],
    [{ "maxmemory-policy": "allkeys-lru" }, "maxmemory-policy allkeys-lru, wanted noeviction"],
  ])("that is set to %o is refused in production, and warned of elsewhere", (weak, complaint) =>
    withServer(weak, async (server) => {
      const vouched = { ...production, DURABILITY_VOUCHED: "true" }
      expect((await check(server, vouched)).refused).toContain(`${server.name} has ${complaint}`)
      const { refused, lines } = await check(server, {})
      expect(refused).toBeUndefined()
      expect(lines).toMatch(/^Warn /m)
    }),
  )

  it("with fewer replicas than are waited for is refused in production", () =>
    withServer({}, async (server) => {
      const { refused } = await check(server, { ...production, REDIS_REPLICAS: "1" })
      expect(refused).toContain(`${server.name} has connected replicas 0, wanted 1`)
    }))

  it("that does not tell its settings needs the operator's word in production", () =>
    withServer({}, async (server) => {
      await server.ask((redis) =>
        redis.acl("SETUSER", "guest", "on", ">canary", "~*", "&*", "+@all", "-config"),
      )
      const asGuest = { ...production, REDIS_URL: `redis://guest:canary@${server.name}` }
      const { refused } = await check(server, asGuest)
      expect(refused).toContain(`${server.name} has appendonly unreadable: CONFIG is not allowed, wanted yes`)
      expect(refused).not.toContain("canary")
      const vouched = await check(server, { ...asGuest, DURABILITY_VOUCHED: "true" })
      expect(vouched.refused).toBeUndefined()
      expect(vouched.lines).toMatch(/^Warn .*unreadable/m)
    }))

  it.each([
    ["redis+cluster://127.0.0.1:1", "the cluster"],
    ["redis+sentinel://127.0.0.1:1/main", "the sentinel"],
  ])(
    "at %s without replicas to wait for is refused in production, whatever is vouched for",
    async (url, server) => {
      const start = (environment: Readonly<Record<string, string>>) =>
        Effect.runPromiseExit(
          Effect.scoped(Layer.build(durabilityLayer)).pipe(
            Effect.provide(Layer.mock(RedisConnections, unconnected)),
            Effect.provide(settings({ REDIS_URL: url, ...environment })),
          ),
        )
      const refused = await start({ ...production, DURABILITY_VOUCHED: "true" })
      expect(String(Exit.isFailure(refused) && refused.cause)).toContain(
        `${server} has REDIS_REPLICAS 0, wanted 1 or more`,
      )
      expect(Exit.isSuccess(await start({ ...production, REDIS_REPLICAS: "1" }))).toBe(true)
      expect(Exit.isSuccess(await start({}))).toBe(true)
    },
  )
})
