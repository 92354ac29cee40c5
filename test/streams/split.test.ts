/**
 * A split: the commands of a process still reach the old primary while its barrier reaches the one that was promoted.
 * Three real servers: the old primary, its replica that is promoted, and the replica of that one.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Exit, Layer, Scope } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { RedisConnections } from "../../src/platform/redis.ts"
import { commandEnqueued } from "../../src/streams/evidence.ts"
import { partitionKeys } from "../../src/streams/partition.ts"
import { HOST, RedisServer } from "../cluster/redis-server.ts"
import { eventually } from "../platform-under-test.ts"
import { type Connections, connectTo } from "../redis-connections.ts"
import { ownPrefix, settings } from "../settings.ts"
import { batchOf, closing, commandId, firstEvents, headAt, news, owning, takeFrom } from "./log-under-test.ts"
import { layer as streamsOnRedis } from "./streams-under-test.ts"
import { type WholeLog, wholeLog } from "./whole-log.ts"

const folder = mkdtempSync(join(tmpdir(), "split-"))
const prefix = ownPrefix()
const keys = partitionKeys(prefix, 0)
const environment = { STREAM_PREFIX: prefix, PARTITIONS: "1", REDIS_REPLICAS: "1" }

const started = new AsyncDisposableStack()
started.defer(() => rmSync(folder, { recursive: true, force: true }))
let old: RedisServer
let promoted: RedisServer
let log: WholeLog
/** What the log's commands go through; its barrier is that of the replica. */
let commands: Connections["commands"]
let barrier: Connections["replicated"]

beforeAll(async () => {
  const start = async (primary?: RedisServer) =>
    started.use(
      await RedisServer.start({
        folder,
        settings: primary === undefined ? {} : { replicaof: `${HOST} ${primary.port}` },
      }),
    )
  old = await start()
  promoted = await start(old)
  await start(promoted)
  const connect = async (server: RedisServer) =>
    started.use(await connectTo({ ...environment, REDIS_URL: server.url }))
  const [toOld, toPromoted] = [await connect(old), await connect(promoted)]
  commands = toOld.commands
  barrier = toPromoted.replicated
  const scope = await Effect.runPromise(Scope.make())
  started.defer(() => Effect.runPromise(Scope.close(scope, Exit.void)))
  const connections = Layer.succeed(RedisConnections, {
    ...toOld,
    replicated: (key, evidence) => (isSplit ? barrier : toOld.replicated)(key, evidence),
  })
  const context = await Effect.runPromise(
    Layer.build(streamsOnRedis.pipe(Layer.provide(connections), Layer.provide(settings(environment)))).pipe(
      Scope.provide(scope),
    ),
  )
  log = wholeLog.pipe(Effect.provide(context), Effect.runSync)
})
afterAll(() => started.disposeAsync())

let isSplit = false
const split = async () => {
  await promoted.ask((redis) => redis.replicaof("NO", "ONE"))
  await eventually("the promoted primary has its replica", async () => {
    const answers = await promoted.ask((redis) => redis.pipeline().set("follows", "").wait(1, 100).exec())
    return answers?.at(1)?.[1] === 1
  })
  isSplit = true
}

/** What a step came to: "done", or why not. */
const outcomeOf = <A, E extends { readonly reason: string } | { readonly _tag: string }>(
  step: Effect.Effect<A, E>,
) =>
  Effect.runPromise(
    Effect.match(step, {
      onFailure: (error) => ("reason" in error ? error.reason : error._tag),
      onSuccess: () => "done",
    }),
  )

const run = Effect.runPromise

describe("in a split", () => {
  const [known, fresh] = [batchOf(1, 1), batchOf(1, 2)]
  const first = commandId()

  it("nothing is told that only the old primary has", async () => {
    expect(await outcomeOf(log.open(known, firstEvents, "open"))).toBe("done")
    expect(await outcomeOf(log.enqueue(known, news(1), first))).toBe("done")
    const owned = owning((await run(takeFrom(log, "w", 4, 1_000))).find(({ batch }) => batch === known))
    const append = async (version: number) =>
      run(
        log.append(owned, {
          expectedVersion: version,
          head: await run(headAt(log, known, version)),
          events: [closing(version)],
          handled: [],
          commandId: `append-${version}`,
          open: true,
        }),
      )
    const before = await append(2)
    expect(await outcomeOf(log.replicated(known, before.version, before.head))).toBe("done")
    const told = await run(log.entries(0, "0-0", 10))
    expect(told.length).toBe(2)

    await split()
    expect(await outcomeOf(log.replicated(known, before.version, before.head))).toBe("done")
    expect(await run(log.entries(0, "0-0", 10))).toEqual(told)
    expect(await outcomeOf(log.open(known, firstEvents, "another")), "the batch is on both").toBe("done")
    expect(await outcomeOf(log.enqueue(known, news(1), first)), "the command is on both").toBe("done")

    expect(await outcomeOf(log.open(fresh, firstEvents, "open"))).toBe("FAILED_OVER")
    expect(await outcomeOf(log.open(fresh, firstEvents, "another")), "it exists on one").toBe("FAILED_OVER")
    expect(await outcomeOf(log.enqueue(known, news(2), commandId()))).toBe("FAILED_OVER")
    const after = await append(3)
    expect(await outcomeOf(log.replicated(known, after.version, after.head))).toBe("log-moved-on")
    expect(await outcomeOf(log.entries(0, "0-0", 10))).toBe("FAILED_OVER")
  })

  it("a command that was enqueued is believed by what it leaves behind, waiting or handled", async () => {
    const told = keys.told(known, "told")
    const isEnqueued = (digest: string) => outcomeOf(barrier(told, commandEnqueued(told, digest)))
    expect(await isEnqueued("digest")).toBe("FAILED_OVER")
    await promoted.ask((redis) => redis.set(told, "digest"))
    expect(await isEnqueued("digest")).toBe("done")
    expect(await isEnqueued("another")).toBe("FAILED_OVER")
    expect(await commands.exists(keys.log(known))).toBe(1)
  })
})
