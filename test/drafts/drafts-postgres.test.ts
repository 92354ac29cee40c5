/** Drafts in Postgres: what their callers rely on and cannot see through the API. */
import { Effect, Layer } from "effect"
import postgres from "postgres"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type Draft, Drafts } from "../../src/drafts/drafts.ts"
import { layer as draftsInPostgres } from "../../src/drafts/drafts-postgres.ts"
import { databaseLayer, type OwnDatabase, ownDatabase } from "../database.ts"
import { settings } from "../settings.ts"

let database: OwnDatabase
let sql: postgres.Sql
beforeAll(async () => {
  database = await ownDatabase()
  sql = postgres(database.url, { max: 1 })
  // Transactions of others would see only what was there when they began.
  await sql.unsafe(
    `alter database ${new URL(database.url).pathname.slice(1)} set default_transaction_isolation = 'repeatable read'`,
  )
})
afterAll(async () => {
  await sql.end()
  await database.drop()
})

/** Runs with the drafts of a process of its own. */
const run = <A, E>(use: (drafts: Drafts["Service"]) => Effect.Effect<A, E>): Promise<A> =>
  Effect.runPromise(
    Effect.flatMap(Drafts, use).pipe(
      Effect.provide(
        Layer.fresh(draftsInPostgres).pipe(
          Layer.provide(Layer.fresh(databaseLayer)),
          Layer.provide(settings({ DATABASE_URL: database.url, DRAFTS_PER_PARTNER_MAX: "3" })),
        ),
      ),
      Effect.scoped,
    ),
  )

const group = (firstItem: number, itemCount = 1) => ({
  firstItem,
  itemCount,
  bytes: 10 * itemCount,
  sealed: `1.${firstItem}`,
})

const withPage = (drafts: Drafts["Service"], partner: string) =>
  Effect.gen(function* () {
    const draft = yield* drafts.create(partner, {})
    const page = { key: "one", request: "digest", items: [group(1, 2)] }
    yield* drafts.addPage(partner, draft.id, 1, page)
    return yield* drafts.find(partner, draft.id)
  })

const tagOf = <A, E extends { readonly _tag: string }>(step: Effect.Effect<A, E>) =>
  Effect.map(Effect.flip(step), ({ _tag }) => _tag)

describe("processes that come at a time", () => {
  it("add a page once", async () => {
    const [draft] = [await run((drafts) => drafts.create("acme", {}))]
    const page = { key: "one", request: "digest", items: [group(1)] }
    const add = () => run((drafts) => drafts.addPage("acme", draft.id, 1, page))
    const added = await Promise.all([add(), add(), add()])
    expect(added.map(({ version }) => version)).toEqual([2, 2, 2])
    expect(added.filter(({ isRepeated }) => !isRepeated)).toHaveLength(1)
    expect(await run((drafts) => drafts.find("acme", draft.id))).toMatchObject({ itemCount: 1, nextItem: 2 })
  })

  it("do not exceed the limit of a partner's drafts", async () => {
    const create = () => run((drafts) => Effect.result(drafts.create("many", {})))
    const made = await Promise.all([1, 2, 3, 4, 5].map(create))
    expect(made.filter(({ _tag }) => _tag === "Success")).toHaveLength(3)
  })
})

describe("submissions", () => {
  const NOW = 1_000_000
  const begin = (drafts: Drafts["Service"], draft: Draft, id: string, openBy: number, now = NOW) =>
    drafts.beginSubmission(draft.partner, draft.id, draft.version, { id, openBy }, now)
  const stateOf = (drafts: Drafts["Service"], { partner, id }: Draft) =>
    Effect.map(drafts.find(partner, id), ({ state }) => state)

  it("open the draft again when the last of them was refused, or can open nothing any more", () =>
    run((drafts) =>
      Effect.gen(function* () {
        const draft = yield* withPage(drafts, "globex")
        const { id } = draft
        yield* begin(drafts, draft, "a", NOW + 60_000)
        yield* begin(drafts, draft, "b", NOW + 60_000)
        yield* drafts.endSubmission("globex", id, "a", NOW)
        expect(yield* stateOf(drafts, draft)).toBe("submitting")
        // A minute for clocks that differ.
        yield* drafts.endSubmission("globex", id, undefined, NOW + 120_000)
        expect(yield* stateOf(drafts, draft)).toBe("submitting")
        yield* drafts.endSubmission("globex", id, undefined, NOW + 120_001)
        expect(yield* stateOf(drafts, draft)).toBe("open")
        yield* begin(drafts, draft, "c", NOW + 60_000)
        yield* drafts.endSubmission("globex", id, "c", NOW)
        expect(yield* drafts.find("globex", id)).toMatchObject({ state: "open", version: draft.version })
      }),
    ))

  it("of a draft that became a batch change nothing of it any more", () =>
    run((drafts) =>
      Effect.gen(function* () {
        const draft = yield* withPage(drafts, "initech")
        const { partner, id, version } = draft
        yield* drafts.submitted(partner, id, "pb_x" as never)
        expect(yield* stateOf(drafts, draft)).toBe("open")
        yield* begin(drafts, draft, "a", NOW + 60_000)
        yield* begin(drafts, draft, "b", NOW + 60_000)
        yield* drafts.submitted(partner, id, "pb_x" as never)
        yield* drafts.submitted(partner, id, "pb_y" as never)
        yield* drafts.endSubmission(partner, id, "b", NOW + 999_999)
        expect(yield* drafts.find(partner, id)).toMatchObject({ state: "submitted", batch: "pb_x", version })
        expect(yield* drafts.items(id, 0, 10)).toEqual([])
        expect(yield* tagOf(begin(drafts, draft, "c", NOW))).toBe("DraftNotOpen")
        expect(yield* tagOf(drafts.remove(partner, id, version))).toBe("DraftNotOpen")
      }),
    ))

  it("are at most sixteen at a time, without those that died", () =>
    run((drafts) =>
      Effect.gen(function* () {
        const draft = yield* withPage(drafts, "hooli")
        for (let count = 0; count < 16; count += 1) yield* begin(drafts, draft, `a${count}`, NOW)
        expect(yield* tagOf(begin(drafts, draft, "b", NOW))).toBe("DraftLimitReached")
        yield* begin(drafts, draft, "b", NOW + 120_000, NOW + 60_001)
        expect((yield* drafts.find("hooli", draft.id)).attempts).toHaveLength(1)
      }),
    ))
})

it("forgets what has expired, with all that belongs to it, and nothing else", () =>
  run((drafts) =>
    Effect.gen(function* () {
      const [old, kept] = [yield* withPage(drafts, "old"), yield* withPage(drafts, "kept")]
      yield* Effect.promise(
        () => sql`update payout_batch_drafts set expires_at = now() - interval '1 s' where partner = 'old'`,
      )
      expect(yield* drafts.prune).toBeGreaterThan(0)
      while ((yield* drafts.prune) > 0);
      const left = (table: string, id: string) =>
        Effect.promise(
          async () => (await sql.unsafe(`select 1 from ${table} t where t::text like '%${id}%'`)).length,
        )
      const tables = ["payout_batch_drafts", "payout_batch_draft_pages", "payout_batch_draft_items"]
      for (const table of tables)
        expect([table, yield* left(table, old.id), yield* left(table, kept.id)]).toEqual([table, 0, 1])
    }),
  ))
