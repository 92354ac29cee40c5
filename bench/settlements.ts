/** How long accepted batches take until they are settled, by the read models. */
import { Effect, type Scope } from "effect"
import postgres from "postgres"

export interface Settlements {
  readonly settled: number
  /** Of the settled batches, from acceptance to the end of the last item, by the times in the log. */
  readonly avgMs: number | undefined
}

/** The settlements of the batches whose idempotency keys begin with a prefix. */
export type SettlementsOf = (keyPrefix: string) => Effect.Effect<Settlements>

const POLL_MS = 250

/** A separate connection to the read models, which closes with the scope. */
export const openSettlements = Effect.fn("openSettlements")(function* (
  databaseUrl: string,
): Effect.fn.Return<SettlementsOf, never, Scope.Scope> {
  const sql = yield* Effect.acquireRelease(
    Effect.sync(() => postgres(databaseUrl, { max: 1 })),
    (sql) => Effect.promise(() => sql.end()),
  )
  return (keyPrefix) =>
    Effect.promise(async () => {
      const [row] = await sql<Array<{ settled: number; avgMs: number | null }>>`
        select
          (count(*) filter (where state = 'settled'))::int as settled,
          (avg(extract(epoch from closed_at - received_at) * 1000) filter (where state = 'settled'))::float8
            as "avgMs"
        from payout_batches where starts_with(idempotency_key, ${keyPrefix})`
      return { settled: row?.settled ?? 0, avgMs: row?.avgMs ?? undefined }
    })
})

/** Waits until `count` batches are settled, but no longer than `withinMs`; returns what it saw last. */
export const awaitSettled = Effect.fn("awaitSettled")(function* (
  look: Effect.Effect<Settlements>,
  count: number,
  withinMs: number,
) {
  const until = Date.now() + withinMs
  let seen = yield* look
  while (seen.settled < count && Date.now() < until) {
    yield* Effect.sleep(POLL_MS)
    seen = yield* look
  }
  return seen
})
