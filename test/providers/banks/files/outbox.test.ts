/** Whatever dies or meets whom, each order is in one file, and each file is released once. */
import { createSecretKey } from "node:crypto"
import { chmodSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect, Layer } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { transferReference } from "../../../../src/domain/identifiers.ts"
import { Postgres } from "../../../../src/platform/postgres.ts"
import { RedisConnections } from "../../../../src/platform/redis.ts"
import type { FileRecords } from "../../../../src/providers/banks/files/file-records.ts"
import { identify, prepare } from "../../../../src/providers/banks/files/folder.ts"
import { readInbox } from "../../../../src/providers/banks/files/inbox.ts"
import { writeOutbox } from "../../../../src/providers/banks/files/outbox.ts"
import { OutboxFiles } from "../../../../src/providers/banks/files/outbox-files.ts"
import type { FileLog } from "../../../../src/streams/file-log.ts"
import { Partitions } from "../../../../src/streams/partitions.ts"
import { StoreWatch } from "../../../../src/streams/store-watch.ts"
import { Metrics } from "../../../../src/telemetry/metrics.ts"
import { ownDatabase } from "../../../database.ts"
import { batchId } from "../../../domain/batch-story.ts"
import { isPublishedDataThere } from "../../../published-data.ts"
import { fixedKey, fixedKeys } from "../../../vault/fixed-keys.ts"
import { schemaProblems } from "../../iso20022/payment-initiation-schema.ts"
import { canary, FileBankUnderTest } from "./file-bank-under-test.ts"

let database: Awaited<ReturnType<typeof ownDatabase>>
beforeAll(async () => {
  database = await ownDatabase()
})
afterAll(() => database.drop())

const place = (test: FileBankUnderTest, items: ReadonlyArray<number>, changes = {}) =>
  Effect.gen(function* () {
    const { transfer } = yield* test.port
    return yield* Effect.forEach(items, (item) => transfer(test.orderOf(item, changes)), { concurrency: 8 })
  })

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index)
const references = (items: ReadonlyArray<number>) =>
  items.map((item) => transferReference({ batch: batchId, item, attempt: 1 }))

/** Rows that still hold what an order said of its beneficiary. */
const sealedOrders = ({ bank }: FileBankUnderTest) =>
  Effect.gen(function* () {
    const { query } = yield* Postgres
    const rows = yield* query(
      "count",
      (sql) => sql`select from file_orders where bank = ${bank.name} and sealed is not null`,
    )
    return rows.length
  })

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

type Step = keyof OutboxFiles["Service"]
const deaths: ReadonlyArray<readonly ["before" | "after", Step]> = [
  ["before", "make"],
  ["after", "make"],
  ["after", "transfersOf"],
  ["before", "stage"],
  ["after", "stage"],
  ["before", "written"],
  ["after", "written"],
]

/** The record of files, in a process that dies right before or after its first such step. */
const dying = (when: "before" | "after", step: Step) =>
  Layer.effect(
    OutboxFiles,
    Effect.map(OutboxFiles, (files) => {
      const through = files[step] as (...given: ReadonlyArray<unknown>) => Effect.Effect<unknown>
      const death = Effect.die("killed")
      const dies = (...given: ReadonlyArray<unknown>) =>
        when === "before" ? death : Effect.andThen(through(...given), death)
      return { ...files, [step]: dies }
    }),
  )

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
  expect(test.lines.filter((line) => line.includes("another has its name"))).toHaveLength(1)
  expect(test.list("outbox").filter((name) => !name.startsWith("."))).toHaveLength(1)
  test.carry()
  expect(test.ordered).toEqual(references([1]))
})

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

/** A vault that has forgotten a partner: what it sealed opens no more, and it seals nothing new. */
const forgetting = (partner: string) =>
  fixedKeys((owner, id) => Effect.succeed(owner !== partner && id === fixedKey.id ? fixedKey : undefined))

/** What the bank answers to inquiries about orders: our own record does. */
const standings = (test: FileBankUnderTest, items: ReadonlyArray<number>) =>
  Effect.gen(function* () {
    const { inquire } = yield* test.port
    return yield* Effect.forEach(references(items), inquire)
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

it("a folder is nobody else's business, and has no id while another process writes it", async () => {
  using test = new FileBankUnderTest(database)
  const folder = join(test.bank.folder, "new")
  await test.run(prepare(folder))
  expect(statSync(join(folder, "outbox")).mode & 0o007).toBe(0)
  writeFileSync(join(folder, ".folder-id"), "")
  expect(await test.run(Effect.flip(identify(folder)))).toMatchObject({ reason: ".folder-id is not whole" })
  rmSync(join(folder, ".folder-id"))
  expect(await test.run(identify(folder))).toBe(await test.run(identify(folder)))
})

/** A report that tells of nothing: it is read, and put away. */
const emptyReport =
  '<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt><GrpHdr/><OrgnlGrpInfAndSts><OrgnlMsgId>unknown</OrgnlMsgId></OrgnlGrpInfAndSts></CstmrPmtStsRpt></Document>'

/** Every file and folder of a bank's folder that there is, by its mode. */
const modesIn = (folder: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    readdirSync(folder, { recursive: true, encoding: "utf8" }).map((path) => [
      path.replace(/[^/]*\.xml/, "file"),
      (statSync(join(folder, path)).mode & 0o777).toString(8),
    ]),
  )

it.each([0o000, 0o022, 0o077])(
  "what is made is for owner and group alone, whatever the umask: %o",
  async (umask) => {
    using test = new FileBankUnderTest(database)
    const folder = join(test.bank.folder, "deeper", "new")
    const bank = { ...test.bank, folder }
    const before = process.umask(umask)
    try {
      await test.run(
        Effect.gen(function* () {
          yield* prepare(folder)
          yield* place(test, [1])
          yield* writeOutbox(bank)
          for (const [name, content] of [
            ["good.xml", emptyReport],
            ["bad.xml", "nonsense"],
          ] as const)
            writeFileSync(join(folder, "inbox", name), content, { mode: 0o666 })
          yield* Effect.flatMap(readInbox(bank, new Set()), (seen) => readInbox(bank, seen))
        }),
      )
    } finally {
      process.umask(before)
    }
    expect((statSync(folder).mode & 0o777).toString(8)).toBe("770")
    expect(modesIn(folder)).toEqual({
      ".folder-id": "640",
      archive: "770",
      "archive/file": "640",
      inbox: "770",
      outbox: "770",
      "outbox/file": "640",
      quarantine: "770",
      "quarantine/file": "640",
      "quarantine/file.reason": "640",
    })
  },
)

it("a folder that is there is left as it is, and it is told when everybody can get in", async () => {
  using test = new FileBankUnderTest(database)
  chmodSync(join(test.bank.folder, "archive"), 0o777)
  for (const room of ["", "outbox", "inbox", "quarantine"]) chmodSync(join(test.bank.folder, room), 0o750)
  await test.run(prepare(test.bank.folder))
  expect(statSync(join(test.bank.folder, "archive")).mode & 0o777).toBe(0o777)
  const told = test.lines.filter((line) => line.includes("open to everybody"))
  expect(told).toHaveLength(1)
  expect(JSON.parse(told[0] ?? "").details).toEqual([{ folders: [join(test.bank.folder, "archive")] }])
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
