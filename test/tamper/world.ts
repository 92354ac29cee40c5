/**
 * A small world of varied batches in real stores, made by the parts that make it in production: the event store writes logs and feeds, the
 * projector follows, registers are written as by a worker, the archiver archives and unlinks, and heads enter the signed proof tree.
 */
import { ConfigProvider, Context, Effect, Layer, Schedule, Scope } from "effect"
import { layer as archiveInPostgres } from "../../src/archive/archive-store-postgres.ts"
import { archiveRound } from "../../src/archive/archiving.ts"
import { layer as logArchiveInPostgres } from "../../src/archive/log-archive-postgres.ts"
import { layer as storedLogsOnRedis } from "../../src/archive/stored-logs-redis.ts"
import { unlinkRound } from "../../src/archive/unlinking.ts"
import { AppConfig } from "../../src/config.ts"
import { Database } from "../../src/database/database.ts"
import { emptyBatch, isQuiescent } from "../../src/domain/batch.ts"
import type { BatchEvent } from "../../src/domain/events.ts"
import { evolve } from "../../src/domain/evolve.ts"
import { BatchId } from "../../src/domain/identifiers.ts"
import { Postgres } from "../../src/platform/postgres.ts"
import { RedisConnections } from "../../src/platform/redis.ts"
import { projectorLayer } from "../../src/projections/projector.ts"
import { PROJECTION } from "../../src/projections/read-models.ts"
import { layer as readModelsInPostgres } from "../../src/projections/read-models-postgres.ts"
import { enterHeads } from "../../src/proof/entering.ts"
import { newProofKey, signerOf } from "../../src/proof/proof-key.ts"
import { layer as rootsInPostgres } from "../../src/proof/proof-roots-postgres.ts"
import { ProofTree } from "../../src/proof/proof-tree.ts"
import { layer as treeInPostgres } from "../../src/proof/proof-tree-postgres.ts"
import { signRoot } from "../../src/proof/signing.ts"
import { DecisionRegister } from "../../src/register/decision-register.ts"
import { layer as decisionsInPostgres } from "../../src/register/decision-register-postgres.ts"
import { InstructionRegister } from "../../src/register/instruction-register.ts"
import { layer as instructionsInPostgres } from "../../src/register/instruction-register-postgres.ts"
import { CursorStore } from "../../src/streams/cursor-store.ts"
import { layer as cursorsInPostgres } from "../../src/streams/cursor-store-postgres.ts"
import { EventStore } from "../../src/streams/event-store.ts"
import { Feed } from "../../src/streams/feed.ts"
import { chainStart } from "../../src/streams/hash-chain.ts"
import type { Ownership } from "../../src/streams/run-queue.ts"
import { layer as streamsOnRedis } from "../../src/streams/streams-redis.ts"
import { LogEvidence, RecordEvidence } from "../../src/verification/evidence.ts"
import { logEvidence } from "../../src/verification/log-evidence-redis.ts"
import { recordEvidence } from "../../src/verification/record-evidence-postgres.ts"
import { Chance } from "../fuzz/chance.ts"
import { takeFrom } from "../streams/log-under-test.ts"
import { wholeLog } from "../streams/whole-log.ts"
import { type Life, type LifeKind, lifeKinds, liveAs } from "./lives.ts"

export const PARTITIONS = 4

/** Where a batch's log is in the end. */
export type Whereabouts = "redis" | "both" | "archive" | "continued"

export interface WorldBatch extends Life {
  readonly whereabouts: Whereabouts
}

const environmentOf = (redisUrl: string, databaseUrl: string, prefix: string) => ({
  API_KEYS: "acme=acme-key",
  REDIS_URL: redisUrl,
  DATABASE_URL: databaseUrl,
  NATS_URL: "nats://127.0.0.1:9",
  COMPLIANCE_URL: "http://127.0.0.1:9",
  LEDGER_URL: "http://127.0.0.1:9",
  BANKS: "north=http://127.0.0.1:9",
  BANK_ROUTES: "*=north",
  MASTER_KEYS: `test=${Buffer.alloc(32, 7).toString("base64")}`,
  BANK_CALLBACK_SECRET: "north=whsec_dGVzdC1zZWNyZXQtb2YtdGhlLWJhbmstY2FsbGJhY2s=",
  COMPLIANCE_CALLBACK_SECRET: "whsec_dGVzdC1zZWNyZXQtb2YtdGhlLWNvbXBsaWFuY2UtZW5naW5l",
  STREAM_PREFIX: prefix,
  PARTITIONS: String(PARTITIONS),
})

const layersOf = (environment: Readonly<Record<string, string>>) => {
  const foundation = Layer.mergeAll(RedisConnections.layer, Postgres.layer).pipe(
    Layer.provideMerge(
      AppConfig.layer.pipe(Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown(environment)))),
    ),
  )
  const database = Database.layer.pipe(Layer.provideMerge(foundation))
  const streams = streamsOnRedis.pipe(Layer.provideMerge(logArchiveInPostgres), Layer.provideMerge(database))
  return Layer.mergeAll(
    archiveInPostgres,
    storedLogsOnRedis,
    cursorsInPostgres,
    readModelsInPostgres,
    decisionsInPostgres,
    instructionsInPostgres,
    treeInPostgres,
    rootsInPostgres,
  ).pipe(Layer.provideMerge(streams), Layer.fresh)
}

const idOf = (chance: Chance): BatchId =>
  BatchId.make(
    `pb_${Array.from({ length: 22 }, () => "abcdefghijklmnopqrstuvwxyz234567"[chance.below(32)]).join("")}`,
  )

/** Makes the world in stores that hold nothing under the prefix, and in the database. */
export const makeWorld = Effect.fn("makeWorld")(function* (
  place: { readonly redisUrl: string; readonly databaseUrl: string; readonly prefix: string },
  seed: number,
) {
  const scope = yield* Effect.scope
  const services = yield* Layer.build(
    layersOf(environmentOf(place.redisUrl, place.databaseUrl, place.prefix)),
  ).pipe(Scope.provide(scope))
  const lives = livesOf(new Chance(seed, "world"))
  const batches = yield* settle(lives).pipe(Effect.provide(services))
  const redis = Context.get(services, RedisConnections).commands
  const postgres = Context.get(services, Postgres)
  const evidence = Context.make(
    LogEvidence,
    yield* logEvidence({ redis, prefix: place.prefix, partitions: PARTITIONS }),
  ).pipe(Context.add(RecordEvidence, recordEvidence(postgres, PARTITIONS, [PROJECTION])))
  return { ...place, batches, redis, evidence }
})

export type World = Effect.Success<ReturnType<typeof makeWorld>>

/** Four of each kind, of one to some dozen items, and a large one. */
const livesOf = (chance: Chance): ReadonlyArray<Life> => {
  const lives = lifeKinds.flatMap((kind: LifeKind) =>
    Array.from({ length: 4 }, () => liveAs(idOf(chance), kind, 2 + chance.below(10), chance)),
  )
  return [...lives, liveAs(idOf(chance), "settled", 520, chance)]
}

const settle = Effect.fnUntraced(function* (lives: ReadonlyArray<Life>) {
  const log = yield* wholeLog
  for (const { id, story } of lives)
    yield* log.open(id, story.events.slice(0, openingOf(story.events)), `open-${id}`)
  const owned = new Map<string, Ownership>()
  while (owned.size < lives.length)
    for (const one of yield* takeFrom(log, "writer", 64, 100)) owned.set(one.batch, one)
  for (const life of lives) {
    const ownership = owned.get(life.id)
    if (ownership === undefined) throw new Error("the opened batch is scheduled")
    yield* appendTo(ownership, life, openingOf(life.story.events), life.closedAt ?? life.story.events.length)
  }
  yield* followed
  const closed = lives.filter(({ closedAt }) => closedAt !== undefined)
  const archived = closed.filter((_, index) => index % 3 !== 0)
  const unlinked = archived.filter((_, index) => index % 2 === 0)
  yield* archive(archived)
  yield* unlink(unlinked)
  // Those that are returned after they closed go on, wherever their logs are.
  const late = lives.filter(({ closedAt, story }) => (closedAt ?? story.events.length) < story.events.length)
  for (const life of late) yield* goOn(life)
  yield* followed
  const again = late.filter((life, index) => archived.includes(life) && index % 2 === 0)
  yield* archive(again)
  yield* unlink(again.slice(0, 1))
  yield* enterAndSign
  yield* trimFeeds
  const gone = new Set([...unlinked.filter((life) => !late.includes(life)), ...again.slice(0, 1)])
  return lives.map((life): WorldBatch => {
    const inArchive = archived.includes(life)
    const whereabouts = gone.has(life)
      ? "archive"
      : !inArchive
        ? "redis"
        : late.includes(life) && !again.includes(life)
          ? "continued"
          : "both"
    return { ...life, whereabouts }
  })
})

/** Enters what is closed, some at a time, and signs a root each time. A tree without leaves would have no edits, and prove nothing. */
const enterAndSign = Effect.gen(function* () {
  const tree = yield* ProofTree
  const signer = signerOf(newProofKey(), "atlaspay")
  for (;;) {
    const size = yield* tree.takeTurn("writer", 60_000)
    if (size === undefined) throw new Error("nobody else enters heads")
    if ((yield* enterHeads(size, 9)).entered === 0) return
    if ((yield* signRoot(signer)) === undefined) throw new Error("the tree grew, and its root is due")
  }
})

/** A batch is opened with all its items. */
const openingOf = (events: ReadonlyArray<BatchEvent>): number =>
  events.findLastIndex(({ _tag }) => _tag === "ItemsReceived") + 1

/** Appends events as a worker does: some at a time, attempts registered after their intents, and released in the end. */
const appendTo = Effect.fnUntraced(function* (
  owned: Ownership,
  { id, story }: Life,
  from: number,
  to: number,
) {
  const [store, register] = [yield* EventStore, yield* InstructionRegister]
  const batch = emptyBatch()
  for (const event of story.events.slice(0, from)) evolve(batch, event)
  let head = chainStart(id)
  const [last] = yield* store.read(id, from - 1, 1)
  head = last?.hash ?? head
  for (let version = from; version < to; ) {
    const events = story.events.slice(version, Math.min(version + 1 + (version % 5), to))
    for (const event of events) evolve(batch, event)
    const isLast = version + events.length === to
    const handled = isLast ? yield* Effect.map(wholeLog, ({ mail }) => mail(id, 16)).pipe(Effect.flatten) : []
    const appended = yield* store.append(owned, {
      expectedVersion: version,
      head,
      events,
      handled: handled.map(({ id }) => id),
      commandId: `${id}-${version}`,
      open: !isQuiescent(batch),
      release: isLast ? { wakeAt: undefined } : undefined,
    })
    version = appended.version
    head = appended.head
    const attempts = events.flatMap((event) =>
      event._tag === "TransfersRequested"
        ? event.transfers.map(({ item, attempt, bank }) => ({ batch: id, item, attempt, bank }))
        : [],
    )
    yield* register.record(attempts, { batch: id, version, head }, new Set())
  }
  yield* decided(id, story.events, head, to)
})

/** A person's decisions, which the log has answered. */
const decided = Effect.fnUntraced(function* (
  batch: BatchId,
  events: ReadonlyArray<BatchEvent>,
  head: string,
  version: number,
) {
  if (!events.some(({ _tag }) => _tag === "ParkedResolved" || _tag === "ItemsCancelled")) return
  const register = yield* DecisionRegister
  const decision = {
    batch,
    id: `decision-${version}`,
    digest: "0".repeat(64),
    command: {
      _tag: "RecordTransfer",
      at: 1,
      item: 1,
      attempt: 1,
      outcome: { _tag: "NeverSeen", quarantineMs: 0 },
    },
  } as const
  yield* register.keep(decision, undefined)
  yield* register.answered({ batch, version, head }, [decision.id])
})

/** Mail about a closed batch, and a worker that handles it. */
const goOn = Effect.fnUntraced(function* (life: Life) {
  const log = yield* wholeLog
  const at = Date.now()
  yield* log.enqueue(
    life.id,
    { _tag: "RecordTransfer", at, item: 1, attempt: 1, outcome: { _tag: "NeverSeen", quarantineMs: 0 } },
    { id: "late", digest: "", keptMs: 600_000 },
  )
  for (;;) {
    const owned = (yield* takeFrom(log, "writer", 64, 100)).find(({ batch }) => batch === life.id)
    if (owned === undefined) continue
    return yield* appendTo(owned, life, life.closedAt ?? 0, life.story.events.length)
  }
})

const archive = (lives: ReadonlyArray<Life>) =>
  archiveRound({ afterMs: 0, which: { batches: lives.map(({ id }) => id) } })

const unlink = (lives: ReadonlyArray<Life>) =>
  unlinkRound({ afterMs: 0, which: { batches: lives.map(({ id }) => id) } }, [])

const isFollowed = Effect.gen(function* () {
  const feed = yield* Feed
  const positions = yield* (yield* CursorStore).positions(PROJECTION)
  for (let partition = 0; partition < PARTITIONS; partition += 1) {
    const tail = (yield* feed.entries(partition, "0-0", 100_000)).at(-1)?.id
    if (tail !== undefined && positions.get(partition) !== tail) return false
  }
  return true
})

/** A projector follows until it has seen everything. */
const followed = isFollowed.pipe(
  Effect.repeat({ until: (yes) => yes, schedule: Schedule.spaced(20) }),
  Effect.provide(Layer.fresh(projectorLayer)),
)

/** Half of the feeds are trimmed up to their follower, as the service does it. */
const trimFeeds = Effect.gen(function* () {
  const feed = yield* Feed
  for (const [partition, position] of yield* (yield* CursorStore).positions(PROJECTION))
    if (partition % 2 === 0) yield* feed.trim(partition, position)
})
