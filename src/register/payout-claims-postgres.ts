import { Array as Arr, Effect, Layer, Schedule } from "effect"
import type { Sql, TransactionSql } from "postgres"
import { Database } from "../database/database.ts"
import type { BatchId } from "../domain/identifiers.ts"
import { arrayText } from "../platform/postgres-arrays.ts"
import { transaction } from "../platform/postgres-transaction.ts"
import { StoreUnavailable } from "../platform/store-unavailable.ts"
import {
  type Claimed,
  type ClaimedPayout,
  type ClaimTerms,
  type EarlierClaim,
  type PayoutClaim,
  PayoutClaims,
} from "./payout-claims.ts"
import { TurnsByPartner } from "./turns-by-partner.ts"

/** Connections that wait for each other to claim payouts: others need the rest. */
const CLAIMING_MAX = 3
/** How long a claim waits for its turn. Then it takes as long as its statements may. */
const TURN_MS_MAX = 10_000
/** Fingerprints that one statement inserts. */
const INSERTED_MAX = 20_000
/** Pairs of a new and an earlier item that one claim is given. */
const PAIRS_MAX = 300_000
/** Claims, and fingerprints, that one statement forgets. */
const PRUNED_CLAIMS_MAX = 200
const PRUNED_FINGERPRINTS_MAX = 20_000
const PRUNE_EVERY_MS = 3_600_000
/** Statements of one round. */
const PRUNES_MAX = 500
/**
 * A claim stays a day longer than the policy that it was made by looks at it, whatever the settings are later: one that is
 * looked for is surely there.
 */
const KEPT_LONGER_DAYS = 1

/** The register as tables of its own in Postgres. */
export const layer = Layer.effect(
  PayoutClaims,
  Effect.gen(function* () {
    const { query } = yield* Database
    const turns = new TurnsByPartner(CLAIMING_MAX, TURN_MS_MAX)
    const claims = PayoutClaims.of({
      claim: Effect.fn("PayoutClaims.claim")((claim, payouts, terms) =>
        turns.take(
          claim.partner,
          query("claim payouts", (sql) =>
            transaction(sql, "isolation level read committed", (sql) => claimAll(sql, claim, payouts, terms)),
          ),
          noTurn,
        ),
      ),
      look: Effect.fn("PayoutClaims.look")((claim, payouts, days) =>
        turns.take(
          claim.partner,
          query("look for claims on payouts", async (sql) => {
            const compared = payouts.filter(({ compared }) => compared)
            return cutShort(compared.length === 0 ? [] : await earlierClaims(sql, claim, compared, days))
          }),
          noTurn,
        ),
      ),
      opened: Effect.fn("PayoutClaims.opened")(function* (id) {
        yield* query(
          "note an opened batch",
          (sql) => sql`update payout_claims set opened = true where claim = ${id}`,
        )
      }),
      release: Effect.fn("PayoutClaims.release")(function* (id) {
        yield* query("release a claim", (sql) => sql`delete from payout_fingerprints where claim = ${id}`)
      }),
      prune: query("forget old claims", pruneOnce).pipe(Effect.withSpan("PayoutClaims.prune")),
    })
    yield* Effect.forkScoped(pruning(claims))
    return claims
  }),
)

const noTurn = new StoreUnavailable({ store: "postgres", step: "claim payouts", reason: "NO_TURN" })

/**
 * The lock makes claims of one partner take turns: each statement after it sees all claims that were committed before.
 * So `claimed_at` grows with each claim of a partner.
 */
const claimAll = async (
  sql: TransactionSql,
  claim: PayoutClaim,
  payouts: ReadonlyArray<ClaimedPayout>,
  { days, known }: ClaimTerms,
): Promise<Claimed> => {
  const { id, partner, batch, request } = claim
  await sql`select pg_advisory_xact_lock(hashtext(${`payout claims of ${partner}`}))`
  const [made] = await sql<Array<{ readonly at: number; readonly has_known: boolean }>>`
    insert into payout_claims (claim, partner, batch, request, claimed_at, kept_until)
    values (${id}, ${partner}, ${batch}, ${request}, clock_timestamp(),
      clock_timestamp() + make_interval(days => ${days + KEPT_LONGER_DAYS}))
    returning (extract(epoch from claimed_at) * 1000)::float8 as at,
      (${known ?? null}::uuid is null or exists (select from payout_claims where claim = ${known ?? null}::uuid)) as has_known`
  for (const chunk of Arr.chunksOf(payouts, INSERTED_MAX))
    await sql`
      insert into payout_fingerprints (fingerprint, claim, item)
      select decode(fingerprint, 'hex'), ${id}, item from ${rowsOf(sql, chunk)}
      order by fingerprint on conflict do nothing`
  const compared = payouts.filter(({ compared }) => compared)
  const earlier = compared.length === 0 ? [] : await earlierClaims(sql, claim, compared, days)
  return {
    ...cutShort(earlier),
    hasKnown: made?.has_known ?? false,
    claimedAt: Math.round(made?.at ?? 0),
  }
}

const cutShort = (earlier: ReadonlyArray<EarlierClaim>) => ({
  earlier,
  isCutShort: earlier.reduce((sum, { pairs }) => sum + pairs.length, 0) > PAIRS_MAX,
})

interface EarlierRow {
  readonly batch: BatchId
  readonly request: string
  readonly opened: boolean
  readonly age_ms: number
  readonly items: ReadonlyArray<number>
  readonly earlier: ReadonlyArray<number>
}

const earlierClaims = async (
  sql: Sql | TransactionSql,
  { partner, batch }: Pick<PayoutClaim, "partner" | "batch">,
  compared: ReadonlyArray<ClaimedPayout>,
  days: number,
): Promise<ReadonlyArray<EarlierClaim>> => {
  const rows = await sql<Array<EarlierRow>>`
    with pairs as (
      select claim, mine.item as item, payout_fingerprints.item as earlier
      from ${rowsOf(sql, compared)}
      join payout_fingerprints on payout_fingerprints.fingerprint = decode(mine.fingerprint, 'hex')
      join payout_claims using (claim)
      where partner = ${partner} and batch <> ${batch}
        and claimed_at > clock_timestamp() - make_interval(days => ${days})
      limit ${PAIRS_MAX + 1}
    )
    select batch, request, opened, (extract(epoch from clock_timestamp() - claimed_at) * 1000)::float8 as age_ms,
      array_agg(item order by item, earlier) as items, array_agg(earlier order by item, earlier) as earlier
    from pairs join payout_claims using (claim)
    group by claim, batch, request, opened, claimed_at
    order by claimed_at desc`
  return rows.map(({ age_ms, items, earlier, ...row }) => ({
    ...row,
    ageMs: age_ms,
    pairs: items.map((item, index) => [item, earlier[index] ?? 0] as const),
  }))
}

/** Fingerprints are hexadecimal digits, so nothing in them needs quoting. */
const rowsOf = (sql: Sql | TransactionSql, payouts: ReadonlyArray<ClaimedPayout>) => sql`unnest(
  ${arrayText(payouts.map(({ fingerprint }) => fingerprint))}::text[],
  ${arrayText(payouts.map(({ item }) => item))}::int[]
) as mine (fingerprint, item)`

/** Fingerprints first: a claim goes with the statement that finds none of it. Two processes never take the same claims. */
const pruneOnce = async (sql: Sql) => {
  const [row] = await sql<Array<{ readonly pruned: number }>>`
    with old as (
      select claim from payout_claims where kept_until < now()
      order by kept_until limit ${PRUNED_CLAIMS_MAX} for update skip locked
    ), fingerprints as (
      delete from payout_fingerprints where ctid = any(array(
        select ctid from payout_fingerprints where claim in (select claim from old) limit ${PRUNED_FINGERPRINTS_MAX}
      ))
      returning claim
    ), claims as (
      delete from payout_claims where claim in (select claim from old)
        and not exists (select from payout_fingerprints where payout_fingerprints.claim = payout_claims.claim)
      returning claim
    )
    select ((select count(*) from fingerprints) + (select count(*) from claims))::int as pruned`
  return row?.pruned ?? 0
}

const pruning = ({ prune }: PayoutClaims["Service"]) =>
  prune.pipe(
    Effect.repeat({ while: (pruned) => pruned > 0, times: PRUNES_MAX }),
    Effect.catchTag("StoreUnavailable", ({ step, reason }) =>
      Effect.logWarning("old claims on payouts are not forgotten yet", { step, reason }),
    ),
    Effect.repeat(Schedule.spaced(PRUNE_EVERY_MS)),
  )
