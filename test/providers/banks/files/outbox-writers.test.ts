/** Each order is in one file and each file is released once, although writers die, meet each other, or find keys forgotten. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect, Layer } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Postgres } from "../../../../src/platform/postgres.ts"
import { RedisConnections } from "../../../../src/platform/redis.ts"
import { writeOutbox } from "../../../../src/providers/banks/files/outbox.ts"
import type { FileRecords } from "../../../../src/providers/banks/orders/file-records.ts"
import { OutboxFiles } from "../../../../src/providers/banks/orders/outbox-files.ts"
import type { FileLog } from "../../../../src/streams/file-log.ts"
import type { Partitions } from "../../../../src/streams/partitions.ts"
import type { StoreWatch } from "../../../../src/streams/store-watch.ts"
import { Metrics } from "../../../../src/telemetry/metrics.ts"
import { type OwnDatabase, ownDatabase } from "../../../database.ts"
import { fixedKey, fixedKeys } from "../../../vault/fixed-keys.ts"
import { canary, FileBankUnderTest } from "./file-bank-under-test.ts"
import { dying, place, range, references, type Step, sealedOrders } from "./outbox-under-test.ts"

let database: OwnDatabase
beforeAll(async () => {
  database = await ownDatabase()
})
afterAll(() => database.drop())

const deaths: ReadonlyArray<readonly ["before" | "after", Step]> = [
  ["before", "make"],
  ["after", "make"],
  ["after", "transfersOf"],
  ["before", "stage"],
  ["after", "stage"],
  ["before", "written"],
  ["after", "written"],
]

describe.concurrent("a process dies", () => {
  const cases = deaths.flatMap(([when, step]) => [true, false].map((quick) => [when, step, quick] as const))
  it.each(cases)("%s %s, and the client is quick: %s", async (when, step, quick) => {
    using test = new FileBankUnderTest(database)
    const killed = Effect.provide(writeOutbox(test.bank), dying(when, step))
    const end = await test.run(Effect.andThen(place(test, [1, 2, 3]), Effect.exit(killed)))
    expect(end._tag).toBe("Failure")
    if (quick) test.carry()
    const left = await test.run(
      Effect.gen(function* () {
        yield* place(test, [4])
        yield* writeOutbox(test.bank)
        if (quick) test.carry()
        yield* writeOutbox(test.bank)
        return yield* sealedOrders(test)
      }),
    )
    test.carry()
    expect([...test.ordered].sort()).toEqual(references([1, 2, 3, 4]))
    expect(left).toBe(0)
    expect(test.list("outbox")).toEqual([])
  })
})

it("two writers side by side put no order into two files, and release none twice", async () => {
  using test = new FileBankUnderTest(database, { ordersMax: 7 })
  const writer = Effect.gen(function* () {
    for (let look = 0; look < 12; look += 1) {
      yield* writeOutbox(test.bank).pipe(Effect.catchTag("BankFilesUnavailable", () => Effect.void))
      test.carry()
    }
  })
  await Promise.all([
    test.run(place(test, range(1, 60))),
    test.run(writer),
    test.run(writer),
    test.run(writer),
  ])
  await test.run(writer)
  expect([...test.ordered].sort()).toEqual([...references(range(1, 60))].sort())
  expect(test.list("outbox")).toEqual([])
})

it("a writer that wakes up after another has finished the file releases nothing", async () => {
  using test = new FileBankUnderTest(database)
  const meanwhile = Layer.effect(
    OutboxFiles,
    Effect.gen(function* () {
      const files = yield* OutboxFiles
      const services = yield* Effect.context<Partitions | FileLog | FileRecords | StoreWatch>()
      const otherWriter = writeOutbox(test.bank).pipe(
        Effect.provideService(OutboxFiles, files),
        Effect.provide(services),
      )
      const taken = Effect.sync(() => test.carry())
      const stage: typeof files.stage = (...given) =>
        Effect.andThen(Effect.orDie(Effect.andThen(otherWriter, taken)), files.stage(...given))
      return { ...files, stage }
    }),
  )
  await test.run(Effect.andThen(place(test, [1, 2]), Effect.provide(writeOutbox(test.bank), meanwhile)))
  test.carry()
  expect([...test.ordered].sort()).toEqual(references([1, 2]))
})

it("orders that several decide about at once, at the end of a day, are in one file each", async () => {
  using test = new FileBankUnderTest(database)
  const sizes = await test.run(
    Effect.gen(function* () {
      yield* place(test, range(1, 100))
      const { make } = yield* OutboxFiles
      const group = { bank: test.bank.name, scheme: "sepa", currency: "EUR" } as const
      const days = range(10, 17).map((day) => `2026-11-${day}`)
      yield* Effect.forEach(days, (day) => make(group, day, 0, 100), { concurrency: 8 })
      const { query } = yield* Postgres
      const rows = yield* query(
        "count",
        (sql) => sql<Array<{ readonly orders: number }>>`
          select count(file_orders)::int as orders from bank_files left join file_orders on file = bank_files.id
          where bank_files.bank = ${test.bank.name} group by bank_files.id`,
      )
      return rows.map(({ orders }) => orders)
    }),
  )
  expect(sizes).not.toContain(0)
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(100)
})

it("a file is not written over another of its name", async () => {
  using test = new FileBankUnderTest(database)
  const written = await test.run(
    Effect.gen(function* () {
      const { query } = yield* Postgres
      const { bankFiles } = yield* Metrics
      yield* place(test, [1])
      yield* writeOutbox(test.bank)
      // Both stores forget, as they do when both are restored from older copies: only the folder still knows.
      const { commands } = yield* RedisConnections
      yield* Effect.promise(async () => commands.del(...(await commands.keys(`${test.prefix}:{files:*`))))
      yield* query("forget", (sql) => sql`delete from bank_file_log where bank = ${test.bank.name}`)
      yield* query("forget", (sql) => sql`delete from file_orders where bank = ${test.bank.name}`)
      yield* query("forget", (sql) => sql`delete from bank_files where bank = ${test.bank.name}`)
      yield* place(test, [2])
      yield* writeOutbox(test.bank)
      return (yield* Effect.promise(() => bankFiles.get())).values.map(({ value }) => value)
    }),
  )
  expect(written).toEqual([1])
  expect(test.lines.filter((line) => line.includes("another file has its name"))).toHaveLength(1)
  expect(test.list("outbox").filter((name) => !name.startsWith("."))).toHaveLength(1)
  test.carry()
  expect(test.ordered).toEqual(references([1]))
})

it("no file is believed to be released because it does not lie in another folder", async () => {
  using test = new FileBankUnderTest(database)
  using elsewhere = new FileBankUnderTest(database)
  await test.run(place(test, [1]))
  await test.run(Effect.exit(Effect.provide(writeOutbox(test.bank), dying("after", "stage"))))
  const mistaken = { ...test.bank, folder: elsewhere.bank.folder }
  const failure = await test.run(Effect.flip(writeOutbox(mistaken)))
  expect(failure).toMatchObject({ step: "look at the folder" })
  await test.run(writeOutbox(test.bank))
  test.carry()
  expect(test.ordered).toEqual(references([1]))
})
/** A vault that has forgotten a partner: what it sealed opens no more, and it seals nothing new. */
const forgetting = (partner: string) =>
  fixedKeys((owner, id) => Effect.succeed(owner !== partner && id === fixedKey.id ? fixedKey : undefined))

/** What the bank answers to inquiries about orders: our own record does. */
const standings = (test: FileBankUnderTest, items: ReadonlyArray<number>) =>
  Effect.gen(function* () {
    const { inquire } = yield* test.port
    return yield* Effect.forEach(references(items), (reference) => inquire(reference))
  })

const unwrittenFiles = ({ bank }: FileBankUnderTest) =>
  Effect.map(
    Effect.flatMap(OutboxFiles, (files) => files.unwritten(bank.name, 100)),
    ({ length }) => length,
  )

const forgotten = { _tag: "Failed", code: "KEYS_FORGOTTEN" }

it("orders of a partner whose keys were forgotten are not sent, and all others go out", async () => {
  using test = new FileBankUnderTest(database)
  await test.run(
    Effect.gen(function* () {
      yield* place(test, [1, 3], { partner: "forgotten" })
      yield* place(test, [2, 4], { partner: "acme" })
    }),
  )
  test.keys = forgetting("forgotten")
  const [answers, sealed] = await test.run(
    Effect.gen(function* () {
      for (let look = 0; look < 3; look += 1) yield* writeOutbox(test.bank)
      return [yield* standings(test, [1, 2, 3, 4]), yield* sealedOrders(test)] as const
    }),
  )
  test.carry()
  expect([...test.ordered].sort()).toEqual(references([2, 4]))
  const accepted = { _tag: "Accepted", transferId: expect.any(String) }
  expect(answers).toEqual([forgotten, accepted, forgotten, accepted])
  expect(sealed).toBe(0)
})

it("a file of which every order was forgotten is never written, and looked at no more", async () => {
  using test = new FileBankUnderTest(database)
  await test.run(place(test, [1, 2], { partner: "forgotten" }))
  test.keys = forgetting("forgotten")
  const [answers, unwritten] = await test.run(
    Effect.gen(function* () {
      for (let look = 0; look < 3; look += 1) yield* writeOutbox(test.bank)
      return [yield* standings(test, [1, 2]), yield* unwrittenFiles(test)] as const
    }),
  )
  expect(answers).toEqual([forgotten, forgotten])
  expect(unwritten).toBe(0)
  expect(test.list("outbox")).toEqual([])
})

it("a draft whose writer died is discarded once its partner was forgotten, and with a file that was dropped", async () => {
  using test = new FileBankUnderTest(database)
  await test.run(place(test, [1], { partner: "forgotten" }))
  await test.run(Effect.exit(Effect.provide(writeOutbox(test.bank), dying("before", "stage"))))
  writeFileSync(join(test.bank.folder, "outbox", `.${test.bank.name}-dropped.pain.001.xml.draft`), canary)
  expect(test.list("outbox")).toHaveLength(2)
  test.keys = forgetting("forgotten")
  await test.run(
    Effect.gen(function* () {
      for (let look = 0; look < 3; look += 1) yield* writeOutbox(test.bank)
    }),
  )
  expect(test.list("outbox")).toEqual([])
})

it("an order that was forgotten goes out in no draft from before either", async () => {
  using test = new FileBankUnderTest(database)
  await test.run(Effect.andThen(place(test, [1], { partner: "forgotten" }), place(test, [2])))
  const keysOfOthers = forgetting("forgotten")
  // While this writer holds its complete draft, another one learns of the forgetting, and takes the order out.
  const meanwhile = Layer.effect(
    OutboxFiles,
    Effect.map(OutboxFiles, (files) => {
      const stage: typeof files.stage = (...given) =>
        Effect.andThen(
          Effect.promise(async () => {
            const { keys } = test
            test.keys = keysOfOthers
            await test.run(writeOutbox(test.bank))
            test.keys = keys
          }),
          files.stage(...given),
        )
      return { ...files, stage }
    }),
  )
  await test.run(Effect.provide(writeOutbox(test.bank), meanwhile))
  expect(test.list("outbox")).toEqual([])
  test.keys = keysOfOthers
  const answers = await test.run(Effect.andThen(writeOutbox(test.bank), standings(test, [1])))
  test.carry()
  expect(test.ordered).toEqual(references([2]))
  expect(answers).toEqual([forgotten])
})

it("an order whose file is complete when its partner's keys are forgotten goes out, and is not said to have failed", async () => {
  using test = new FileBankUnderTest(database)
  await test.run(place(test, [1], { partner: "forgotten" }))
  await test.run(Effect.exit(Effect.provide(writeOutbox(test.bank), dying("after", "stage"))))
  test.keys = forgetting("forgotten")
  const answers = await test.run(Effect.andThen(writeOutbox(test.bank), standings(test, [1])))
  test.carry()
  expect(test.ordered).toEqual(references([1]))
  expect(answers).toMatchObject([{ _tag: "Accepted" }])
})

it("an order is not said to have failed when another writer completes its file meanwhile", async () => {
  using test = new FileBankUnderTest(database)
  await test.run(place(test, [1], { partner: "forgotten" }))
  const keysOfOthers = forgetting("forgotten")
  const meanwhile = Layer.effect(
    OutboxFiles,
    Effect.map(OutboxFiles, (files) => {
      const otherWriter = Effect.promise(async () => {
        const known = test.keys
        test.keys = fixedKeys()
        await test.run(Effect.exit(Effect.provide(writeOutbox(test.bank), dying("after", "stage"))))
        test.keys = known
      })
      const transfersOf: typeof files.transfersOf = (file) =>
        Effect.andThen(otherWriter, files.transfersOf(file))
      return { ...files, transfersOf }
    }),
  )
  test.keys = keysOfOthers
  await test.run(Effect.provide(writeOutbox(test.bank), meanwhile))
  const answers = await test.run(Effect.andThen(writeOutbox(test.bank), standings(test, [1])))
  test.carry()
  expect(test.ordered).toEqual(references([1]))
  expect(answers).toMatchObject([{ _tag: "Accepted" }])
})
