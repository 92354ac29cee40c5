/** When a refusal in a bank's files is final, and when it may be about a second copy of a file that the bank has taken. */
import { Effect, Layer } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { FileOrders } from "../../../../src/providers/banks/orders/file-orders.ts"
import { reportKeyOf } from "../../../../src/providers/banks/orders/order-reports.ts"
import {
  booked,
  oddities,
  ordered,
  referenceOf,
  report,
  reported,
  standings,
  status,
} from "./bank-reports.ts"
import { type ConnectedDatabase, connectedDatabase } from "./connected-database.ts"
import { FileBankUnderTest } from "./file-bank-under-test.ts"

let database: ConnectedDatabase
beforeAll(async () => {
  database = await connectedDatabase()
})
afterAll(() => database.drop())

it("a rejected file fails none of its orders but those that it names with a reason", async () => {
  using test = new FileBankUnderTest(database)
  const [answers, mail, odd] = await test.run(
    Effect.gen(function* () {
      const about = yield* ordered(test, 3)
      const named = [status(referenceOf(2), "RJCT", "AM04"), status(referenceOf(3), "RJCT", "")]
      test.deliver("status.xml", report(about, "RJCT", ...named))
      yield* test.looks
      return [yield* standings(test, 3), yield* reported, yield* oddities(test)] as const
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
      return yield* reported
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
      return yield* reported
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
      return [yield* reported, yield* standings(test, 5)] as const
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
