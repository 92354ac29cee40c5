/** Redis, Postgres and NATS die and come back while batches are paid: every process goes on by itself, nothing is lost or done twice. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, it } from "vitest"
import { RedisServer } from "../cluster/redis-server.ts"
import { NatsServers } from "./nats-servers.ts"
import { NotifiedPlatform } from "./notified-platform.ts"
import { ReplicatedPostgres } from "./replicated-postgres.ts"

const BATCHES = 2
/** Loading the log then takes seconds, during which Redis answers LOADING. */
const LOAD_DELAY_MICROS = "300"

it("all roles survive each server's death, and that of all at once", { timeout: 900_000 }, async ({
  annotate,
}) => {
  const folder = mkdtempSync(join(tmpdir(), "restarts-"))
  await using stack = new AsyncDisposableStack()
  stack.defer(() => rmSync(folder, { recursive: true, force: true }))
  const redis = stack.use(
    await RedisServer.start({ folder, settings: { "key-load-delay": LOAD_DELAY_MICROS } }),
  )
  const nats = stack.use(await NatsServers.open(1))
  const postgres = stack.use(await ReplicatedPostgres.open("asynchronous"))
  const [events] = nats.servers
  if (events === undefined) throw new Error("there is no server")
  const platform = stack.use(
    await NotifiedPlatform.open({
      REDIS_URL: redis.url,
      NATS_URL: nats.url,
      DATABASE_URL: postgres.primary.url,
    }),
  )

  const restarts = {
    "Redis is killed": async () => {
      await redis.kill()
      await redis.restart()
    },
    "Redis is stopped": async () => {
      await redis[Symbol.asyncDispose]()
      await redis.restart()
    },
    "NATS is killed": async () => {
      await events.kill()
      await events.start()
    },
    "NATS is stopped": async () => {
      await events.stop()
      await events.start()
    },
    "Postgres is killed": async () => {
      await postgres.primary.kill()
      await postgres.primary.start()
    },
    "NATS comes back without its streams": async () => {
      await events.kill()
      events.wipe()
      platform.notified.wasWiped = true
      await events.start()
    },
    "all are killed": async () => {
      await Promise.all([redis.kill(), events.kill(), postgres.primary.kill()])
      await Promise.all([redis.restart(), events.start(), postgres.primary.start()])
    },
  }
  for (const [name, restart] of Object.entries(restarts)) {
    const before = platform.delivered
    await platform.pay(BATCHES)
    await platform.moreIsDelivered(before)
    const since = Date.now()
    await restart()
    await platform.pay(BATCHES)
    await platform.allSettled()
    await annotate(`${name}: all is paid after ${Date.now() - since} ms`)
  }
  expect(await platform.faults()).toEqual([])
})
