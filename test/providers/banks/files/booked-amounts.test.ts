/** What a bank booked against what was ordered: other amounts, charges, and currencies. */
import { Result } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { readBankStatement } from "../../../../src/providers/iso20022/bank-statement.ts"
import { type ConnectedDatabase, connectedDatabase } from "./connected-database.ts"
import { accountFile, booking, euros, type FileAbout, outcomeOfFile, referenceOf } from "./reported-orders.ts"

let database: ConnectedDatabase
beforeAll(async () => {
  database = await connectedDatabase()
})
afterAll(() => database.drop())

const [first, second] = [referenceOf(1), referenceOf(2)]

const outcomeOf = (file: FileAbout, orders = euros(1_000n, 1_100n)) => outcomeOfFile(database, file, orders)

describe("amounts", () => {
  const charges = (...amounts: ReadonlyArray<string>) =>
    `<Chrgs>${amounts.map((amount) => `<Rcrd><Amt Ccy="EUR">${amount}</Amt></Rcrd>`).join("")}</Chrgs>`
  const total = '<Chrgs><TtlChrgsAndTaxAmt Ccy="EUR">0.35</TtlChrgsAndTaxAmt></Chrgs>'
  const instructed = (currency: string, amount: string) =>
    `<AmtDtls><InstdAmt><Amt Ccy="${currency}">${amount}</Amt><CcyXchg><XchgRate>160.0</XchgRate></CcyXchg></InstdAmt></AmtDtls>`
  const back = "<RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf>"
  const settled = (...remarks: ReadonlyArray<readonly [string, string]>) => ({
    standings: ["Settled"],
    oddities: [],
    remarks: remarks.map((remark) => [first, ...remark]),
  })
  const differs = { standings: ["Accepted"], oddities: [[first, "amount-differs"]], remarks: [] }
  const returned = { ...settled(["charge", "1.50 EUR (8.50 EUR for 10.00 EUR)"]), standings: ["Returned"] }
  it.each([
    [
      "charges inside",
      "DBIT",
      "10.35",
      charges("0.35"),
      settled(["charge", "0.35 EUR (10.35 EUR for 10.00 EUR)"]),
    ],
    [
      "charges of which one is booked apart",
      "DBIT",
      "10.35",
      charges("0.35", "2.00"),
      settled(["charge", "0.35 EUR (10.35 EUR for 10.00 EUR)"]),
    ],
    ["charges beside", "DBIT", "10.00", charges("0.35"), settled(["charge", "0.35 EUR"])],
    [
      "charges that the payee bears",
      "DBIT",
      "9.65",
      charges("0.35"),
      settled(["charge", "0.35 EUR (9.65 EUR for 10.00 EUR)"]),
    ],
    [
      "charges of which there is the total",
      "DBIT",
      "10.35",
      total,
      settled(["charge", "0.35 EUR (10.35 EUR for 10.00 EUR)"]),
    ],
    [
      "charges and their total",
      "DBIT",
      "10.35",
      charges("0.35").replace("<Rcrd>", `${total.slice(7, -8)}<Rcrd>`),
      settled(["charge", "0.35 EUR (10.35 EUR for 10.00 EUR)"]),
    ],
    ["charges that explain nothing", "DBIT", "10.36", charges("0.35"), differs],
    ["more than was instructed", "DBIT", "10.35", instructed("EUR", "10.00"), differs],
    ["another amount instructed", "DBIT", "10.35", instructed("EUR", "10.36"), differs],
    ["a return less charges", "CRDT", "8.50", charges("1.50") + back, returned],
    ["a return of less than was instructed", "CRDT", "8.50", instructed("EUR", "10.00") + back, returned],
    ["nothing booked, and charges of all", "DBIT", "0.00", charges("10.00"), differs],
    ["a return of less", "CRDT", "8.50", back, differs],
  ] as const)("with %s", async (_, kind, amount, more, expected) => {
    const entry = booking({ kind, amount, transactions: [{ ids: { EndToEndId: first }, amount, more }] })
    expect(await outcomeOf(() => accountFile("camt.054", [entry]), euros(1_000n))).toMatchObject(expected)
  })

  it.each([
    ["the ordered amount", "1200", settled(["rate", "7.50 EUR for 1200 JPY at 160.0"])],
    ["another amount", "1201", differs],
  ])("in another currency with %s as instructed", async (_, amount, expected) => {
    const own = { ids: { EndToEndId: first }, amount: "7.50", more: instructed("JPY", amount) }
    const entry = booking({ amount: "7.50", transactions: [own] })
    const orders = [{ currency: "JPY", minor: 1_200n }]
    expect(await outcomeOf(() => accountFile("camt.054", [entry]), orders)).toMatchObject(expected)
  })

  it.each(["1.6.0", "160,0", "0x10", "12345678", "1.00000000001"])(
    "leave out %s, which is no rate",
    async (rate) => {
      const more = instructed("JPY", "1200").replace("160.0", rate)
      const entry = booking({
        amount: "7.50",
        transactions: [{ ids: { EndToEndId: first }, amount: "7.50", more }],
      })
      const orders = [{ currency: "JPY", minor: 1_200n }]
      expect(await outcomeOf(() => accountFile("camt.054", [entry]), orders)).toMatchObject(
        settled(["rate", "7.50 EUR for 1200 JPY"]),
      )
    },
  )
})

describe("an entry that lists one transaction", () => {
  const one = (amount: string, batch?: string) => {
    const transactions = [{ ids: { EndToEndId: first }, amount: "10.00" }]
    const entry = booking({ amount, transactions, ...(batch === undefined ? {} : { batch }) })
    return outcomeOf(() => accountFile("camt.054", [entry]), euros(1_000n))
  }
  const settled = { standings: ["Settled"], oddities: [] }

  it("has it as it says, with charges that are less than it", async () => {
    expect(await one("10.35")).toMatchObject(settled)
    expect(await one("19.99")).toMatchObject(settled)
    expect(await one("20.00")).toMatchObject({
      standings: ["Accepted"],
      oddities: [[first, "amount-differs"]],
    })
  })

  it("has it as it says, if it is one of several that were booked", async () => {
    expect(await one("1000.00", "<NbOfTxs>7</NbOfTxs>")).toMatchObject(settled)
    expect(await one("1000.00", "<NbOfTxs>1</NbOfTxs>")).toMatchObject({ standings: ["Accepted"] })
  })
})

describe("a charge that the bank books for an order", () => {
  const code = (subFamily: string) =>
    `<BkTxCd><Domn><Cd>PMNT</Cd><Fmly><Cd>ICDT</Cd><SubFmlyCd>${subFamily}</SubFmlyCd></Fmly></Domn></BkTxCd>`
  const instructed = '<AmtDtls><InstdAmt><Amt Ccy="EUR">10.00</Amt></InstdAmt></AmtDtls>'
  const unclear = { standings: ["Accepted"], oddities: [[first, "unclear-status"]] }
  const differs = { standings: ["Accepted"], oddities: [[first, "amount-differs"]] }

  it.each(["CHRG", "COMM", "FEES"])(
    "settles nothing as %s, not even with the amount of the order",
    async (sub) => {
      const own = { ids: { EndToEndId: first }, amount: "10.00" }
      const ofEntry = booking({ amount: "10.00", more: code(sub), transactions: [own] })
      const ofTransaction = booking({ amount: "10.00", transactions: [{ ...own, more: code(sub) }] })
      for (const entry of [ofEntry, ofTransaction])
        expect(await outcomeOf(() => accountFile("camt.053", [entry]), euros(1_000n))).toMatchObject(unclear)
    },
  )

  it.each(["NCHG+808+00931", "NTRF+808+00931", "CHG", "FCOM", "808"])(
    "settles nothing by the code %s of another list",
    async (code) => {
      const other = `<BkTxCd><Prtry><Cd>${code}</Cd></Prtry></BkTxCd>`
      const own = { ids: { EndToEndId: first }, amount: "10.00" }
      const entry = booking({ amount: "10.00", more: other, transactions: [own] })
      expect(await outcomeOf(() => accountFile("camt.053", [entry]), euros(1_000n))).toMatchObject(unclear)
    },
  )

  it.each(["NTRF+116+00931", "NCHK", "COMPANY", "1808"])(
    "is not one by the code %s of another list",
    async (code) => {
      const other = `<BkTxCd><Prtry><Cd>${code}</Cd></Prtry></BkTxCd>`
      const own = { ids: { EndToEndId: first }, amount: "10.00" }
      const entry = booking({ amount: "10.00", more: other, transactions: [own] })
      expect(await outcomeOf(() => accountFile("camt.053", [entry]), euros(1_000n))).toMatchObject({
        standings: ["Settled"],
      })
    },
  )

  it("settles nothing where only its entry, or only a bank's own code, says what it is", async () => {
    const other = (code: string) => `<Prtry><Cd>${code}</Cd></Prtry></BkTxCd>`
    const own = { ids: { EndToEndId: first }, amount: "10.00" }
    const ofEntry = booking({
      amount: "10.00",
      more: code("CHRG"),
      transactions: [{ ...own, more: `<BkTxCd>${other("NTRF+116")}` }],
    })
    const unlisted = booking({
      amount: "10.00",
      more: code("OTHR").replace("</BkTxCd>", other("NCHG+808")),
      transactions: [own],
    })
    for (const entry of [ofEntry, unlisted])
      expect(await outcomeOf(() => accountFile("camt.053", [entry]), euros(1_000n))).toMatchObject(unclear)
  })

  it("settles nothing under the id of a file", async () => {
    const fileOf = (about: string) =>
      accountFile("camt.054", [
        booking({ amount: "10.00", more: code("CHRG"), batch: `<PmtInfId>${about}</PmtInfId>` }),
        booking({ amount: "10.00", more: code("FEES"), transactions: [{ ids: { MsgId: about } }] }),
      ])
    expect(await outcomeOf(fileOf, euros(1_000n))).toMatchObject({
      standings: ["Accepted"],
      oddities: [["MSGID", "unclear-batch"]],
    })
  })

  it("settles nothing beside transactions that have their file's id alone", async () => {
    const fileOf = (about: string) => {
      const own = { ids: { PmtInfId: about }, amount: "10.00" }
      const charge = { ids: { PmtInfId: about }, amount: "11.00", more: code("CHRG") }
      return accountFile("camt.054", [booking({ amount: "21.00", transactions: [own, charge] })])
    }
    expect(await outcomeOf(fileOf)).toMatchObject({
      standings: ["Accepted", "Accepted"],
      oddities: [["MSGID", "unclear-batch"]],
    })
  })

  it("returns nothing when it is given back", async () => {
    const back = booking({
      amount: "0.50",
      kind: "CRDT",
      more: `${code("CHRG")}<RvslInd>true</RvslInd>`,
      transactions: [{ ids: { EndToEndId: first }, more: instructed }],
    })
    expect(await outcomeOf(() => accountFile("camt.054", [back]), euros(1_000n))).toMatchObject(differs)
  })

  it("settles nothing where its details have the amount of the order", async () => {
    const own = [
      { amount: "10.00", more: "" },
      { more: '<AmtDtls><TxAmt><Amt Ccy="EUR">10.00</Amt></TxAmt></AmtDtls>' },
    ]
    for (const details of own) {
      const entry = booking({ amount: "0.50", transactions: [{ ids: { EndToEndId: first }, ...details }] })
      expect(await outcomeOf(() => accountFile("camt.054", [entry]), euros(1_000n))).toMatchObject(differs)
    }
  })

  it("settles nothing where it is booked for several orders at once, whose amounts its details have", async () => {
    const own = [
      { ids: { EndToEndId: first }, amount: "10.00" },
      { ids: { EndToEndId: second }, amount: "11.00" },
    ]
    const apart = booking({ amount: "0.50", transactions: own }).replace(
      "</TxDtls><TxDtls>",
      "</TxDtls></NtryDtls><NtryDtls><TxDtls>",
    )
    for (const entry of [
      booking({ amount: "0.50", transactions: own }),
      booking({ amount: "20.99", transactions: own }),
      apart,
    ])
      expect(
        await outcomeOf(() => accountFile("camt.054", [entry, booking({ amount: "0.01" })])),
      ).toMatchObject({
        standings: ["Accepted", "Accepted"],
        oddities: [
          [first, "unreadable-entry"],
          [second, "unreadable-entry"],
        ],
      })
  })

  it("settles nothing in another currency, where its details have the amount of the order and a rate", async () => {
    const rate = `<AmtDtls><TxAmt><Amt Ccy="JPY">1200</Amt><CcyXchg><XchgRate>160.0</XchgRate></CcyXchg></TxAmt></AmtDtls>`
    const entry = (amount: string) =>
      accountFile("camt.054", [
        booking({ amount, transactions: [{ ids: { EndToEndId: first }, more: rate }] }),
      ])
    const orders = [{ currency: "JPY", minor: 1_200n }]
    expect(await outcomeOf(() => entry("1.50"), orders)).toMatchObject(differs)
    expect(await outcomeOf(() => entry("7.50"), orders)).toMatchObject({
      standings: ["Settled"],
      oddities: [],
      remarks: [[first, "rate", "7.50 EUR for 1200 JPY at 160.0"]],
    })
  })

  it("is no payment of the order in a statement that is reconciled", () => {
    const own = { ids: { EndToEndId: first }, amount: "10.00" }
    const made = accountFile("camt.053", [
      booking({ amount: "10.00", more: code("CHRG"), transactions: [own] }),
      booking({ amount: "10.00", more: code("CHRG"), batch: "<PmtInfId>MSGID</PmtInfId>" }),
    ])
    const { statements } = Result.getOrThrow(
      readBankStatement(made.replace("<Id>1</Id>", "<Id>1</Id><CreDtTm>2026-11-26T23:00:00</CreDtTm>")),
    )
    expect(statements.flatMap(({ entries }) => entries)).toMatchObject([{ reference: "" }, { reference: "" }])
    expect(
      statements.flatMap(({ entries }) => entries.filter(({ booking }) => booking !== undefined)),
    ).toEqual([])
  })
})
