/** Which files are messages of a bank: what is refused, and the encodings and namespaces that are read. */
import { describe, expect, it } from "vitest"
import {
  movement,
  namespace,
  notification,
  problemOf,
  read,
  reason,
  report,
  transfer,
} from "./bank-messages.ts"

describe("a file is refused that", () => {
  const fine = report("", transfer("R1", "ACSC"))
  it.each<readonly [string, string | Uint8Array, string]>([
    ["is not XML", "hello", "line 1: not well-formed XML"],
    ["ends too early", fine.slice(0, -20), "not well-formed XML"],
    ["is empty", "", "not well-formed XML"],
    ["is not UTF-8", Buffer.from("<a>\xe4</a>", "latin1"), "the file: not UTF-8"],
    [
      "has a document type",
      `<!DOCTYPE Document [<!ENTITY x "y">]>${fine}`,
      "a document type is not accepted",
    ],
    ["refers to entities of its own", fine.replace("R1", "&x;"), "a reference that XML does not know"],
    ["has a control character", fine.replace("R1", "R\u0000"), "a character that XML does not have"],
    ["has endless tags", `<a>${"<a/>".repeat(1_000_000)}</a>`, "more than 1000000 tags"],
    ["has endless attributes", `<a>${'<b c="1" d="2"/>'.repeat(100_001)}</a>`, "more than 200000 attributes"],
    [
      "has endless references",
      `<a>${`<b>${"&lt;".repeat(3_000)}</b>`.repeat(70)}</a>`,
      "more than 200000 references",
    ],
    [
      "has an endless tag",
      `<a ${Array.from({ length: 2_000 }, (_, n) => `a${n}="1"`).join(" ")}/>`,
      "more than 16384 characters",
    ],
    ["has an endless name", `<${"a".repeat(20_000)}/>`, "more than 16384 characters"],
    ["has an endless text", `<a>${"x".repeat(20_000)}</a>`, "more than 16384 characters"],
    ["has a tag without an end", `<a${" ".repeat(20_000)}`, "more than 16384 characters"],
    ["is nested too deeply", `${"<a>".repeat(60)}1${"</a>".repeat(60)}`, "nested"],
    ["has names that are dangerous", "<a><__proto__>1</__proto__></a>", "names that are not accepted"],
    ["has two roots", "<a/><b/>", "not one root element"],
    ["is too long", Buffer.alloc(16 * 1024 * 1024 + 1, 0x20), "longer than"],
    [
      "is of another namespace",
      fine.replace(namespace("pain.002.001.10"), namespace("pain.008.001.02")),
      "Document: not a message",
    ],
    ["has no namespace", fine.replace(/ xmlns="[^"]*"/, ""), "Document: not a message"],
    ["is a family's name only", fine.replace("CstmrPmtStsRpt>", "Other>"), "not well-formed"],
    [
      "lacks what it speaks of",
      fine.replace(/<OrgnlMsgId>M1<\/OrgnlMsgId>/, ""),
      "OrgnlGrpInfAndSts/OrgnlMsgId: missing",
    ],
    [
      "says it twice",
      fine.replace("<OrgnlMsgId>", "<OrgnlMsgId>M0</OrgnlMsgId><OrgnlMsgId>"),
      "OrgnlGrpInfAndSts/OrgnlMsgId: occurs more than once",
    ],
    [
      "has endless texts",
      fine.replace("R1", "1".repeat(141)),
      "TxInfAndSts/OrgnlEndToEndId: longer than 140",
    ],
    [
      "has a bad decimal",
      notification(movement("DBIT").replace("12.34", "12,34")),
      "Ntry/Amt: not a decimal",
    ],
    ["has an exponent", notification(movement("DBIT").replace("12.34", "1e3")), "Ntry/Amt: not a decimal"],
    ["has a sign", notification(movement("DBIT").replace("12.34", "-12.34")), "Ntry/Amt: not a decimal"],
    [
      "has too many decimals",
      notification(movement("DBIT").replace("12.34", "12.345")),
      "Ntry/Amt: EUR has 2 decimals",
    ],
    ["has no currency", notification(movement("DBIT").replace(' Ccy="EUR"', "")), "Ntry/Amt: no currency"],
    [
      "has no such currency",
      notification(movement("DBIT").replace("EUR", "EURO")),
      "Ntry/Amt: not a payable",
    ],
    ["has no side", notification(movement("BOTH")), "Ntry/CdtDbtInd: neither"],
    [
      "has no such day",
      notification(movement("DBIT").replace("2026-11-26T", "2026-02-30T")),
      "Ntry/BookgDt: not a date",
    ],
  ])("%s", (_, xml, problem) => {
    expect(problemOf(xml)).toContain(problem)
  })

  it("is refused without a quote", () => {
    const canary = "DE89370400440532013000"
    const spoilt = [
      fine.replace("R1", `&${canary};`),
      fine.replace("ACSC", canary.repeat(9)),
      `<a><${canary}>`,
      `<${canary}/>`,
      notification(movement("DBIT").replace("12.34", canary)),
      notification(movement("DBIT").replace("EUR", canary)),
      notification(movement(canary)),
      notification(movement("DBIT").replace("2026-11-26T", canary)),
    ].map(problemOf)
    expect(spoilt.filter((problem) => problem === "none" || problem.includes(canary.slice(4, 12)))).toEqual(
      [],
    )
  })
})

describe("an encoding", () => {
  const text = report("", transfer("R1", "RJCT", `${reason("AC04")}<!-- ü -->`)).replace("R1", "Rü1")
  const declared = (name: string) => `<?xml version="1.0" encoding="${name}"?>${text}`
  const utf16 = (text: string) => Buffer.from(text, "utf16le")
  it.each([
    ["is declared as ISO-8859-1", Buffer.from(declared("ISO-8859-1"), "latin1")],
    ["is declared as Windows-1252", Buffer.from(declared("windows-1252"), "latin1")],
    ["is declared as UTF-8", Buffer.from(declared("utf-8"))],
    ["is not declared", Buffer.from(text)],
    ["is marked as UTF-8, whatever is declared", Buffer.from(`\ufeff${declared("ISO-8859-1")}`)],
    ["is marked as UTF-16 LE", utf16(`\ufeff${declared("UTF-16")}`)],
    ["is marked as UTF-16 BE", utf16(`\ufeff${declared("UTF-16")}`).swap16()],
    ["is UTF-16 LE without a mark", utf16(declared("UTF-16LE"))],
    ["is UTF-16 BE without a mark", utf16(declared("UTF-16BE")).swap16()],
  ])("that %s is read", (_, file) => {
    expect(read(file)).toMatchObject({ named: [{ reference: "Rü1" }] })
  })

  it.each([
    ["ISO-8859-2", 0xb3, "ł"],
    ["iso8859-2", 0xb3, "ł"],
    ["ISO-8859-5", 0xd6, "ж"],
    ["ISO-8859-7", 0xf8, "ψ"],
    ["ISO-8859-9", 0xfd, "ı"],
    ["ISO-8859-13", 0xf0, "š"],
    ["ISO-8859-15", 0xa4, "€"],
    ["Windows-1250", 0xb3, "ł"],
    ["windows-1251", 0xe6, "ж"],
    ["windows-1253", 0xf8, "ψ"],
    ["windows-1254", 0xfd, "ı"],
    ["windows-1257", 0xf0, "š"],
  ])("of another region, %s, is read", (name, byte, character) => {
    const file = Buffer.from(declared(name).replace("Rü1", "R\u00001"), "latin1")
    expect(read(file.map((one) => one || byte))).toMatchObject({ named: [{ reference: `R${character}1` }] })
  })

  it("of Windows has its own characters", () => {
    const file = Buffer.from(declared("Windows-1252").replace("Rü1", "R\u00801"), "latin1")
    expect(read(file)).toMatchObject({ named: [{ reference: "R€1" }] })
  })

  it.each([
    ["IBM500", "the encoding IBM500 is not read"],
    ["DE89370400440532013000", "the encoding of its declaration is not read"],
    ["UTF-16", "not in the encoding that it declares, UTF-16"],
    ["US-ASCII", "not US-ASCII"],
  ])("%s is refused by name where it is not known or not kept to", (name, problem) => {
    expect(problemOf(Buffer.from(declared(name), "latin1"))).toBe(`the file: ${problem}`)
  })
})

describe("a namespace", () => {
  const fine = report("", transfer("R1", "ACSC"))
  it.each([
    "urn:iso:std:iso:20022:tech:xsd:pain.002.001.14",
    "urn:iso:std:iso:20022:tech:xsd:pain.002.002.03",
    "http://www.six-interbank-clearing.com/de/pain.002.001.03.ch.02.xsd",
    "ISO:pain.002.001.03:APC:STUZZA:payments:003",
  ])("%s is that of a report", (name) => {
    expect(read(fine.replace(namespace("pain.002.001.10"), name))).toMatchObject({ about: "M1" })
  })
  const bare = fine.replace(/ xmlns="[^"]*"/, "")
  const own = namespace("pain.002.001.10")
  const header =
    '<h:AppHdr xmlns:h="urn:iso:std:iso:20022:tech:xsd:head.001.001.02"><h:BizMsgIdr>1</h:BizMsgIdr></h:AppHdr>'
  it.each([
    ["beside its header", `<Envelope xmlns="urn:swift:xsd:envelope">${header}${fine}</Envelope>`],
    [
      "in a body",
      `<s:DataPDU xmlns:s="urn:swift:saa:xsd:saa.2.0"><s:Header/><s:Body>${header}${fine}</s:Body></s:DataPDU>`,
    ],
    ["that names its namespace", `<Envelope xmlns="${own}">${bare}</Envelope>`],
  ])("may be that of a report in an envelope, %s", (_, file) => {
    expect(read(file)).toMatchObject({ about: "M1" })
  })
  it.each([
    ["two reports", `<Envelope>${fine}${fine}</Envelope>`],
    ["no report", `<Envelope xmlns="${own}">${header}</Envelope>`],
    ["a report deep inside", `<a><b><c><d>${fine}</d></c></b></a>`],
    ["a report of two kinds", `<Envelope xmlns:c="${namespace("camt.054.001.08")}">${fine}</Envelope>`],
  ])("is that of nothing that is read in an envelope with %s", (_, file) => {
    expect(problemOf(file)).toContain("Document: not a message")
  })
  it.each(["urn:x:pain.0020.001.03", "urn:x:xpain.002.001.03", "urn:x:pain.002.001.031", "urn:x:pain.002"])(
    "%s is that of nothing that is read",
    (name) => {
      expect(problemOf(fine.replace(namespace("pain.002.001.10"), name))).toContain("Document: not a message")
    },
  )
})

it("reads references and literal sections as XML means them", () => {
  const xml = report("", transfer("R&#49;<![CDATA[&-]]>&amp;&#x41;", "ACSC"))
  expect(read(xml)).toMatchObject({ named: [{ reference: "R1&-&A" }] })
})
