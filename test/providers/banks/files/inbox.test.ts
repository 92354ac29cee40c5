/** What a bank's files say reaches our orders and their batches once; what cannot be believed reaches neither. */
import { symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect, Layer } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { transferReference } from "../../../../src/domain/identifiers.ts"
import { Postgres } from "../../../../src/platform/postgres.ts"
import { StoreUnavailable } from "../../../../src/platform/store-unavailable.ts"
import { FileOrders } from "../../../../src/providers/banks/files/file-orders.ts"
import { readInbox } from "../../../../src/providers/banks/files/inbox.ts"
import { InboxFiles } from "../../../../src/providers/banks/files/inbox-files.ts"
import { reportKeyOf } from "../../../../src/providers/banks/files/order-reports.ts"
import { writeOutbox } from "../../../../src/providers/banks/files/outbox.ts"
import { Mailbox } from "../../../../src/streams/mailbox.ts"
import { Metrics } from "../../../../src/telemetry/metrics.ts"
import { ownDatabase } from "../../../database.ts"
import { batchId } from "../../../domain/batch-story.ts"
import { firstEvents } from "../../../streams/log-under-test.ts"
import { wholeLog } from "../../../streams/whole-log.ts"
import { canary, FileBankUnderTest } from "./file-bank-under-test.ts"

let database: Awaited<ReturnType<typeof ownDatabase>>
beforeAll(async () => {
  database = await ownDatabase()
})
afterAll(() => database.drop())

const referenceOf = (item: number) => transferReference({ batch: batchId, item, attempt: 1 })

/** Orders that the bank has: a file with all of them was taken. */
const ordered = (test: FileBankUnderTest, count: number) =>
  Effect.gen(function* () {
    yield* (yield* wholeLog).open(batchId, firstEvents, "opening")
    const { transfer } = yield* test.port
    for (let item = 1; item <= count; item += 1) yield* transfer(test.orderOf(item))
    yield* writeOutbox(test.bank)
    test.carry()
    const [name = ""] = [...test.taken.keys()]
    return name.replace(/\.pain.*/, "")
  })

const document = (message: string, content: string) =>
  `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:${message}">${content}</Document>`

const report = (about: string, status: string, ...transfers: ReadonlyArray<string>) =>
  document(
    "pain.002.001.10",
    `<CstmrPmtStsRpt><OrgnlGrpInfAndSts><OrgnlMsgId>${about}</OrgnlMsgId><GrpSts>${status}</GrpSts></OrgnlGrpInfAndSts>
     <OrgnlPmtInfAndSts>${transfers.join("")}</OrgnlPmtInfAndSts></CstmrPmtStsRpt>`,
  )

const status = (reference: string, code: string, reason = "AC04") =>
  `<TxInfAndSts><OrgnlEndToEndId>${reference}</OrgnlEndToEndId><TxSts>${code}</TxSts>
   ${reason && `<StsRsnInf><Rsn><Cd>${reason}</Cd></Rsn></StsRsnInf>`}</TxInfAndSts>`

const booked = (reference: string, cents: number, kind: "DBIT" | "CRDT") =>
  document(
    "camt.054.001.08",
    `<BkToCstmrDbtCdtNtfctn><Ntfctn><Ntry><Amt Ccy="EUR">${cents / 100}</Amt><CdtDbtInd>${kind}</CdtDbtInd>
     <Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>2026-11-26</Dt></BookgDt><NtryDtls><TxDtls><Refs>
     <EndToEndId>${reference}</EndToEndId></Refs>${kind === "CRDT" ? "<RtrInf><Rsn><Cd>AC01</Cd></Rsn></RtrInf>" : ""}
     </TxDtls></NtryDtls></Ntry></Ntfctn></BkToCstmrDbtCdtNtfctn>`,
  )

/** The reports that were enqueued for the batch, in order. */
const enqueued = Effect.gen(function* () {
  const mail = yield* (yield* wholeLog).mail(batchId, 1_000)
  return mail.flatMap(({ command }) => (command?._tag === "RecordTransfer" ? [command] : []))
})

/** What an inquiry is answered. */
const standings = (test: FileBankUnderTest, count: number) =>
  Effect.gen(function* () {
    const { inquire } = yield* test.port
    const answers = yield* Effect.forEach(Array(count).keys().toArray(), (index) =>
      inquire(referenceOf(index + 1)),
    )
    return answers.map(({ _tag }) => _tag)
  })

const oddities = (test: FileBankUnderTest) =>
  Effect.gen(function* () {
    const { query } = yield* Postgres
    const rows = yield* query(
      "read",
      (sql) => sql<Array<{ readonly reference: string; readonly reason: string }>>`
        select reference, reason from bank_oddities where bank = ${test.bank.name} order by reference, reason`,
    )
    return rows.map(({ reference, reason }) => [reference, reason])
  })

const counted = Effect.gen(function* () {
  const { bankFiles, bankOddities } = yield* Metrics
  const all = yield* Effect.promise(() => Promise.all([bankFiles.get(), bankOddities.get()]))
  return Object.fromEntries(
    all.flatMap(({ values }) =>
      values.map(({ labels, value }) => [
        "outcome" in labels ? labels.outcome : (labels as { reason: string }).reason,
        value,
      ]),
    ),
  )
})

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
      return [yield* enqueued, yield* standings(test, 3), yield* oddities(test)] as const
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

it("a rejected file fails none of its orders but those that it names with a reason", async () => {
  using test = new FileBankUnderTest(database)
  const [answers, mail, odd] = await test.run(
    Effect.gen(function* () {
      const about = yield* ordered(test, 3)
      const named = [status(referenceOf(2), "RJCT", "AM04"), status(referenceOf(3), "RJCT", "")]
      test.deliver("status.xml", report(about, "RJCT", ...named))
      yield* test.looks
      return [yield* standings(test, 3), yield* enqueued, yield* oddities(test)] as const
    }),
  )
  expect(answers).toEqual(["Ambiguous", "Failed", "Ambiguous"])
  const evidence = "callback"
  const byItem = mail.toSorted((one, other) => one.item - other.item)
  expect(byItem.map(({ item, outcome }) => ({ item, ...outcome }))).toEqual([
    { item: 1, _tag: "Failed", code: "unspecified", whole: true, evidence },
    { item: 2, _tag: "Failed", code: "AM04", evidence },
    { item: 3, _tag: "Failed", code: "unspecified", whole: true, evidence },
  ])
  expect(odd.map(([, reason]) => reason)).toEqual(["refused-whole"])
})

describe("a refusal beside a sign that the bank has the order is unclear", () => {
  const because = (code: string) => `<StsRsnInf><Rsn><Cd>${code}</Cd></Rsn></StsRsnInf>`
  const cut = (about: string) => report(about, "RJCT").replace("</GrpSts>", `$&${because("TM01")}`)
  const whole = (about: string, status: string, code: string, transfer: string) =>
    `<OrgnlPmtInfId>${about}</OrgnlPmtInfId>${because(code)}<PmtInfSts>${status}</PmtInfSts>${transfer}`
  const ofPaymentAs = (about: string, status: string, code: string, transfer: string) =>
    report(about, status, transfer).replace("</GrpSts>", `$&${because(code)}`)
  const files = {
    whole: cut,
    accepted: (about: string) => report(about, "ACSP"),
    named: (about: string) => report(about, "ACTC", status(referenceOf(1), "RJCT", "TM01")),
    elsewhere: (about: string) => report(about, "ACTC", status(referenceOf(1), "RJCT", "AG03")),
    unreadable: (about: string) => report(about, "ACTC", status(referenceOf(1), "RJCT", "FF01")),
    aboveLimit: (about: string) => report(about, "ACTC", status(referenceOf(1), "RJCT", "AM14")),
    unexplained: (about: string) => report(about, "ACTC", status(referenceOf(1), "RJCT", "MS03")),
    uncovered: (about: string) => report(about, "ACTC", status(referenceOf(1), "RJCT", "AM04")),
    unlawful: (about: string) => report(about, "ACTC", status(referenceOf(1), "RJCT", "RR04")),
    duplicate: (about: string) => cut(about).replace("TM01", "AM05"),
    // A copy, and by the way what else is wrong with it.
    copyAboveLimit: (about: string) =>
      ofPaymentAs(about, "RJCT", "AM05", status(referenceOf(1), "RJCT", "AM14")),
    paymentTwice: (about: string) =>
      report(about, "PART", whole(about, "RJCT", "AM05", status(referenceOf(1), "RJCT", "AM04"))),
    besideCopy: (about: string) =>
      report(about, "PART", status(referenceOf(1), "RJCT", "AM14"), status(referenceOf(2), "RJCT", "AM05")),
    alsoCopy: (about: string) =>
      report(
        about,
        "PART",
        status(referenceOf(1), "RJCT", "AM14").replace("</TxInf", `${because("AM05")}$&`),
      ),
    listedAsCopy: (about: string) =>
      cut(about)
        .replace("TM01", "FF01")
        .replace(
          "</OrgnlPmt",
          `${status(referenceOf(1), "RJCT", "AM05").replace(/<TxSts>.*?<.TxSts>/, "")}$&`,
        ),
    listedAboveLimit: (about: string) =>
      cut(about).replace(
        "</OrgnlPmt",
        `${status(referenceOf(1), "RJCT", "AM14").replace(/<TxSts>.*?<.TxSts>/, "")}$&`,
      ),
    byAch: (about: string) =>
      report(about, "PART", status(referenceOf(1), "RJCT", "AM14"), status(referenceOf(2), "RJCT", "R24")),
    inPart: (about: string) => report(about, "PART", status(referenceOf(1), "RJCT", "AM14")),
    otherInPart: (about: string) => report(about, "PART", status(referenceOf(2), "RJCT", "AM04")),
    both: (about: string) =>
      report(about, "PART", status(referenceOf(2), "ACSP"), status(referenceOf(1), "RJCT", "AM14")),
    namesNobody: (about: string) => report(about, "PART"),
    withFile: (about: string) =>
      cut(about).replace("</OrgnlPmt", `${status(referenceOf(1), "RJCT", "AM14")}$&`),
    // What the others became since; those that were refused before are not named again.
    otherSettled: (about: string) => report(about, "PART", status(referenceOf(2), "ACSC")),
    otherAccepted: (about: string) => report(about, "PART", status(referenceOf(2), "ACSP")),
    otherPaid: () => booked(referenceOf(2), 2, "DBIT"),
    paid: () => booked(referenceOf(1), 1, "DBIT"),
    closed: (about: string) => report(about, "ACTC", status(referenceOf(1), "RJCT", "AC04")),
    ofPayment: (about: string) =>
      report(about, "ACSP", `<OrgnlPmtInfId>${about}</OrgnlPmtInfId><PmtInfSts>RJCT</PmtInfSts>`),
  } as const
  it.each([
    [["accepted", "whole"], "Ambiguous"],
    [["whole", "accepted"], "Ambiguous"],
    [["whole"], "Ambiguous"],
    [["ofPayment"], "Ambiguous"],
    [["whole", "whole"], "Ambiguous"],
    [["accepted", "named"], "Ambiguous"],
    [["named", "accepted"], "Ambiguous"],
    [["named"], "Ambiguous"],
    [["elsewhere"], "Ambiguous"],
    [["unreadable"], "Failed"],
    [["accepted", "unreadable"], "Ambiguous"],
    [["unreadable", "accepted"], "Ambiguous"],
    [["aboveLimit"], "Failed"],
    [["aboveLimit", "otherSettled"], "Failed"],
    [["copyAboveLimit"], "Ambiguous"],
    [["paymentTwice"], "Ambiguous"],
    [["besideCopy"], "Ambiguous"],
    [["inPart", "besideCopy"], "Ambiguous"],
    [["alsoCopy"], "Accepted"],
    [["alsoCopy", "aboveLimit"], "Ambiguous"],
    [["listedAsCopy"], "Accepted"],
    [["listedAsCopy", "aboveLimit"], "Ambiguous"],
    [["listedAboveLimit"], "Failed"],
    [["byAch"], "Ambiguous"],
    [["inPart"], "Failed"],
    [["inPart", "otherInPart"], "Failed"],
    [["otherInPart", "inPart"], "Failed"],
    [["inPart", "namesNobody"], "Failed"],
    [["namesNobody", "inPart"], "Failed"],
    [["both"], "Failed"],
    [["both", "otherSettled"], "Failed"],
    [["both", "otherPaid"], "Failed"],
    [["inPart", "otherSettled"], "Failed"],
    [["otherSettled", "inPart"], "Ambiguous"],
    [["otherSettled", "uncovered"], "Ambiguous"],
    [["otherAccepted", "inPart"], "Ambiguous"],
    [["otherAccepted", "both"], "Ambiguous"],
    [["otherPaid", "inPart"], "Ambiguous"],
    [["otherPaid", "closed"], "Failed"],
    [["withFile"], "Failed"],
    [["withFile", "otherPaid"], "Ambiguous"],
    [["withFile", "otherAccepted"], "Ambiguous"],
    [["whole", "both"], "Failed"],
    [["whole", "both", "otherSettled"], "Failed"],
    [["accepted", "aboveLimit"], "Ambiguous"],
    [["aboveLimit", "accepted"], "Ambiguous"],
    [["duplicate", "aboveLimit"], "Ambiguous"],
    [["unexplained"], "Failed"],
    [["accepted", "unexplained"], "Ambiguous"],
    [["uncovered"], "Failed"],
    [["accepted", "uncovered"], "Ambiguous"],
    [["accepted", "unlawful"], "Failed"],
    [["accepted", "aboveLimit", "closed"], "Failed"],
    [["elsewhere", "accepted"], "Ambiguous"],
    [["accepted", "elsewhere"], "Ambiguous"],
    [["duplicate", "unreadable"], "Ambiguous"],
    [["unreadable", "duplicate"], "Ambiguous"],
    [["whole", "closed"], "Failed"],
    [["closed", "accepted", "whole"], "Failed"],
    [["whole", "paid"], "Settled"],
    [["paid", "whole"], "Settled"],
    [["named", "paid"], "Settled"],
  ] as const)("%j", async (sequence, known) => {
    for (const atOnce of [false, true]) {
      using bank = new FileBankUnderTest(database)
      const answers = await bank.run(
        Effect.gen(function* () {
          const about = yield* ordered(bank, 2)
          for (const [index, kind] of sequence.entries()) {
            bank.deliver(
              `${index}.xml`,
              files[kind](about).replace("<CstmrPmtStsRpt>", `$&<!-- ${index} -->`),
            )
            if (!atOnce) yield* bank.looks
          }
          yield* bank.looks
          return yield* standings(bank, 1)
        }),
      )
      expect(bank.list("quarantine")).toEqual([])
      expect(answers, `at once: ${atOnce}`).toEqual([known])
    }
  })
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
      return yield* enqueued
    }),
  )
  expect(mail.map(({ outcome }) => outcome)).toMatchObject([
    { _tag: "Failed", code: "AC04", detail: "Z-991 Konto: gesperrt: [redacted]; AC04" },
    { _tag: "Returned", code: "AC01", detail: "AC01: Falsch" },
  ])
})

it("a batch that was told of a refusal hears that the bank has the order after all", async () => {
  using test = new FileBankUnderTest(database)
  const mail = await test.run(
    Effect.gen(function* () {
      const about = yield* ordered(test, 4)
      const codes = ["AG03", "AC04", "AM14", "ZZ99"]
      const refusals = codes.map((code, index) => status(referenceOf(index + 1), "RJCT", code))
      test.deliver("a.xml", report(about, "PART", ...refusals))
      yield* test.looks
      test.deliver("b.xml", report(about, "ACSP"))
      yield* test.looks
      // What closes the account of the first copy closes it for the second: that the bank has it is no news.
      return yield* enqueued
    }),
  )
  const heard = (tag: string) => mail.filter(({ outcome }) => outcome._tag === tag)
  const itemsOf = (tag: string) => new Set(heard(tag).map(({ item }) => item))
  expect(itemsOf("Failed")).toEqual(new Set([1, 2, 3, 4]))
  expect(itemsOf("Accepted")).toEqual(new Set([1, 3, 4]))
  expect(mail).toHaveLength(7)
  expect(heard("Accepted")[0]?.outcome).toMatchObject({ evidence: "callback" })
})

it("a batch hears that the bank has what was to be taken back, or was refused with its file", async () => {
  using test = new FileBankUnderTest(database)
  const mail = await test.run(
    Effect.gen(function* () {
      const about = yield* ordered(test, 2)
      yield* (yield* FileOrders).withdraw(test.bank.name, referenceOf(1))
      for (const [name, status] of Object.entries({ a: "ACTC", b: "ACSP", c: "RJCT", d: "ACCP" })) {
        test.deliver(`${name}.xml`, report(about, status))
        yield* test.looks
      }
      return yield* enqueued
    }),
  )
  const heard = (item: number) =>
    mail.flatMap((command) => (command.item === item ? [command.outcome._tag] : []))
  expect(heard(1)).toEqual(["Accepted", "Failed"])
  expect(heard(2)).toEqual(["Failed"])
})

it("a report that refuses the whole and accepts a part of it is believed in nothing", async () => {
  using test = new FileBankUnderTest(database)
  const answers = await test.run(
    Effect.gen(function* () {
      const about = yield* ordered(test, 2)
      test.deliver("a.xml", report(about, "RJCT", status(referenceOf(1), "ACSP")))
      yield* test.looks
      return yield* standings(test, 2)
    }),
  )
  expect(answers).toEqual(["Accepted", "Accepted"])
  expect(test.list("quarantine")).toHaveLength(2)
})

it("a word on a whole does not reach what is said to fare differently, and one that contradicts it is not believed", async () => {
  using test = new FileBankUnderTest(database)
  const [first, answers] = await test.run(
    Effect.gen(function* () {
      const about = yield* ordered(test, 3)
      const listed = status(referenceOf(1), "", "").replace(/<TxSts>.*?<.TxSts>/, "")
      for (const [name, group, transfer] of [
        ["a.xml", "ACSC", status(referenceOf(1), "ACSC", "")],
        ["b.xml", "ACSC", listed],
        ["c.xml", "RJCT", status(referenceOf(1), "RJCT", "FF01")],
      ] as const)
        test.deliver(
          name,
          report(
            about,
            group,
            `<OrgnlPmtInfId>${about}</OrgnlPmtInfId><PmtInfSts>PART</PmtInfSts>${transfer}`,
          ),
        )
      yield* test.looks
      const first = yield* standings(test, 3)
      const word = status(referenceOf(1), "ACSC", "")
      test.deliver("d.xml", report(about, "ACSP", `<PmtInfSts>PART</PmtInfSts>${word}`))
      yield* test.looks
      return [first, yield* standings(test, 3)] as const
    }),
  )
  expect(first).toEqual(["Accepted", "Accepted", "Accepted"])
  expect(test.list("quarantine")).toHaveLength(6)
  expect(answers).toEqual(["Settled", "Accepted", "Accepted"])
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
        yield* enqueued,
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

it("a bank that refuses in stages raises no alarm, and one that refuses after it has paid others is not believed", async () => {
  using test = new FileBankUnderTest(database)
  const [mail, answers] = await test.run(
    Effect.gen(function* () {
      const about = yield* ordered(test, 5)
      const stages = [
        [status(referenceOf(1), "RJCT", "AM14")],
        [status(referenceOf(2), "RJCT", "AM04")],
        [status(referenceOf(3), "RJCT", "FF01"), status(referenceOf(4), "ACSP", "")],
        [status(referenceOf(4), "ACSC", "")],
        [status(referenceOf(5), "RJCT", "AM14")],
      ]
      for (const [index, statuses] of stages.entries()) {
        test.deliver(`${index}.xml`, report(about, "PART", ...statuses))
        yield* test.looks
      }
      return [yield* enqueued, yield* standings(test, 5)] as const
    }),
  )
  expect(answers).toEqual(["Failed", "Failed", "Failed", "Settled", "Ambiguous"])
  expect(mail.map(({ item, outcome }) => [item, outcome._tag])).toEqual([
    [1, "Failed"],
    [2, "Failed"],
    [3, "Failed"],
    [4, "Settled"],
    [5, "Failed"],
    [5, "Accepted"],
  ])
})

it("a report that is read again after its reader died does not make itself doubtful: its refusals go first", async () => {
  using test = new FileBankUnderTest(database)
  const recorded: Array<string> = []
  const answers = await test.run(
    Effect.gen(function* () {
      const about = yield* ordered(test, 2)
      const statuses = [status(referenceOf(2), "ACSP", ""), status(referenceOf(1), "RJCT", "AM14")]
      test.deliver("status.xml", report(about, "PART", ...statuses))
      const dying = Layer.effect(
        FileOrders,
        Effect.map(FileOrders, (orders) => {
          const record: typeof orders.record = (bank, reports) => {
            recorded.push(...reports.map((entry) => reportKeyOf(entry.report)))
            return orders.record(bank, reports)
          }
          return { ...orders, record, markEnqueued: () => Effect.die("killed") }
        }),
      )
      yield* Effect.exit(Effect.provide(test.looks, dying))
      yield* test.looks
      return yield* standings(test, 2)
    }),
  )
  expect(recorded).toEqual(["failed AM14", "accepted"])
  expect(test.list("archive")).toHaveLength(1)
  expect(answers).toEqual(["Failed", "Accepted"])
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
        return [yield* standings(test, 1), yield* enqueued, yield* counted] as const
      }),
    )
    expect(answers).toEqual(["Returned"])
    expect(outcomes.map(({ outcome }) => outcome._tag).sort()).toEqual(["Returned", "Settled"])
    expect(count).toMatchObject({ read: 2, ...(sequence.length > 2 && { repeated: 2 }) })
  })
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
      return [yield* standings(test, 4), yield* enqueued, yield* oddities(test), yield* counted] as const
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
      return [yield* standings(test, 1), yield* enqueued, yield* counted] as const
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
        return [yield* standings(test, 2), yield* enqueued, yield* oddities(test), yield* counted] as const
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
      const unavailable = new StoreUnavailable({ store: "redis", step: "tell", reason: "gone" })
      const silent = Layer.effect(
        Mailbox,
        Effect.map(Mailbox, (mailbox) => {
          const tell: typeof mailbox.tell = (batch, command, as) =>
            command._tag === "RecordTransfer" && command.item === 1
              ? Effect.fail(unavailable)
              : mailbox.tell(batch, command, as)
          return { ...mailbox, tell }
        }),
      )
      yield* Effect.provide(test.looks, silent)
      const before = [yield* standings(test, 2), test.list("inbox")]
      yield* test.looks
      return [before, [yield* standings(test, 2), test.list("inbox")], yield* enqueued] as const
    }),
  )
  expect(before).toEqual([["Settled", "Settled"], ["a.xml"]])
  expect(after).toEqual([["Settled", "Settled"], []])
  expect(mail.map(({ item }) => item)).toEqual([2, 1])
})
