/** What a bank's files report reaches our orders and their batches once; files that AtlasPay cannot believe change nothing. */
import { symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect, Layer } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Postgres } from "../../../../src/platform/postgres.ts"
import { StoreUnavailable } from "../../../../src/platform/store-unavailable.ts"
import { readInbox } from "../../../../src/providers/banks/files/inbox.ts"
import { InboxFiles } from "../../../../src/providers/banks/files/inbox-files.ts"
import { writeOutbox } from "../../../../src/providers/banks/files/outbox.ts"
import { FileOrders } from "../../../../src/providers/banks/orders/file-orders.ts"
import { reportKeyOf } from "../../../../src/providers/banks/orders/order-reports.ts"
import { Mailbox } from "../../../../src/streams/mailbox.ts"
import {
  booked,
  counted,
  document,
  oddities,
  ordered,
  referenceOf,
  report,
  reported,
  standings,
  status,
} from "./bank-reports.ts"
import { type ConnectedDatabase, connectedDatabase } from "./connected-database.ts"
import { canary, FileBankUnderTest } from "./file-bank-under-test.ts"

let database: ConnectedDatabase
beforeAll(async () => {
  database = await connectedDatabase()
})
afterAll(() => database.drop())

it("a report settles, rejects and leaves open, for the batch and for inquiries", async () => {
  using test = new FileBankUnderTest(database)
  const [mail, answers, odd] = await test.run(
    Effect.gen(function* () {
      const about = yield* ordered(test, 3)
      const statuses = [
        status(referenceOf(1), "ACSC"),
        status(referenceOf(2), "RJCT"),
        status(referenceOf(3), "ACSP"),
      ]
      test.deliver("status.xml", report(about, "PART", ...statuses))
      yield* test.looks
      return [yield* reported, yield* standings(test, 3), yield* oddities(test)] as const
    }),
  )
  expect(mail).toMatchObject([
    { item: 1, attempt: 1, bank: test.bank.name, outcome: { _tag: "Settled", evidence: "callback" } },
    { item: 2, attempt: 1, outcome: { _tag: "Failed", code: "AC04", evidence: "callback" } },
  ])
  expect(answers).toEqual(["Settled", "Failed", "Accepted"])
  expect(odd).toEqual([])
  expect(test.list("inbox")).toEqual([])
  expect(test.list("archive")).toEqual([expect.stringMatching(/^[0-9a-f]{16}-status\.xml$/)])
})

it("a payment, or an order, that is not in the file of a report is odd, and says nothing of those that are", async () => {
  using test = new FileBankUnderTest(database)
  const [mail, reports, odd] = await test.run(
    Effect.gen(function* () {
      const about = yield* ordered(test, 2)
      const { transfer } = yield* test.port
      yield* transfer(test.orderOf(3))
      yield* writeOutbox(test.bank)
      const stranger = "<OrgnlPmtInfId>NOTPROVIDED</OrgnlPmtInfId>"
      const refusal = `${stranger}<PmtInfSts>RJCT</PmtInfSts>${status(referenceOf(1), "RJCT", "AM14")}`
      test.deliver("a.xml", report(about, "", refusal).replace("<GrpSts></GrpSts>", ""))
      test.deliver("b.xml", report(about, "PART", status(referenceOf(3), "RJCT", "AM14")))
      yield* test.looks
      const orders = yield* (yield* FileOrders).sentIn(test.bank.name, about)
      return [
        yield* reported,
        orders.map(({ reports }) => reports.map(reportKeyOf)),
        yield* oddities(test),
      ] as const
    }),
  )
  expect(mail.map(({ item, outcome }) => [item, outcome._tag])).toEqual([
    [1, "Failed"],
    [3, "Failed"],
  ])
  expect(reports).toEqual([["failed AM14"], []])
  expect(odd).toEqual([
    [referenceOf(3), "other-file"],
    ["NOTPROVIDED", "unknown-payment"],
  ])
})

describe("files come twice, late, and in any order", () => {
  it.each([
    ["as they were sent", ["debit", "return"]],
    ["the return first", ["return", "debit"]],
    ["all of them again under other names", ["return", "debit", "return", "debit"]],
  ] as const)("%s", async (_, sequence) => {
    using test = new FileBankUnderTest(database)
    const [answers, outcomes, count] = await test.run(
      Effect.gen(function* () {
        yield* ordered(test, 1)
        for (const [index, kind] of sequence.entries()) {
          test.deliver(`${index}.xml`, booked(referenceOf(1), 1, kind === "debit" ? "DBIT" : "CRDT"))
          yield* test.looks
        }
        return [yield* standings(test, 1), yield* reported, yield* counted] as const
      }),
    )
    expect(answers).toEqual(["Returned"])
    expect(outcomes.map(({ outcome }) => outcome._tag).sort()).toEqual(["Returned", "Settled"])
    expect(count).toMatchObject({ read: 2, ...(sequence.length > 2 && { repeated: 2 }) })
  })
})

it("what is odd is reported and not acted on, and the rest is", async () => {
  using test = new FileBankUnderTest(database)
  const [answers, mail, odd, count] = await test.run(
    Effect.gen(function* () {
      const about = yield* ordered(test, 3)
      const { transfer } = yield* test.port
      yield* transfer(test.orderOf(4))
      const statuses = [
        status("SOMEBODY-ELSES", "ACSC"),
        status(`FOR ${canary}`, "ACSC"),
        status(referenceOf(1), "RJCT"),
        status(referenceOf(2), "CANC"),
        // Not in any file yet: the bank cannot know of it.
        status(referenceOf(4), "ACSC"),
      ]
      test.deliver("a.xml", report(about, "ACTC", ...statuses))
      test.deliver("b.xml", booked(referenceOf(3), 4, "DBIT"))
      test.deliver("c.xml", report("EUR-sepa-2020-01-01-1", "RJCT"))
      yield* test.looks
      return [yield* standings(test, 4), yield* reported, yield* oddities(test), yield* counted] as const
    }),
  )
  expect(answers).toEqual(["Failed", "Accepted", "Accepted", "Accepted"])
  expect(mail.map(({ item }) => item)).toEqual([1])
  expect(odd).toEqual([
    [referenceOf(2), "unclear-status"],
    [referenceOf(3), "amount-differs"],
    [referenceOf(4), "unknown-reference"],
    ["EUR-sepa-2020-01-01-1", "unknown-file"],
    ["FOR [redacted]", "unknown-reference"],
    ["SOMEBODY-ELSES", "unknown-reference"],
  ])
  expect(count).toMatchObject({
    "unknown-reference": 3,
    "unclear-status": 1,
    "amount-differs": 1,
    "unknown-file": 1,
  })
})

it("a statement settles too, and what is nobody's order on it is nobody's news", async () => {
  using test = new FileBankUnderTest(database)
  const [answers, odd] = await test.run(
    Effect.gen(function* () {
      yield* ordered(test, 1)
      const entry = (reference: string) => /<Ntry>.*<\/Ntry>/s.exec(booked(reference, 1, "DBIT"))?.[0]
      const statement = `<BkToCstmrStmt><Stmt>${entry(referenceOf(1))}${entry("SOMEBODY-ELSES")}</Stmt></BkToCstmrStmt>`
      test.deliver("statement.xml", document("camt.053.001.08", statement))
      yield* test.looks
      return [yield* standings(test, 1), yield* oddities(test)] as const
    }),
  )
  expect(answers).toEqual(["Settled"])
  expect(odd).toEqual([])
})

it("a batch that is not there any more is reported", async () => {
  using test = new FileBankUnderTest(database)
  const odd = await test.run(
    Effect.gen(function* () {
      const { transfer } = yield* test.port
      yield* transfer(test.orderOf(1))
      yield* writeOutbox(test.bank)
      test.deliver("a.xml", booked(referenceOf(1), 1, "DBIT"))
      yield* test.looks
      return yield* oddities(test)
    }),
  )
  expect(odd).toEqual([[referenceOf(1), "no-such-batch"]])
})

it("a file that cannot be believed goes into quarantine with a reason that quotes nothing", async () => {
  using test = new FileBankUnderTest(database)
  const contradiction = (about: string) => report(about, "RJCT", status(referenceOf(1), "ACSC"))
  const [answers, mail, count] = await test.run(
    Effect.gen(function* () {
      const about = yield* ordered(test, 1)
      test.deliver("a-broken.xml", report(about, "RJCT").slice(0, -5))
      test.deliver("b-foreign.xml", document("pain.008.001.02", canary))
      test.deliver("c-contradiction.xml", contradiction(about))
      test.deliver("d-amount.xml", booked(referenceOf(1), 1, "DBIT").replace(">0.01<", `>${canary}<`))
      test.deliver("e-long.xml", Buffer.alloc(16 * 1024 * 1024 + 1, 0x20))
      test.deliver("f-fine.xml", report(about, "ACSC"))
      yield* test.looks
      return [yield* standings(test, 1), yield* reported, yield* counted] as const
    }),
  )
  expect(answers).toEqual(["Settled"])
  expect(mail).toHaveLength(1)
  const names = test.list("quarantine").filter((name) => !name.endsWith(".reason"))
  expect(names.map((name) => name.replace(/^[0-9a-f]{16}-/, "")).sort()).toEqual([
    "a-broken.xml",
    "b-foreign.xml",
    "c-contradiction.xml",
    "d-amount.xml",
    "e-long.xml",
  ])
  const reasons = names.map((name) => test.read("quarantine", `${name}.reason`)).join("")
  expect(reasons).toContain("CstmrPmtStsRpt: a status contradicts that of the whole")
  expect(reasons).toContain("Ntry/Amt: not a decimal")
  expect(`${reasons}${test.lines.join()}`).not.toContain(canary.slice(4, 12))
  expect(test.lines.filter((line) => line.includes('"error"'))).toHaveLength(5)
  expect(count).toMatchObject({ quarantined: 5 })
})

it("a file that is not finished is left alone", async () => {
  using test = new FileBankUnderTest(database)
  const inbox = join(test.bank.folder, "inbox")
  writeFileSync(join(inbox, ".hidden.xml"), "<half")
  writeFileSync(join(inbox, "a.xml.part"), "<half")
  writeFileSync(join(inbox, "b.xml.TMP"), "<half")
  writeFileSync(join(inbox, "growing.xml"), "<half")
  symlinkSync("/etc/hostname", join(inbox, "link.xml"))
  await test.run(
    Effect.gen(function* () {
      const seen = yield* readInbox(test.bank, new Set())
      writeFileSync(join(inbox, "growing.xml"), "<half of it")
      yield* readInbox(test.bank, seen)
    }),
  )
  expect(test.list("inbox")).toEqual([".hidden.xml", "a.xml.part", "b.xml.TMP", "growing.xml", "link.xml"])
  expect(test.list("quarantine")).toEqual([])
})

it("a report that a dead process recorded is enqueued without the reasons of another file", async () => {
  using test = new FileBankUnderTest(database)
  const mail = await test.run(
    Effect.gen(function* () {
      yield* ordered(test, 1)
      const reference = referenceOf(1)
      yield* (yield* FileOrders).record(test.bank.name, [
        { reference, report: { _tag: "Failed", code: "AC04" } },
      ])
      const text = "</Rsn><AddtlInf>wrong name</AddtlInf>"
      test.deliver("back.xml", booked(reference, 1, "CRDT").replace("</Rsn>", text))
      yield* test.looks
      return yield* reported
    }),
  )
  const outcomes = mail.map(({ outcome }) => outcome)
  expect(outcomes).toContainEqual({ _tag: "Failed", code: "AC04", evidence: "callback" })
  expect(outcomes).toContainEqual({
    _tag: "Returned",
    code: "AC01",
    evidence: "callback",
    detail: "AC01: wrong name",
  })
})

/** A process that dies right before or after a step, and then goes on without dying. */
const deaths = [
  ["before", "record"],
  ["after", "record"],
  ["before", "finish"],
  ["after", "finish"],
] as const

const dying = (when: "before" | "after", step: "record" | "finish") => {
  const wrapped =
    <Given extends ReadonlyArray<unknown>, A, E>(through: (...given: Given) => Effect.Effect<A, E>) =>
    (...given: Given) =>
      when === "before" ? Effect.die("killed") : Effect.andThen(through(...given), Effect.die("killed"))
  return Layer.merge(
    Layer.effect(
      FileOrders,
      Effect.map(FileOrders, (orders) =>
        step === "record" ? { ...orders, record: wrapped(orders.record) } : orders,
      ),
    ),
    Layer.effect(
      InboxFiles,
      Effect.map(InboxFiles, (files) =>
        step === "finish" ? { ...files, finish: wrapped(files.finish) } : files,
      ),
    ),
  )
}

describe("a process dies", () => {
  it.each(deaths)("%s %s: the next look does the rest", async (when, step) => {
    using test = new FileBankUnderTest(database)
    const [answers, outcomes, odd, count] = await test.run(
      Effect.gen(function* () {
        const about = yield* ordered(test, 2)
        test.deliver(
          "a.xml",
          report(about, "ACTC", status(referenceOf(1), "ACSC"), status("NOBODYS", "ACSC")),
        )
        const end = yield* Effect.exit(Effect.provide(test.looks, dying(when, step)))
        expect(end._tag).toBe("Failure")
        yield* test.looks
        return [yield* standings(test, 2), yield* reported, yield* oddities(test), yield* counted] as const
      }),
    )
    expect(answers).toEqual(["Settled", "Accepted"])
    expect(new Set(outcomes.map(({ outcome }) => outcome._tag))).toEqual(new Set(["Settled"]))
    expect(odd).toEqual([["NOBODYS", "unknown-reference"]])
    expect(test.list("inbox")).toEqual([])
    expect(test.list("archive")).toHaveLength(1)
    expect(count.read ?? count.repeated).toBe(1)
  })
})

it("a file that takes the place of another while that is read is read too", async () => {
  using test = new FileBankUnderTest(database)
  const [first, answers] = await test.run(
    Effect.gen(function* () {
      yield* ordered(test, 2)
      test.deliver("status.xml", booked(referenceOf(1), 1, "DBIT"))
      const replaced = Layer.effect(
        InboxFiles,
        Effect.map(InboxFiles, (files) => {
          const finish: typeof files.finish = (...given) => {
            test.deliver("status.xml", booked(referenceOf(2), 2, "DBIT"))
            return files.finish(...given)
          }
          return { ...files, finish }
        }),
      )
      yield* Effect.provide(test.looks, replaced)
      const first = yield* standings(test, 2)
      yield* test.looks
      return [first, yield* standings(test, 2)] as const
    }),
  )
  expect(first).toEqual(["Settled", "Accepted"])
  expect(answers).toEqual(["Settled", "Settled"])
})

it("nothing is marked as read while its batch cannot be told, and other files are", async () => {
  using test = new FileBankUnderTest(database)
  const [before, after, mail] = await test.run(
    Effect.gen(function* () {
      yield* ordered(test, 2)
      test.deliver("a.xml", booked(referenceOf(1), 1, "DBIT"))
      test.deliver("b.xml", booked(referenceOf(2), 2, "DBIT"))
      const unavailable = new StoreUnavailable({ store: "redis", step: "enqueue", reason: "gone" })
      const silent = Layer.effect(
        Mailbox,
        Effect.map(Mailbox, (mailbox) => {
          const enqueue: typeof mailbox.enqueue = (batch, command, as) =>
            command._tag === "RecordTransfer" && command.item === 1
              ? Effect.fail(unavailable)
              : mailbox.enqueue(batch, command, as)
          return { ...mailbox, enqueue }
        }),
      )
      yield* Effect.provide(test.looks, silent)
      const before = [yield* standings(test, 2), test.list("inbox")]
      yield* test.looks
      return [before, [yield* standings(test, 2), test.list("inbox")], yield* reported] as const
    }),
  )
  expect(before).toEqual([["Settled", "Settled"], ["a.xml"]])
  expect(after).toEqual([["Settled", "Settled"], []])
  expect(mail.map(({ item }) => item)).toEqual([2, 1])
})

it("a batch gets all reasons of a refusal and of a return with their texts", async () => {
  using test = new FileBankUnderTest(database)
  const mail = await test.run(
    Effect.gen(function* () {
      const about = yield* ordered(test, 2)
      const text = `gesperrt: ${canary}`
      const more = `<StsRsnInf><Rsn><Prtry>Z-991 Konto</Prtry></Rsn><AddtlInf>${text}</AddtlInf></StsRsnInf>`
      test.deliver(
        "a.xml",
        report(about, "PART", status(referenceOf(1), "RJCT").replace("</TxSts>", `$&${more}`)),
      )
      test.deliver(
        "b.xml",
        booked(referenceOf(2), 2, "CRDT").replace("</Rsn>", "$&<AddtlInf>Falsch</AddtlInf>"),
      )
      yield* test.looks
      return yield* reported
    }),
  )
  expect(mail.map(({ outcome }) => outcome)).toMatchObject([
    { _tag: "Failed", code: "AC04", detail: "Z-991 Konto: gesperrt: [redacted]; AC04" },
    { _tag: "Returned", code: "AC01", detail: "AC01: Falsch" },
  ])
})

it("what cannot be read of a file is counted entry by entry, with its place and problem", async () => {
  using test = new FileBankUnderTest(database)
  const [count, rows] = await test.run(
    Effect.gen(function* () {
      yield* ordered(test, 2)
      const [entry = ""] = /<Ntry>.*<.Ntry>/s.exec(booked(referenceOf(2), 2, "DBIT")) ?? []
      const spoilt = entry.replace(">0.02<", `>${canary}<`)
      const nobodys = spoilt.replace(referenceOf(2), canary)
      test.deliver("a.xml", booked(referenceOf(1), 1, "DBIT").replace("</Ntry>", `$&${spoilt}${nobodys}`))
      yield* test.looks
      const { query } = yield* Postgres
      const rows = yield* query(
        "read",
        (sql) =>
          sql`select reference, reason, detail from bank_oddities where bank = ${test.bank.name} order by detail`,
      )
      return [yield* counted, rows.map((row) => ({ ...row }))] as const
    }),
  )
  const reason = "unreadable-entry"
  const detail = (n: number) => `Ntfctn 1 Ntry ${n}: Ntry/Amt: not a decimal`
  expect(rows).toEqual([
    { reference: referenceOf(2), reason, detail: detail(2) },
    { reference: "Ntfctn 1 Ntry 3", reason, detail: detail(3) },
  ])
  expect(count).toMatchObject({ "unreadable-entry": 2, read: 1 })
  expect(test.lines.join()).not.toContain(canary.slice(4, 12))
})
