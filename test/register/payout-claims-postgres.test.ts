import { assert, it, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import postgres from "postgres"
import { Database } from "../../src/database/database.ts"
import { PayoutClaims } from "../../src/register/payout-claims.ts"
import { layer as claimsInPostgres } from "../../src/register/payout-claims-postgres.ts"
import { databaseLayer, ownDatabase } from "../database.ts"
import { settings } from "../settings.ts"
import {
  claimOf,
  fingerprint,
  newPartner,
  payoutClaimsContract,
  payoutOf,
  terms,
} from "./payout-claims-contract.ts"

/** The register of a process of its own on a database. */
const processOn = (url: string) =>
  Layer.fresh(claimsInPostgres).pipe(
    Layer.provideMerge(Layer.fresh(databaseLayer)),
    Layer.provide(settings({ DATABASE_URL: url })),
  )

const someDatabase = Effect.acquireRelease(
  Effect.promise(() => ownDatabase()),
  ({ drop }) => Effect.promise(() => drop()),
)

const inPostgres = Layer.unwrap(Effect.map(someDatabase, ({ url }) => processOn(url)))

layer(inPostgres)("claims on payouts in Postgres", payoutClaimsContract)

/** A database whose sessions have another level of isolation unless they ask for one. */
const isolatedDatabase = (level: string) =>
  Effect.tap(someDatabase, ({ url }) =>
    Effect.promise(async () => {
      const sql = postgres(url, { max: 1 })
      await sql.unsafe(
        `alter database ${new URL(url).pathname.slice(1)} set default_transaction_isolation = '${level}'`,
      )
      await sql.end()
    }),
  )

it.live.each(["read committed", "repeatable read"])(
  "claims of two processes meet each other, however they come and the database is set: %s",
  (level) =>
    Effect.scoped(
      Effect.gen(function* () {
        const { url } = yield* isolatedDatabase(level)
        const [one, other] = [yield* Layer.build(processOn(url)), yield* Layer.build(processOn(url))]
        for (let times = 0; times < 10; times += 1) {
          const partner = newPartner()
          const payouts = [payoutOf(1, fingerprint())]
          const met = yield* Effect.all(
            [one, other].map((context) =>
              Context.get(context, PayoutClaims).claim(claimOf(partner), payouts, terms),
            ),
            { concurrency: "unbounded" },
          )
          assert.sameMembers(
            met.map(({ earlier }) => earlier.length),
            [0, 1],
          )
        }
      }),
    ),
)

/** Makes a claim as old as so many days. */
const aged = (id: string, days: number) =>
  Effect.flatMap(Database, ({ query }) =>
    query(
      "age a claim",
      (sql) =>
        sql`update payout_claims set claimed_at = claimed_at - make_interval(hours => ${days * 24}),
          kept_until = kept_until - make_interval(hours => ${days * 24}) where claim = ${id}`,
    ),
  )

const counts = Effect.flatMap(Database, ({ query }) =>
  query(
    "count",
    (sql) => sql<Array<{ readonly claims: number; readonly fingerprints: number }>>`
      select (select count(*) from payout_claims)::int as claims,
        (select count(*) from payout_fingerprints)::int as fingerprints`,
  ),
)

layer(inPostgres)("old claims in Postgres", (it) => {
  it.effect("are not met after the days of the policy, and are forgotten a bounded number at a time", () =>
    Effect.gen(function* () {
      const { claim, prune } = yield* PayoutClaims
      const partner = newPartner()
      const text = fingerprint()
      const [old, young] = [claimOf(partner), claimOf(partner)]
      const many = Array.from({ length: 30_000 }, (_, index) => payoutOf(index + 1, fingerprint()))
      yield* claim(old, [payoutOf(1, text), ...many.slice(1)], terms)
      yield* claim(young, [payoutOf(1, text)], terms)
      yield* aged(old.id, 7.5)
      const met = yield* claim(claimOf(partner), [payoutOf(1, text)], terms)
      assert.deepStrictEqual(
        met.earlier.map(({ batch }) => batch),
        [young.batch],
      )
      const longer = yield* claim(claimOf(partner), [payoutOf(1, text)], { ...terms, days: 9 })
      assert.lengthOf(longer.earlier, 3)
      assert.strictEqual(yield* prune, 0, "it may still be looked for as the partner's last claim")
      yield* aged(old.id, 1)
      assert.isBelow(yield* prune, 30_000, "not all at once")
      while ((yield* prune) > 0);
      assert.deepStrictEqual([...(yield* counts)], [{ claims: 3, fingerprints: 3 }])
    }),
  )

  it.effect("are kept as long as the policy looks back that they were made by, whatever others say", () =>
    Effect.gen(function* () {
      const { claim, prune } = yield* PayoutClaims
      const [long, short] = [claimOf(newPartner()), claimOf(newPartner())]
      yield* claim(long, [payoutOf(1, fingerprint())], { ...terms, days: 30 })
      yield* claim(short, [payoutOf(1, fingerprint())], { ...terms, days: 1 })
      for (const { id } of [long, short]) yield* aged(id, 29)
      while ((yield* prune) > 0);
      const isThere = ({ partner, id }: typeof long) =>
        Effect.map(claim(claimOf(partner), [], { ...terms, known: id }), ({ hasKnown }) => hasKnown)
      assert.isTrue(yield* isThere(long), "a setting that is longer again does not find the register older")
      assert.isFalse(yield* isThere(short))
    }),
  )
})
