/** The log on Redis, the tree on Postgres, and roots on NATS and in a file, each of the test file's own. */
import { randomBytes, randomUUID } from "node:crypto"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Context, Effect, Layer } from "effect"
import type { Sql } from "postgres"
import { AppConfig } from "../../src/config.ts"
import type { BatchEvent } from "../../src/domain/events.ts"
import type { BatchId } from "../../src/domain/identifiers.ts"
import { Nats } from "../../src/platform/nats.ts"
import { Postgres } from "../../src/platform/postgres.ts"
import { RedisConnections } from "../../src/platform/redis.ts"
import { proofRound } from "../../src/proof/proof-keeper.ts"
import { signerOf } from "../../src/proof/proof-key.ts"
import { layer as rootsInPostgres } from "../../src/proof/proof-roots-postgres.ts"
import { layer as treeInPostgres } from "../../src/proof/proof-tree-postgres.ts"
import { PublishedRoots } from "../../src/proof/published-roots.ts"
import { makeRootsFile } from "../../src/proof/roots-file.ts"
import { makeRootsStream } from "../../src/proof/roots-stream-nats.ts"
import { databaseLayer, ownDatabase } from "../database.ts"
import { lifeOf, live, newBatchId } from "../projections/batch-life.ts"
import { ownPrefix, settings } from "../settings.ts"
import { firstEvents } from "../streams/log-under-test.ts"
import { layer as streamsOnRedis } from "../streams/streams-under-test.ts"
import { wholeLog } from "../streams/whole-log.ts"

export const ORIGIN = "atlaspay.test/proof"
/** Keys for tests; they are nobody's. */
export const proofKey = `prsk_${Buffer.alloc(32, 9).toString("base64")}`
export const signer = signerOf(proofKey, ORIGIN)
export const otherSigner = signerOf(`prsk_${Buffer.alloc(32, 10).toString("base64")}`, ORIGIN)

/** Where the file of roots is. */
export const rootsFile = Effect.map(AppConfig, ({ proof }) =>
  proof.rootsFile._tag === "Some" ? proof.rootsFile.value : "",
)

/** The settings of the stack, for processes that work on it. */
export class ProofEnvironment extends Context.Service<ProofEnvironment, Readonly<Record<string, string>>>()(
  "atlaspay/test/proof/ProofEnvironment",
) {}

export const proofStack = Layer.unwrap(
  Effect.gen(function* () {
    const database = yield* Effect.acquireRelease(
      Effect.promise(() => ownDatabase()),
      ({ drop }) => Effect.promise(drop),
    )
    const folder = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "roots-"))),
      (path) => Effect.sync(() => rmSync(path, { recursive: true })),
    )
    const environment = {
      PARTITIONS: "1",
      DATABASE_URL: database.url,
      STREAM_PREFIX: ownPrefix(),
      NATS_STREAM: `T${randomUUID().slice(0, 8)}`,
      PROOF_ORIGIN: ORIGIN,
      PROOF_SIGNING_KEY: proofKey,
      PROOF_ROOTS_FILE: join(folder, "roots.ndjson"),
      PROOF_EVERY_MS: "200",
    }
    const places = Layer.effect(
      PublishedRoots,
      Effect.gen(function* () {
        return [yield* makeRootsStream, makeRootsFile(yield* rootsFile)]
      }),
    )
    return Layer.mergeAll(
      streamsOnRedis.pipe(Layer.provide(RedisConnections.layer)),
      Layer.mergeAll(treeInPostgres, rootsInPostgres).pipe(Layer.provideMerge(databaseLayer)),
      places.pipe(Layer.provideMerge(Nats.layer)),
      Layer.succeed(ProofEnvironment, environment),
    ).pipe(Layer.provideMerge(settings(environment)))
  }),
)

export const sqlOf = Effect.fnUntraced(function* <Row>(
  statement: (sql: Sql) => PromiseLike<ReadonlyArray<Row>>,
) {
  return yield* (yield* Postgres).query("look", statement)
})

/** Marks a batch as closed with what its log has, as the projector would; or with another head. */
export const closed = Effect.fnUntraced(function* (
  batch: BatchId,
  wrong: { version?: number; head?: string } = {},
) {
  const events = yield* (yield* wholeLog).read(batch, 0, 10_000)
  const version = wrong.version ?? events.length
  const head = wrong.head ?? events[version - 1]?.hash ?? ""
  yield* sqlOf(
    (sql) => sql`
      insert into closed_batches (batch, partition, version, head, closed_at) values (${batch}, 0, ${version}, ${head}, now())
      on conflict (batch) do update set version = excluded.version, head = excluded.head`,
  )
  return { batch, version, head }
})

/** A batch that lived and is closed. */
export const closedLife = Effect.fnUntraced(function* (items = 8) {
  const batch = yield* live(lifeOf("acme", items))
  yield* closed(batch)
  return batch
})

/** A batch of two events, which is cheap, and closed by the word of the read models. */
export const shortClosed = Effect.gen(function* () {
  const batch = newBatchId()
  yield* (yield* wholeLog).open(batch, firstEvents as ReadonlyArray<BatchEvent>, `open-${batch}`)
  yield* closed(batch)
  return batch
})

const endTurn = sqlOf((sql) => sql`update proof_tree set held_until = null`)

/** A round of the keeper in a process of its own name, which leaves the turn to others. */
export const round = (by = signer, holder: string = randomBytes(4).toString("hex")) =>
  endTurn.pipe(Effect.andThen(proofRound(by, holder)), Effect.tap(endTurn))

/** The leaves as they are stored. */
export const leaves = sqlOf(
  (sql) => sql<
    Array<{ position: number; batch: BatchId; version: number; head: string; events_root: Buffer }>
  >`
    select position::int as position, batch, version, head, events_root from proof_leaves order by position`,
)
