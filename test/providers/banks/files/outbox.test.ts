/** Orders go out in files by group, when they are due, and not while a decision or a doubt about a store stands against it. */
import { createSecretKey } from "node:crypto"
import { Effect } from "effect"
import { afterAll, beforeAll, expect, it } from "vitest"
import { Postgres } from "../../../../src/platform/postgres.ts"
import { writeOutbox } from "../../../../src/providers/banks/files/outbox.ts"
import { Partitions } from "../../../../src/streams/partitions.ts"
import { StoreWatch } from "../../../../src/streams/store-watch.ts"
import { batchId } from "../../../domain/batch-story.ts"
import { isPublishedDataThere } from "../../../published-data.ts"
import { fixedKey, fixedKeys } from "../../../vault/fixed-keys.ts"
import { schemaProblems } from "../../iso20022/payment-initiation-schema.ts"
import { type ConnectedDatabase, connectedDatabase } from "./connected-database.ts"
import { canary, FileBankUnderTest } from "./file-bank-under-test.ts"
import { dying, place, range, references, sealedOrders } from "./outbox-under-test.ts"

let database: ConnectedDatabase
beforeAll(async () => {
  database = await connectedDatabase()
})
afterAll(() => database.drop())

it("a file holds what was ordered, is valid, and leaves no details behind", async () => {
  using test = new FileBankUnderTest(database)
  const [before, after] = await test.run(
    Effect.gen(function* () {
      yield* place(test, [1, 2, 3])
      const before = yield* sealedOrders(test)
      yield* writeOutbox(test.bank)
      return [before, yield* sealedOrders(test)]
    }),
  )
  expect([before, after]).toEqual([3, 0])
  expect(test.list("outbox")).toHaveLength(1)
  test.carry()
  const [[name = "", xml = ""] = []] = test.taken
  expect(name).toMatch(/^EUR-sepa-20\d\d-\d\d-\d\d-1\.pain\.001\.xml$/)
  expect([...test.ordered].sort()).toEqual(references([1, 2, 3]))
  expect(xml).toContain("<CtrlSum>0.06</CtrlSum>")
  if (isPublishedDataThere) expect(await schemaProblems([xml])).toEqual([])
})

/** What pays an order across borders. */
const abroad = {
  currency: "USD",
  beneficiary: {
    name: "Ada Lovelace",
    account: { scheme: "iban", iban: canary },
    address: { town: "Berlin", country: "DE" },
  },
} as const

it("orders of other currencies and schemes go out in files of their own, and no file has too many", async () => {
  using test = new FileBankUnderTest(database, { ordersMax: 2 })
  await test.run(
    Effect.gen(function* () {
      yield* place(test, range(1, 5))
      yield* place(test, [6], abroad)
      for (let look = 0; look < 3; look += 1) yield* writeOutbox(test.bank)
    }),
  )
  test.carry()
  expect([...test.taken.keys()].map((name) => name.replace(/20\d\d-\d\d-\d\d/, "DAY")).sort()).toEqual([
    "EUR-sepa-DAY-1.pain.001.xml",
    "EUR-sepa-DAY-2.pain.001.xml",
    "EUR-sepa-DAY-3.pain.001.xml",
    "USD-cross-border-DAY-1.pain.001.xml",
  ])
  expect([...test.ordered].sort()).toEqual(references(range(1, 6)))
})

it("a file group that has no number left for the day holds up no other", async () => {
  using test = new FileBankUnderTest(database)
  await test.run(
    Effect.gen(function* () {
      yield* place(test, [1])
      yield* writeOutbox(test.bank)
      const { query } = yield* Postgres
      yield* query(
        "use up",
        (sql) => sql`update bank_files set sequence = 9999 where bank = ${test.bank.name}`,
      )
      yield* place(test, [2])
      yield* place(test, [3], abroad)
      yield* writeOutbox(test.bank)
    }),
  )
  test.carry()
  expect([...test.ordered].sort()).toEqual(references([1, 3]))
  expect(test.lines.filter((line) => line.includes("a file cannot be made yet"))).toHaveLength(1)
})

/** A decision of somebody about the batch that no log has answered, and then one that is. */
const decide = (answered: boolean) =>
  Effect.flatMap(Postgres, ({ query }) =>
    query(
      "decide",
      (sql) => sql`
        insert into decision_register (batch, id, digest, command, answered_at)
        values (${batchId}, 'reject', '', '', ${answered ? new Date() : null})
        on conflict (batch, id) do update set answered_at = excluded.answered_at`,
    ),
  )

it("an order goes out in no file while a decision about its batch is not taken", async () => {
  using test = new FileBankUnderTest(database)
  const outboxes = await test.run(
    Effect.gen(function* () {
      yield* place(test, [1])
      yield* decide(false)
      yield* writeOutbox(test.bank)
      const waiting = [yield* unmade(test), test.list("outbox").length]
      yield* decide(true)
      yield* Effect.exit(Effect.provide(writeOutbox(test.bank), dying("before", "stage")))
      yield* decide(false)
      yield* writeOutbox(test.bank)
      const made = [yield* unmade(test), test.list("outbox").filter((name) => !name.startsWith(".")).length]
      yield* decide(true)
      yield* writeOutbox(test.bank)
      return [waiting, made]
    }),
  )
  test.carry()
  expect(outboxes).toEqual([
    [1, 0],
    [0, 0],
  ])
  expect(test.ordered).toEqual(references([1]))
})

/** How many orders are in no file. */
const unmade = ({ bank }: FileBankUnderTest) =>
  Effect.gen(function* () {
    const { query } = yield* Postgres
    return (yield* query(
      "count",
      (sql) => sql`select from file_orders where bank = ${bank.name} and file is null`,
    )).length
  })

it.each([
  { where: "in its partition", isElsewhere: false, step: undefined },
  { where: "anywhere", isElsewhere: true, step: "look at the stores" },
])("an order goes out in no file while nobody is paid $where", async ({ isElsewhere, step }) => {
  using test = new FileBankUnderTest(database)
  const failure = await test.run(
    Effect.gen(function* () {
      yield* place(test, [1])
      const partitions = yield* Partitions
      const objection = (partition: number) =>
        isElsewhere || partition === partitions.of(batchId) ? "history was lost" : undefined
      const watch = StoreWatch.of({ ...(yield* StoreWatch), objection })
      const watched = Effect.provideService(writeOutbox(test.bank), StoreWatch, watch)
      const failure = yield* watched.pipe(
        Effect.as(undefined),
        Effect.catchTag("BankFilesUnavailable", ({ step }) => Effect.succeed(step)),
      )
      expect(test.list("outbox")).toEqual([])
      yield* Effect.exit(Effect.provide(writeOutbox(test.bank), dying("before", "stage")))
      yield* Effect.exit(watched)
      expect(test.list("outbox").filter((name) => !name.startsWith("."))).toEqual([])
      yield* writeOutbox(test.bank)
      return failure
    }),
  )
  test.carry()
  expect(failure).toBe(step)
  expect(test.ordered).toEqual(references([1]))
})

it("orders wait for others until they are due or many", async () => {
  using test = new FileBankUnderTest(database, { everyMs: 86_400_000, ordersMax: 3 })
  await test.run(
    Effect.gen(function* () {
      // A scheme without a cut-off, so that it is due at no time of the day.
      const changes = { currency: "GBP", beneficiary: { name: "Ada", account: sortCode } }
      yield* place(test, [1, 2], changes)
      yield* writeOutbox(test.bank)
      expect(test.list("outbox")).toEqual([])
      yield* place(test, [3], changes)
      yield* writeOutbox(test.bank)
    }),
  )
  expect(test.list("outbox")).toHaveLength(1)
})

const sortCode = { scheme: "sort-code", sortCode: "231470", accountNumber: "28821822" } as const

it("an order lies in the database as a seal", async () => {
  using test = new FileBankUnderTest(database)
  const dump = await test.run(
    Effect.gen(function* () {
      yield* place(test, [1])
      const { query } = yield* Postgres
      return JSON.stringify(
        yield* query("dump", (sql) => sql`select * from file_orders where bank = ${test.bank.name}`),
      )
    }),
  )
  expect(dump).toContain(references([1])[0])
  expect(dump).not.toContain(canary.slice(8, 16))
  expect(dump).not.toContain("Lovelace")
})

it("an order is known and written by the key that it was sealed with, whichever is the newest", async () => {
  using test = new FileBankUnderTest(database)
  await test.run(place(test, [1]))
  const newest = { id: "2", key: createSecretKey(Buffer.alloc(32, 2)) }
  test.keys = fixedKeys((_, id) => Effect.succeed(id === "2" ? newest : fixedKey), newest)
  const answers = await test.run(Effect.tap(place(test, [1, 2]), writeOutbox(test.bank)))
  test.carry()
  expect(answers.map(({ _tag }) => _tag)).toEqual(["Accepted", "Accepted"])
  expect([...test.ordered].sort()).toEqual(references([1, 2]))
})

it("an order from before orders had partners is written by the key that it was sealed with", async () => {
  using test = new FileBankUnderTest(database)
  await test.run(place(test, [1]))
  await test.run(
    Effect.flatMap(Postgres, ({ query }) =>
      query("age", (sql) => sql`update file_orders set partner = null where bank = ${test.bank.name}`),
    ),
  )
  const asked = new Set<string>()
  test.keys = fixedKeys((owner) =>
    Effect.as(
      Effect.sync(() => asked.add(owner)),
      fixedKey,
    ),
  )
  await test.run(writeOutbox(test.bank))
  test.carry()
  expect(test.ordered).toEqual(references([1]))
  expect([...asked]).toEqual(["~file-orders"])
})
