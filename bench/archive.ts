/**
 * `npm run bench:archive`: what Redis needs while rounds of batches close, without and with an archiver, and what the archive costs.
 * `--json`: one JSON object as the last line. `--rounds N`, `--batches N`: of how many batches each.
 */
import { randomBytes } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { ConfigProvider, Effect, Layer, References } from "effect"
import { archiveLayer } from "../src/app.ts"
import { archiveRound, CLAIMED_MAX } from "../src/archive/archiving.ts"
import { UNLINKED_MAX, unlinkRound } from "../src/archive/unlinking.ts"
import { Database } from "../src/database/database.ts"
import { startStack } from "../src/dev/embedded-stack.ts"
import { BatchId } from "../src/domain/identifiers.ts"
import { RedisConnections } from "../src/platform/redis.ts"
import { EventStore } from "../src/streams/event-store.ts"
import { Feed } from "../src/streams/feed.ts"
import { linked } from "../src/streams/hash-chain.ts"
import { Partitions } from "../src/streams/partitions.ts"
import { RunQueue } from "../src/streams/run-queue.ts"
import { accepted, intent, Story, settled } from "../test/domain/batch-story.ts"

const PAYOUTS = 10
const ROUNDS = 20
const BATCHES = 500
const SEALED_BYTES_PER_PAYOUT = 45

const { values } = parseArgs({
  options: { rounds: { type: "string" }, batches: { type: "string" }, json: { type: "boolean" } },
})
const rounds = Number(values.rounds ?? ROUNDS)
const batches = Number(values.batches ?? BATCHES)

const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
const newBatchId = () =>
  BatchId.make(`pb_${[...randomBytes(22)].map((byte) => ALPHABET[byte % 32]).join("")}`)

/** A batch that settled. Its seals are as random as real ones, which do not compress. */
const settledBatch = () => {
  const seal = `1.${randomBytes(SEALED_BYTES_PER_PAYOUT * PAYOUTS).toString("base64url")}`
  const story = new Story().started(PAYOUTS, { seals: [seal] }).posted("hold")
  for (const item of [...story.batch.tasks.request]) {
    story.tell(intent(item))
    story.hears(item, accepted)
    story.hears(item, settled)
  }
  return story.posted("post").tell({ _tag: "CloseBatch" }) && story.events
}

/** Opens and closes a batch as workers do, and notes that as the projector does. */
const closeOne = Effect.gen(function* () {
  const [store, { parts }, partitions] = [yield* EventStore, yield* RunQueue, yield* Partitions]
  const batch = newBatchId()
  const events = settledBatch()
  const links = linked(batch, events)
  const headAt = (version: number) => links[version - 1]?.hash ?? ""
  yield* store.open(batch, events.slice(0, -1), `open-${batch}`)
  const taken = yield* Effect.forEach(parts, (queue) => queue.take("bench", 1, 0), {
    concurrency: "unbounded",
  })
  for (const owned of taken.flat()) {
    if (owned.batch !== batch) continue
    yield* store.append(owned, {
      expectedVersion: events.length - 1,
      head: headAt(events.length - 1),
      events: events.slice(-1),
      handled: [],
      commandId: `close-${batch}`,
      open: false,
      release: { wakeAt: undefined },
    })
  }
  yield* (yield* Database).query(
    "note a closed batch",
    (sql) => sql`
      insert into closed_batches (batch, partition, version, head, closed_at)
      values (${batch}, ${partitions.of(batch)}, ${events.length}, ${headAt(events.length)}, now())`,
  )
  return { events: events.length, bytes: links.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0) }
})

/** Followers have read everything. */
const trimFeeds = Effect.gen(function* () {
  const [feed, partitions, { commands }] = [yield* Feed, yield* Partitions, yield* RedisConnections]
  for (let partition = 0; partition < partitions.count; partition += 1) {
    const [last] = yield* Effect.promise(() =>
      commands.xrevrange(`ap:{${partition}}:feed`, "+", "-", "COUNT", 1),
    )
    if (last !== undefined) yield* feed.trim(partition, last[0])
  }
})

const memoryMb = Effect.gen(function* () {
  const { onEachPrimary } = yield* RedisConnections
  const [info = ""] = yield* onEachPrimary((primary) => primary.info("memory"))
  return Math.round(Number(/used_memory:(\d+)/.exec(info)?.[1]) / 10_000) / 100
})

const archiveAll = Effect.gen(function* () {
  const now = { afterMs: 0, which: "due" } as const
  const began = performance.now()
  while ((yield* archiveRound(now)).taken === CLAIMED_MAX);
  const archivedMs = performance.now() - began
  while ((yield* unlinkRound(now, [])).taken === UNLINKED_MAX);
  return { archivedMs, unlinkedMs: performance.now() - began - archivedMs }
})

const measure = Effect.fnUntraced(function* (isArchiving: boolean) {
  const memory: Array<number> = []
  let [events, textBytes, archivedMs, unlinkedMs] = [0, 0, 0, 0]
  for (let round = 0; round < rounds; round += 1) {
    for (let n = 0; n < batches; n += 1) {
      const written = yield* closeOne
      events += written.events
      textBytes += written.bytes
    }
    yield* trimFeeds
    if (isArchiving) {
      const spent = yield* archiveAll
      archivedMs += spent.archivedMs
      unlinkedMs += spent.unlinkedMs
    }
    memory.push(yield* memoryMb)
  }
  const [stored] = yield* (yield* Database).query(
    "read the size of the archive",
    (sql) => sql<Array<{ readonly bytes: string; readonly logs: number }>>`
      select coalesce(sum(octet_length(events)), 0)::text as bytes, count(*)::int as logs from archived_chunks`,
  )
  return {
    isArchiving,
    batches: rounds * batches,
    archivedLogs: stored?.logs ?? 0,
    events,
    redisMbAfterEachRound: memory,
    textBytesPerEvent: Math.round(textBytes / events),
    storedBytesPerEvent: Math.round(Number(stored?.bytes) / events),
    archivedPerSecond: isArchiving ? Math.round((events / archivedMs) * 1_000) : 0,
    unlinkedLogsPerSecond: isArchiving ? Math.round(((rounds * batches) / unlinkedMs) * 1_000) : 0,
  }
})

/** One run on servers of its own. */
const run = (isArchiving: boolean) =>
  Effect.scoped(
    Effect.gen(function* () {
      const dataDir = mkdtempSync(join(tmpdir(), "bench-archive-"))
      yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(dataDir, { recursive: true, force: true })))
      const { redisUrl, databaseUrl, natsUrl } = yield* startStack({
        dataDir,
        given: {},
        onProgress: () => {},
      })
      const nowhere = "http://127.0.0.1:9"
      const settings = {
        ...{ REDIS_URL: redisUrl, DATABASE_URL: databaseUrl, NATS_URL: natsUrl, API_KEYS: "acme=acme-key" },
        ...{
          COMPLIANCE_URL: nowhere,
          LEDGER_URL: nowhere,
          BANKS: `north=${nowhere}`,
          BANK_ROUTES: "*=north",
        },
        MASTER_KEYS: `bench=${Buffer.alloc(32, 7).toString("base64")}`,
      }
      const layer = archiveLayer.pipe(
        Layer.provide(ConfigProvider.layer(ConfigProvider.fromEnvRecord(settings))),
        Layer.provideMerge(Layer.succeed(References.MinimumLogLevel, "Warn")),
      )
      return yield* Effect.provide(measure(isArchiving), layer)
    }),
  )

const without = await Effect.runPromise(run(false))
const archiving = await Effect.runPromise(run(true))
for (const one of [without, archiving]) {
  console.log(one.isArchiving ? "\nwith an archiver" : "without an archiver")
  console.log(`  Redis, MB after each round of ${batches} batches: ${one.redisMbAfterEachRound.join(" ")}`)
}
console.log(
  `  ${archiving.events} events in ${archiving.archivedLogs} logs: ${archiving.textBytesPerEvent} bytes of text each, ${archiving.storedBytesPerEvent} in the archive`,
)
console.log(
  `  archived and verified ${archiving.archivedPerSecond} events per second, verified again and unlinked ${archiving.unlinkedLogsPerSecond} logs per second`,
)
if (values.json) console.log(JSON.stringify({ without, archiving }))
