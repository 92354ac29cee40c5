/** A model of a bank: what it says of orders in files of all kinds, and what must become of each thing that it says. */
import { fc } from "../../../property.ts"
import { booking } from "./reported-orders.ts"

/** The orders of a file: the first has 1.00 EUR, and each further one twice as much, so that no two sums are the same. */
export const ORDERS = 5
export const minorOf = (index: number): number => 100 * 2 ** index
const decimal = (minor: number): string => (minor / 100).toFixed(2)

/** What must become of a thing that the bank says. */
export type Expected =
  | { readonly order: number; readonly report: string }
  | { readonly oddity: readonly [reference: string, reason: string] }

/**
 * A part of a file, and what must become of it. `MSGID` stands for the id of our file, `REF0` and so on for the orders, `UETR0` and
 * so on for their UETRs, and `TODAY` for the day on which they were made.
 */
interface Said {
  readonly xml: string
  readonly expected: ReadonlyArray<Expected>
  /** What there is one of: in a message for the file as a whole, in a part of it for a bank's own id that stands alone. */
  readonly only?: "file" | `KNOWN${number}`
}

export interface BankFile {
  readonly text: string
  readonly encoding: Encoding
  readonly expected: ReadonlyArray<Expected>
}

const encodings = ["utf-8", "utf-8 with mark", "iso-8859-1", "windows-1252", "utf-16le", "utf-16be"] as const
type Encoding = (typeof encodings)[number]

/** The bytes of a file, with the encoding in its declaration. */
export const bytesOf = (text: string, encoding: Encoding): Buffer => {
  const name = encoding.replace(" with mark", "").replace(/-?[lb]e$/, "")
  const file = `<?xml version="1.0" encoding="${name}"?>\n${text}`
  switch (encoding) {
    case "utf-8":
      return Buffer.from(file)
    case "utf-8 with mark":
      return Buffer.from(`\ufeff${file}`)
    case "utf-16le":
      return Buffer.from(`\ufeff${file}`, "utf16le")
    case "utf-16be":
      return Buffer.from(`\ufeff${file}`, "utf16le").swap16()
    default:
      return Buffer.from(file, "latin1")
  }
}

const settled = (order: number): Expected => ({ order, report: "settled" })
const odd = (reference: string, reason: string): Expected => ({ oddity: [reference, reason] })

/** Which ids a transaction has. */
const idsOf = (order: number) =>
  fc.constantFrom<Readonly<Record<string, string>>>(
    { EndToEndId: `REF${order}` },
    { EndToEndId: "NOTPROVIDED", InstrId: `REF${order}` },
    { InstrId: `REF${order}`, PmtInfId: "MSGID" },
    { TxId: `REF${order}` },
    { EndToEndId: `REF${order}`, InstrId: "BANKS-OWN" },
    { EndToEndId: `REF${order}`, AcctSvcrRef: `SVC${order}` },
    { AcctSvcrRef: `KNOWN${order}` },
    { AcctSvcrRef: `KNOWN${order}`, PmtInfId: "MSGID" },
    { UETR: `UETR${order}` },
    { EndToEndId: "NOTPROVIDED", UETR: `UETR${order}`, AcctSvcrRef: `SVC${order}` },
    { EndToEndId: `REF${order}`, UETR: `UETR${order}` },
    { TxId: "BANKS-OWN", UETR: `UETR${order}`, MsgId: "FOREIGN-MSG" },
    { EndToEndId: `REF${order}`, UETR: strangersUetr },
  )

/** Nobody's among ours. */
const strangersUetr = "12345678-0000-4000-8000-123456789012"

const dates = fc.constantFrom(
  "",
  "<BookgDt><Dt>TODAY</Dt></BookgDt>",
  "<BookgDt><DtTm>TODAYT10:00:00+01:00</DtTm></BookgDt><ValDt><Dt>2026-11-27</Dt></ValDt>",
  "<ValDt><Dt>TODAY</Dt></ValDt><AddtlNtryInf>Überweisung für Müller</AddtlNtryInf>",
)

/** Where the amount of a transaction stands, if not only in its entry. */
type Place = "Amt" | "TxAmt" | "entry"
const places = fc.constantFrom<Place>("Amt", "TxAmt", "entry")

const entryOf = (
  minor: number,
  kind: "DBIT" | "CRDT",
  ids: Readonly<Record<string, string>>,
  { place, date, more = "" }: { readonly place: Place; readonly date: string; readonly more?: string },
): string => {
  const txAmt = place === "TxAmt" ? `<TxAmt><Amt Ccy="EUR">${decimal(minor)}</Amt></TxAmt>` : ""
  const details = more.includes("<AmtDtls>") || txAmt === "" ? "" : `<AmtDtls>${txAmt}</AmtDtls>`
  return booking({
    amount: decimal(minor),
    kind,
    more: date,
    transactions: [
      { ids, more: `${details}${more}`, ...(place === "Amt" ? { amount: decimal(minor) } : {}) },
    ],
  })
}

const charge = '<Chrgs><Rcrd><Amt Ccy="EUR">0.35</Amt><CdtDbtInd>DBIT</CdtDbtInd></Rcrd></Chrgs>'
const instructed = (minor: number) =>
  `<AmtDtls><InstdAmt><Amt Ccy="EUR">${decimal(minor)}</Amt></InstdAmt></AmtDtls>`
const returned = "<RtrInf><Rsn><Cd>AC01</Cd></Rsn><AddtlInf>Konto ungültig</AddtlInf></RtrInf>"

/** What an entry says of one order. */
const onOne = (order: number): fc.Arbitrary<Said> =>
  fc
    .record({ ids: idsOf(order), place: places, date: dates, what: fc.nat({ max: 6 }) })
    .map(({ ids, place, date, what }): Said => {
      const only = ids.AcctSvcrRef === `KNOWN${order}` ? { only: `KNOWN${order}` as const } : {}
      return { ...saidOf(order, { ids, place, date, what }), ...only }
    })

const saidOf = (
  order: number,
  {
    ids,
    place,
    date,
    what,
  }: { ids: Readonly<Record<string, string>>; place: Place; date: string; what: number },
): Said => {
  const minor = minorOf(order)
  const own = { place, date }
  const isBack = { order, report: "returned AC01" }
  switch (what) {
    case 0:
      return { xml: entryOf(minor, "DBIT", ids, own), expected: [settled(order)] }
    case 1:
      return {
        xml: entryOf(minor + 35, "DBIT", ids, { ...own, more: charge }),
        expected: [settled(order)],
      }
    case 2:
      return { xml: entryOf(minor, "CRDT", ids, { ...own, more: returned }), expected: [isBack] }
    case 3: {
      const more = `${instructed(minor)}${returned}`
      return { xml: entryOf(minor - 35, "CRDT", ids, { place: "Amt", date, more }), expected: [isBack] }
    }
    case 4:
      return {
        xml: entryOf(minor + 1, "DBIT", ids, own),
        expected: [odd(`REF${order}`, "amount-differs")],
      }
    case 5:
      return { xml: entryOf(minor, "CRDT", ids, own), expected: [odd(`REF${order}`, "unclear-status")] }
    default:
      return {
        xml: entryOf(minor, "DBIT", { EndToEndId: `REF${order}` }, own).replace("DBIT", "BOTH"),
        expected: [odd(`REF${order}`, "unreadable-entry")],
      }
  }
}

const sumOf = (orders: ReadonlyArray<number>) => orders.reduce((sum, order) => sum + minorOf(order), 0)
const everyOrder = Array.from({ length: ORDERS }, (_, index) => index)

/** What an entry says of several orders at once. */
const onMany: fc.Arbitrary<Said> = fc
  .record({
    orders: fc.subarray([...everyOrder], { minLength: 2 }),
    isRight: fc.boolean(),
    name: fc.constantFrom("PmtInfId", "MsgId"),
    isWhole: fc.boolean(),
    hasCount: fc.boolean(),
  })
  .map(({ orders, isRight, name, isWhole, hasCount }): Said => {
    const booked = isWhole ? everyOrder : orders
    const amount = decimal(sumOf(booked) + (isRight ? 0 : 1))
    if (!isWhole)
      return {
        xml: booking({
          amount,
          transactions: booked.map((order) => ({ ids: { EndToEndId: `REF${order}` } })),
        }),
        expected: booked.map((order) => (isRight ? settled(order) : odd(`REF${order}`, "unclear-batch"))),
      }
    const count = hasCount ? `<NbOfTxs>${ORDERS}</NbOfTxs>` : ""
    return {
      xml: booking({ amount, batch: `<${name}>MSGID</${name}>${count}` }),
      expected: isRight ? booked.map(settled) : [odd("MSGID", "unclear-batch")],
    }
  })

/**
 * Entries that name no more than the file, each for one order: they are what was ordered if none is missing. Each has an id of the
 * bank that nothing is known of, as entries that are booked apart do.
 */
const onFile: fc.Arbitrary<Said> = fc
  .record({
    isWhole: fc.boolean(),
    some: fc.subarray(everyOrder.slice(1), { minLength: 1 }),
    name: fc.constantFrom("PmtInfId", "MsgId"),
    place: fc.constantFrom<Place>("Amt", "TxAmt"),
    date: dates,
  })
  .map(({ isWhole, some, name, place, date }): Said => {
    // The first order is never refused, so without it the sum is neither of all nor of those that were not refused.
    const booked = isWhole ? everyOrder : some
    const xml = booked.map((order) =>
      entryOf(minorOf(order), "DBIT", { [name]: "MSGID", AcctSvcrRef: `APART${order}` }, { place, date }),
    )
    return {
      xml: xml.join(""),
      expected: isWhole ? booked.map(settled) : [odd("MSGID", "unclear-batch")],
      only: "file",
    }
  })

/** Entries that have ids of two orders, or of an order and of another time or payment: they are nobody's. */
const onTwo: fc.Arbitrary<Said> = fc
  .record({
    order: fc.nat({ max: ORDERS - 2 }),
    what: fc.constantFrom("uetr", "reused", "foreign", "earlier", "twice"),
    place: places,
  })
  .map(({ order, what, place }): Said => {
    const one = (ids: Readonly<Record<string, string>>, date = "") =>
      entryOf(minorOf(order), "DBIT", ids, { place, date })
    const known = `KNOWN${order}` as const
    const isReused = { expected: [odd(known, "reused-id")], only: known }
    switch (what) {
      case "uetr":
        return {
          xml: one({ EndToEndId: `REF${order}`, UETR: `UETR${order + 1}` }),
          expected: [odd(`REF${order}`, "conflicting-ids")],
        }
      case "reused":
        return { xml: one({ AcctSvcrRef: known, PmtInfId: "STRANGERS" }), ...isReused }
      case "twice":
        return { xml: `${one({ AcctSvcrRef: known })}${one({ AcctSvcrRef: known })}`, ...isReused }
      case "foreign":
        return {
          xml: one({ AcctSvcrRef: known, UETR: strangersUetr, MsgId: "MSGID" }),
          expected: [odd(strangersUetr, "unknown-reference")],
          only: known,
        }
      default:
        return { xml: one({ AcctSvcrRef: known }, "<BookgDt><Dt>2025-11-26</Dt></BookgDt>"), ...isReused }
    }
  })

/** Entries of strangers, of which a statement of the whole account has as many as it likes. */
const onNobody = (kind: string): fc.Arbitrary<Said> =>
  fc.constantFrom("named", "nameless", "batch", "pending", "uetr").map((what): Said => {
    const unknown = (...ids: ReadonlyArray<string>) =>
      kind === "camt.054" ? ids.map((id) => odd(id, "unknown-reference")) : []
    const salaries = ["SALARY1", "SALARY2"]
    switch (what) {
      case "named":
        return {
          xml: booking({ amount: "7.00", transactions: [{ ids: { EndToEndId: "STRANGER" } }] }),
          expected: unknown("STRANGER"),
        }
      case "uetr":
        return {
          xml: booking({ amount: "7.00", transactions: [{ ids: { UETR: strangersUetr.toUpperCase() } }] }),
          expected: unknown(strangersUetr),
        }
      case "batch":
        return {
          xml: booking({
            amount: "500.00",
            transactions: salaries.map((id) => ({ ids: { EndToEndId: id } })),
          }),
          expected: unknown(...salaries),
        }
      case "pending":
        return {
          xml: entryOf(100, "DBIT", { EndToEndId: "REF0" }, { place: "Amt", date: "" }).replace(
            "BOOK",
            "PDNG",
          ),
          expected: [],
        }
      default:
        return { xml: booking({ amount: "3.50" }), expected: [] }
    }
  })

const contents: Readonly<Record<string, readonly [content: string, part: string]>> = {
  "camt.052": ["BkToCstmrAcctRpt", "Rpt"],
  "camt.053": ["BkToCstmrStmt", "Stmt"],
  "camt.054": ["BkToCstmrDbtCdtNtfctn", "Ntfctn"],
}

/** Without what there may be one of, where it comes again. */
const oneOfEach = (parts: ReadonlyArray<ReadonlyArray<Said>>): ReadonlyArray<ReadonlyArray<Said>> => {
  const seen = new Set<string>()
  return parts.map((all, part) =>
    all.filter(({ only }) => {
      const key = only === undefined || only === "file" ? only : `${part} ${only}`
      return key === undefined || (!seen.has(key) && seen.add(key).has(key))
    }),
  )
}

const accountFiles: fc.Arbitrary<Said> = fc.constantFrom(...Object.keys(contents)).chain((kind) => {
  const said = fc.oneof(
    { weight: 6, arbitrary: fc.nat({ max: ORDERS - 1 }).chain(onOne) },
    { weight: 2, arbitrary: onMany },
    { weight: 2, arbitrary: onFile },
    { weight: 2, arbitrary: onTwo },
    { weight: 2, arbitrary: onNobody(kind) },
  )
  const version = fc.constantFrom("02", "04", "08", "13")
  const parts = fc.array(fc.array(said, { maxLength: 4 }), { minLength: 1, maxLength: 3 })
  return fc.tuple(version, parts).map(([version, parts]): Said => {
    const [content, part] = contents[kind] ?? []
    // A part that says nothing of ours, so that a file always has something that can be read.
    const entries = [[{ xml: booking({ amount: "0.01" }), expected: [] }], ...oneOfEach(parts)]
    const inner = entries.map((all, index) => {
      const id = `<Id>${index}</Id><CreDtTm>2026-11-27T08:00:00Z</CreDtTm>`
      return `<${part}>${id}${all.map(({ xml }) => xml).join("")}</${part}>`
    })
    return {
      xml: `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:${kind}.001.${version}"><${content}>${inner.join("")}</${content}></Document>`,
      expected: entries.flat().flatMap(({ expected }) => expected),
    }
  })
})

const refusal =
  "<StsRsnInf><Rsn><Prtry>Z 1</Prtry></Rsn></StsRsnInf><StsRsnInf><Rsn><Cd>AC04</Cd></Rsn><AddtlInf>Müller</AddtlInf></StsRsnInf>"

/** What a status report says of one order. */
const statusOf = (order: number): fc.Arbitrary<Said> =>
  fc
    .record({
      ids: fc.constantFrom(
        `<OrgnlEndToEndId>REF${order}</OrgnlEndToEndId>`,
        `<OrgnlInstrId>REF${order}</OrgnlInstrId>`,
        `<OrgnlInstrId>REF${order}</OrgnlInstrId><OrgnlEndToEndId>NOTPROVIDED</OrgnlEndToEndId>`,
        `<OrgnlUETR>UETR${order}</OrgnlUETR>`,
        `<OrgnlEndToEndId>NOTPROVIDED</OrgnlEndToEndId><OrgnlUETR>UETR${order}</OrgnlUETR>`,
      ),
      what: fc.constantFrom("ACSP", "ACSC", order === 0 ? "ACSP" : "RJCT", "CANC", "progress", "long"),
    })
    .map(({ ids, what }): Said => {
      const one = (status: string, more = "") =>
        `<TxInfAndSts>${ids}<TxSts>${status}</TxSts>${more}</TxInfAndSts>`
      switch (what) {
        case "ACSP":
          return { xml: one("ACSP"), expected: [{ order, report: "accepted" }] }
        case "ACSC":
          return { xml: one("ACSC"), expected: [settled(order)] }
        case "RJCT":
          return { xml: one("RJCT", refusal), expected: [{ order, report: "failed AC04" }] }
        case "progress":
          return {
            xml: `${one("ACSP")}${one("ACSC")}`,
            expected: [{ order, report: "accepted" }, settled(order)],
          }
        case "long":
          return {
            xml: one("A".repeat(200)),
            expected: [odd(`REF${order}`, "unreadable-entry")],
          }
        default:
          return { xml: one("CANC"), expected: [odd(`REF${order}`, "unclear-status")] }
      }
    })

const statusFiles: fc.Arbitrary<Said> = fc
  .record({
    namespace: fc.constantFrom(
      "urn:iso:std:iso:20022:tech:xsd:pain.002.001.03",
      "urn:iso:std:iso:20022:tech:xsd:pain.002.001.10",
      "urn:iso:std:iso:20022:tech:xsd:pain.002.003.03",
      "http://www.six-interbank-clearing.com/de/pain.002.001.03.ch.02.xsd",
      "ISO:pain.002.001.03:APC:STUZZA:payments:003",
    ),
    said: fc
      .subarray([...everyOrder])
      .chain((orders) => fc.tuple(...orders.map(statusOf)) as fc.Arbitrary<ReadonlyArray<Said>>),
    about: fc.constantFrom("message", "payment", "both", "nobody"),
    group: fc.constantFrom("", "<GrpSts>PART</GrpSts>"),
    hasStranger: fc.boolean(),
  })
  .map(({ namespace, said, about, group, hasStranger }): Said => {
    const isOurs = (kind: string) => about === kind || about === "both"
    const stranger =
      "<TxInfAndSts><OrgnlEndToEndId>STRANGER</OrgnlEndToEndId><TxSts>ACSC</TxSts></TxInfAndSts>"
    const transfers = `${said.map(({ xml }) => xml).join("")}${hasStranger ? stranger : ""}`
    return {
      // With a status of the whole, there is always something that can be read.
      xml: `<Document xmlns="${namespace}"><CstmrPmtStsRpt><GrpHdr><MsgId>S1</MsgId></GrpHdr><OrgnlGrpInfAndSts>
        <OrgnlMsgId>${isOurs("message") ? "MSGID" : "FOREIGN-MSG"}</OrgnlMsgId>${group || "<GrpSts>PATC</GrpSts>"}</OrgnlGrpInfAndSts>
        <OrgnlPmtInfAndSts><OrgnlPmtInfId>${isOurs("payment") ? "MSGID" : "FOREIGN-PMT"}</OrgnlPmtInfId>${transfers}</OrgnlPmtInfAndSts>
        </CstmrPmtStsRpt></Document>`,
      expected: [
        ...said.flatMap(({ expected }) => expected),
        ...(about === "nobody" ? [odd("FOREIGN-MSG", "unknown-file")] : []),
        ...(hasStranger ? [odd("STRANGER", "unknown-reference")] : []),
      ],
    }
  })

/** A file of the bank, in any encoding, with or without a prefix on its elements. */
export const bankFiles: fc.Arbitrary<BankFile> = fc
  .record({
    said: fc.oneof(accountFiles, statusFiles),
    encoding: fc.constantFrom(...encodings),
    hasPrefix: fc.boolean(),
  })
  .map(({ said: { xml, expected }, encoding, hasPrefix }) => ({
    text: hasPrefix ? xml.replace(/<(\/?)(?=[A-Z])/g, "<$1n:").replace("xmlns=", "xmlns:n=") : xml,
    encoding,
    expected,
  }))

/** A report that names each order by our reference and by the bank's own id, which later files may use alone. */
export const teaching = `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt><OrgnlGrpInfAndSts>
  <OrgnlMsgId>MSGID</OrgnlMsgId></OrgnlGrpInfAndSts><OrgnlPmtInfAndSts>${everyOrder
    .map(
      (order) =>
        `<TxInfAndSts><OrgnlEndToEndId>REF${order}</OrgnlEndToEndId><TxSts>ACSP</TxSts><AcctSvcrRef>KNOWN${order}</AcctSvcrRef></TxInfAndSts>`,
    )
    .join("")}</OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>`
