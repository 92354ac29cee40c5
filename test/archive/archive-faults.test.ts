/** A connection to Postgres may end before or after any statement of the archiver; nothing is lost, and nothing is stored twice. */
import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import postgres from "postgres"
import { layer as archiveInPostgres } from "../../src/archive/archive-store-postgres.ts"
import { archiveRound } from "../../src/archive/archiving.ts"
import { compareCounts } from "../../src/archive/count-comparison.ts"
import { layer as logArchiveInPostgres } from "../../src/archive/log-archive-postgres.ts"
import { unlinkRound } from "../../src/archive/unlinking.ts"
import { AppConfig } from "../../src/config.ts"
import { Database } from "../../src/database/database.ts"
import type { BatchId } from "../../src/domain/identifiers.ts"
import { StoreUnavailable } from "../../src/platform/store-unavailable.ts"
import { LogArchive } from "../../src/streams/log-archive.ts"
import { rowsOf } from "../projections/read-model-stack.ts"
import { wholeLog } from "../streams/whole-log.ts"
import {
  archiveStack,
  comesBack,
  goesOn,
  inRedis,
  settledStory,
  standingOf,
  written,
} from "./archive-stack.ts"

type Fault = "not sent" | "answer lost" | "connections terminated" | "terminated while it runs"

const only = (batch: BatchId) => ({ afterMs: 0, which: { batches: [batch] } })

/** The archive over a database of which the n-th statement meets a fault. */
const faultyAt = Effect.fnUntraced(function* (fault: Fault, nth: number) {
  const { query } = yield* Database
  const url = Redacted.value((yield* AppConfig).postgres.url)
  let statements = 0
  const faulty = Database.of({
    query: (step, run) =>
      Effect.suspend(() => {
        statements += 1
        if (statements !== nth) return query(step, run)
        const failure = new StoreUnavailable({ store: "postgres", step, reason: "ECONNRESET" })
        if (fault === "not sent") return Effect.fail(failure)
        if (fault === "answer lost") return Effect.andThen(query(step, run), Effect.fail(failure))
        if (fault === "terminated while it runs")
          return Effect.acquireUseRelease(
            Effect.promise(() => holdUp(url)),
            ({ endOne }) => Effect.andThen(Effect.forkChild(Effect.promise(endOne)), query(step, run)),
            ({ release }) => Effect.promise(release),
          )
        return Effect.andThen(
          Effect.promise(() => terminateAll(url)),
          query(step, run),
        )
      }),
  })
  const isMet = () => statements >= nth
  const archive = Layer.merge(archiveInPostgres, logArchiveInPostgres).pipe(
    Layer.fresh,
    Layer.provide(Layer.succeed(Database, faulty)),
  )
  return { archive, isMet }
})

/** Ends all connections to a database. */
const terminateAll = async (url: string) => {
  const sql = postgres(url, { max: 1 })
  await sql`
    select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid()`
  await sql.end()
}

/**
 * Keeps statements of others from coming to their end. `endOne` waits for one of them, ends its connection, and lets the next ones go
 * on, as a restart of Postgres does in the middle of a statement.
 */
const holdUp = async (url: string) => {
  const sql = postgres(url, { max: 1 })
  await sql`begin`
  await sql`lock table archived_logs, closed_batches in access exclusive mode`
  const terminateWaiting = () => sql`
    select pg_terminate_backend(pid) from pg_locks where not granted and locktype = 'relation'
      and database = (select oid from pg_database where datname = current_database())`
  const endOne = async () => {
    while ((await terminateWaiting()).length === 0) await sql`select pg_sleep(0.01)`
    await sql`rollback`
  }
  return { endOne, release: () => sql.end() }
}

const tried = <A, R>(step: Effect.Effect<A, StoreUnavailable, R>) =>
  Effect.catchTag(step, "StoreUnavailable", () => Effect.void)

layer(archiveStack, { excludeTestServices: true })("an archiver whose connection ends", (it) => {
  it.effect.each(["not sent", "answer lost", "connections terminated", "terminated while it runs"] as const)(
    "at any statement: %s",
    (fault) =>
      Effect.gen(function* () {
        const log = yield* wholeLog
        let nth = 0
        for (let isMet = true; isMet; ) {
          nth += 1
          const story = settledStory(1)
          const tail = yield* written(story)
          const { batch } = tail
          yield* archiveRound(only(batch))
          yield* unlinkRound(only(batch), [])
          const more = yield* goesOn(tail, comesBack(story))
          const whole = yield* inRedis(batch)
          const faulty = yield* faultyAt(fault, nth)
          yield* tried(archiveRound(only(batch))).pipe(Effect.provide(faulty.archive))
          yield* tried(unlinkRound(only(batch), [])).pipe(Effect.provide(faulty.archive))
          isMet = faulty.isMet()
          assert.isTrue(
            (yield* inRedis(batch)).length > 0 ||
              (yield* (yield* LogArchive).find(batch))?.version === more.version,
            "the whole log is somewhere",
          )
          yield* archiveRound(only(batch))
          yield* unlinkRound(only(batch), [])
          assert.deepStrictEqual(yield* (yield* LogArchive).entries(batch, 0, 1_000), whole)
          const chunks = yield* rowsOf(
            (sql) => sql`select after, version from archived_chunks where batch = ${batch} order by after`,
          )
          assert.deepStrictEqual(
            [...chunks],
            [
              { after: 0, version: tail.version },
              { after: tail.version, version: more.version },
            ],
          )
          assert.deepInclude(yield* standingOf(batch), { archived_version: more.version, unlinked: true })
          assert.deepStrictEqual(yield* inRedis(batch), [])
          assert.strictEqual((yield* log.read(batch, 0, 1_000, batch)).length, more.version)
        }
        assert.deepStrictEqual(yield* compareCounts(), [])
        assert.isAtLeast(nth, 8, "each statement met the fault once")
      }),
  )
})
