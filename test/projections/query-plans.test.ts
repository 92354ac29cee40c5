/**
 * No query of the read models reads a table from its begin, whatever it filters by: the plan of every statement that it sends is read,
 * over a million items in the long run.
 */
import { Effect, Layer } from "effect"
import postgres from "postgres"
import { afterAll, assert, beforeAll, describe, it } from "vitest"
import { Database } from "../../src/database/database.ts"
import { BatchId, PartnerId, transferReference } from "../../src/domain/identifiers.ts"
import { uetrOf } from "../../src/domain/uetr.ts"
import { BatchQueries } from "../../src/projections/batch-queries.ts"
import { layer as queriesOnPostgres } from "../../src/projections/batch-queries-postgres.ts"
import { ReportQueries } from "../../src/projections/report-queries.ts"
import { layer as reportsOnPostgres } from "../../src/projections/report-queries-postgres.ts"
import type { ItemSearch } from "../../src/projections/search-filter.ts"
import { waitingItems } from "../../src/projections/waiting-items-postgres.ts"
import { type OwnDatabase, ownDatabase } from "../database.ts"
import { lengthOf } from "../length.ts"
import { batchNumbered, fillTables, ITEMS_PER_BATCH, PARTNERS } from "./many-items.ts"

const BATCHES = lengthOf({ full: 1_000_000, short: 100_000 }) / ITEMS_PER_BATCH
/** The pages of 8 KB that one statement may read that an index leads to what is wanted, however many items there are. */
const PAGES_MAX = 2_500
/** Those of a step of a walk through the batches that finds nothing: some twenty for each batch, of 2,048 at most. */
const WALK_PAGES_MAX = 45_000

interface Sent {
  readonly text: string
  readonly parameters: ReadonlyArray<never>
  /** Whether its transaction keeps the planner from reading tables from their begin. */
  readonly isKept: boolean
}

interface Plan {
  readonly "Node Type": string
  readonly "Relation Name"?: string
  readonly "Index Name"?: string
  readonly "Index Cond"?: string
  readonly "Shared Hit Blocks": number
  readonly "Shared Read Blocks": number
  readonly Plans?: ReadonlyArray<Plan>
}

let database: OwnDatabase
let sql: postgres.Sql
let plain: postgres.Sql
let sent: Array<Sent> = []

beforeAll(async () => {
  database = await ownDatabase()
  const kept = new Set<number>()
  sql = postgres(database.url, {
    max: 4,
    onnotice: () => {},
    debug: (connection, text, parameters) => {
      if (/^\s*set local enable_seqscan = off/.test(text)) kept.add(connection)
      else if (/^\s*(commit|rollback)/i.test(text)) kept.delete(connection)
      else if (/^\s*(select|with)\b/.test(text) && text.includes("payout_"))
        sent.push({ text, parameters: [...parameters] as never, isKept: kept.has(connection) })
    },
  })
  plain = postgres(database.url, { max: 1, onnotice: () => {} })
  await fillTables(plain, BATCHES)
}, 120_000)

afterAll(async () => {
  await sql.end()
  await plain.end()
  await database.drop()
})

/** The statements that some queries send. */
const sentBy = async (
  ask: (
    queries: BatchQueries["Service"],
    reports: ReportQueries["Service"],
  ) => Effect.Effect<unknown, unknown>,
): Promise<ReadonlyArray<Sent>> => {
  sent = []
  const service = Layer.succeed(Database, {
    query: (_, run) => Effect.promise(async () => await run(sql)),
  } as Database["Service"])
  const stack = Layer.mergeAll(queriesOnPostgres, reportsOnPostgres).pipe(Layer.provide(service))
  const asked = Effect.gen(function* () {
    yield* ask(yield* BatchQueries, yield* ReportQueries)
  })
  await Effect.runPromise(asked.pipe(Effect.provide(stack)) as Effect.Effect<void>)
  return sent
}

const planOf = ({ text, parameters, isKept }: Sent): Promise<Plan> =>
  plain.begin(async (sql) => {
    if (isKept) await sql.unsafe("set local enable_seqscan = off")
    const [row] = await sql.unsafe<Array<Record<string, ReadonlyArray<{ Plan: Plan }>>>>(
      `explain (analyze, buffers, format json) ${text}`,
      [...parameters],
    )
    const plan = row?.["QUERY PLAN"]?.[0]?.Plan
    if (plan === undefined) throw new Error("no plan")
    return plan
  }) as Promise<Plan>

const nodesOf = (plan: Plan): ReadonlyArray<Plan> => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)]

const assertIndexed = async (
  name: string,
  statements: ReadonlyArray<Sent>,
  pagesMax = PAGES_MAX,
): Promise<void> => {
  assert.isNotEmpty(statements, name)
  for (const statement of statements) {
    const plan = await planOf(statement)
    const read = nodesOf(plan).filter(
      (node) => node["Node Type"].includes("Seq Scan") && node["Relation Name"],
    )
    assert.deepStrictEqual(
      read.map((node) => node["Relation Name"]),
      [],
      `${name}: ${statement.text}`,
    )
    // An index that is read from its begin is no better.
    for (const node of nodesOf(plan))
      if (node["Index Name"] === "payout_items_pkey")
        assert.match(node["Index Cond"] ?? "", /\bbatch = /, name)
    const pages = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    assert.isBelow(pages, pagesMax, `${name}: ${statement.text}`)
  }
}

const partner = PartnerId.make("partner-10")
const id = BatchId.make(batchNumbered(10))
/** An item of a batch of the partner's. */
const number = 30 * ITEMS_PER_BATCH + 5
const lastFour = String((number * 7919) % 10_000).padStart(4, "0")
const minor = BigInt(((number * 104_729) % 5_000_000) + 1)
const exact = { currency: "EUR", from: minor, to: minor }

const othersTransfer = transferReference({ batch: BatchId.make(batchNumbered(11)), item: 5, attempt: 1 })
const nobodysTransfer = transferReference({
  batch: BatchId.make("pb_qqqqqqqqqqqqqqqqqqqqqq"),
  item: 5,
  attempt: 1,
})

const searches: ReadonlyArray<readonly [name: string, search: ItemSearch, found: number | undefined]> = [
  ["all", {}, undefined],
  ["reference", { reference: `order-${number}` }, 1],
  ["last four", { lastFour }, undefined],
  ["last two", { lastFour: lastFour.slice(2) }, undefined],
  ["amount", { currency: "EUR", amount: exact }, undefined],
  ["amounts", { currency: "EUR", amount: { ...exact, to: minor + 5n } }, undefined],
  ["transfer of a bank", { providerReference: `north-${number}` }, 1],
  ["transfer of an earlier attempt", { providerReference: `south-${number}` }, 1],
  ["no transfer", { providerReference: "nothing" }, 0],
  ["our transfer", { providerReference: transferReference({ batch: id, item: 5, attempt: 1 }) }, undefined],
  ["our transfer, of another partner", { providerReference: othersTransfer }, 0],
  ["our transfer, of nobody", { providerReference: uetrOf(nobodysTransfer) ?? "" }, 0],
  ["failure code", { failureCode: "AC04" }, undefined],
  ["a code that nobody has", { failureCode: "XX99" }, 0],
  ["state", { state: ["returned"] }, undefined],
  ["a state that nobody has", { state: ["parked"] }, 0],
  ["amount and account", { amount: exact, lastFour }, 1],
  [
    "all together",
    { amount: exact, lastFour, reference: `order-${number}`, state: ["settled"], currency: "EUR" },
    1,
  ],
  ["time and state", { receivedFrom: Date.UTC(2026, 5, 1), state: ["failed"] }, undefined],
]

/** Those that nothing but a walk answers, and of which there may be few. */
const walks: ReadonlySet<string> = new Set([
  "state",
  "time and state",
  "last two",
  "amounts",
  "a code that nobody has",
  "a state that nobody has",
])

describe(`queries over ${BATCHES * ITEMS_PER_BATCH} items`, () => {
  it.each(searches)("search by an index: %s", async (name, search, found) => {
    const statements = await sentBy((queries) =>
      Effect.map(queries.search(partner, { ...search, limit: 100 }), ({ entries }) => {
        if (found !== undefined) assert.lengthOf(entries, found, name)
      }),
    )
    await assertIndexed(name, statements, walks.has(name) ? WALK_PAGES_MAX : PAGES_MAX)
  })

  it("count the items that wait by the open batches alone, however many are closed", async () => {
    sent = []
    const query: Database["Service"]["query"] = (_, run) => Effect.promise(async () => await run(sql))
    await Effect.runPromise(waitingItems(query))
    // A tenth of the batches is open here, which is more than intake allows: a few pages for each.
    await assertIndexed("waiting items", sent, BATCHES)
  })

  it("list batches and items by an index", async () => {
    const amount = { currency: "EUR", from: 1n, to: 1n }
    for (const filter of [{}, { state: ["settling"] as const }, { reference: "run-30" }, { amount }])
      await assertIndexed(
        "batches",
        await sentBy(({ batches }) => batches(partner, { ...filter, limit: 200 })),
      )
    for (const [name, search] of searches)
      await assertIndexed(
        `items by ${name}`,
        await sentBy(({ items }) => items(partner, id, { ...search, limit: 500 })),
      )
    await assertIndexed("a batch", await sentBy(({ batch }) => batch(partner, id)))
    await assertIndexed("an item", await sentBy(({ item }) => item(partner, id, 5)))
    await assertIndexed("a whole batch", await sentBy(({ wholeBatch }) => wholeBatch(partner, id)))
  })

  it("report days, failures and acts by an index", async () => {
    const days = { from: "2026-03-01", to: "2026-05-31" }
    for (const of of [{}, { partner }, { bank: "north" }, { partner, bank: "north" }] as const) {
      await assertIndexed(
        "days",
        await sentBy((_, { dailyTotals }) => dailyTotals({ ...days, ...of, limit: 100 })),
      )
      await assertIndexed("failures", await sentBy((_, { failures }) => failures({ ...days, ...of })))
    }
    const time = { from: Date.UTC(2026, 2, 1), to: Date.UTC(2026, 4, 31) }
    for (const who of [undefined, "operator:o-7", "operator:nobody"])
      await assertIndexed(
        "acts",
        await sentBy((_, { acts }) =>
          Effect.flatMap(acts({ ...time, who, limit: 100 }), ({ next }) =>
            next === undefined ? Effect.void : acts({ ...time, who, limit: 100, cursor: next }),
          ),
        ),
      )
    await assertIndexed("acts on a batch", await sentBy((_, { batchActs }) => batchActs(partner, id, 0, 100)))
  })

  it("would notice a table that is read from its begin", async () => {
    const statement = {
      text: "select count(*) from payout_items where ledger = 'x'",
      parameters: [],
      isKept: false,
    }
    const plan = await planOf(statement)
    assert.isTrue(nodesOf(plan).some((node) => node["Node Type"].includes("Seq Scan")))
    assert.isAbove(PARTNERS, 1)
  })
})
