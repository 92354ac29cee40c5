/** Where the statements of a day are read: as each bank's kind says, or in a folder that was given. */
import { mkdirSync, mkdtempSync, renameSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, it } from "@effect/vitest"
import { Effect, Layer, Option, Schema } from "effect"
import { bankKind, bankKindsLayer } from "../../src/providers/banks/bank-kind.ts"
import { files } from "../../src/providers/banks/files/files.ts"
import type { StatementEntry, UnusedPart } from "../../src/providers/books.ts"
import { bankStatements } from "../../src/reconciliation/bank-statements.ts"
import { providerSettings } from "../settings.ts"

const day = "2026-11-23"

const statementOf = (reference: string): string =>
  `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt><Stmt>
    <FrToDt><ToDtTm>${day}T23:59:59Z</ToDtTm></FrToDt>
    <Acct><Id><IBAN>NL91ABNA0417164300</IBAN></Id><Ccy>EUR</Ccy></Acct>
    <Ntry><Amt Ccy="EUR">12.34</Amt><CdtDbtInd>DBIT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>${day}</Dt></BookgDt>
      <NtryDtls><TxDtls><Refs><EndToEndId>${reference}</EndToEndId></Refs></TxDtls></NtryDtls></Ntry>
  </Stmt></BkToCstmrStmt></Document>`

/** A kind whose statement has one entry, named as the settings of the bank say. */
const telling = bankKind({
  name: "telling",
  settings: Schema.Struct({ entry: Schema.String }),
  http: () => undefined,
  connect: () => Effect.die(new Error("nobody is paid")),
  statement: ({ name, own }, bookedOn) =>
    Effect.succeed((visit) =>
      Effect.sync(() =>
        visit({ bank: name, reference: own.entry, currency: "EUR", minor: 1n, kind: "debit", bookedOn }),
      ),
    ),
})
const silent = bankKind({
  name: "silent",
  settings: Schema.Struct({}),
  http: () => undefined,
  connect: () => Effect.die(new Error("nobody is paid")),
})

const folderWith = (contents: Readonly<Record<string, string>>): string => {
  const folder = mkdtempSync(join(tmpdir(), "bank-statements-"))
  for (const [name, text] of Object.entries(contents)) {
    mkdirSync(join(folder, name))
    writeFileSync(join(folder, name, "1.xml"), text)
  }
  return folder
}

const account = { scheme: "iban", iban: "NL91ABNA0417164300" }
const clearing = (folder: string) => ({
  name: "clearing",
  kind: "files",
  folder,
  debtor: { name: "Atlas Marketplace", account },
})

/** What the banks of a document say of the day, as bank and reference. */
const told = (
  banks: ReadonlyArray<object>,
  folder: Option.Option<string> = Option.none(),
  unused: Array<UnusedPart> = [],
) => {
  const nowhere = { url: "http://127.0.0.1:9" }
  const file = join(mkdtempSync(join(tmpdir(), "bank-statements-")), "providers.json")
  const routes = [{ rule: "all", banks: ["clearing"] }]
  writeFileSync(
    file,
    JSON.stringify({ version: "test", compliance: nowhere, ledger: nowhere, banks, routes }),
  )
  return Effect.gen(function* () {
    const entries: Array<StatementEntry> = []
    yield* (yield* bankStatements(day, folder))(
      (entry) => entries.push(entry),
      (part) => unused.push(part),
    )
    return entries.map(({ bank, reference }) => `${bank} ${reference}`)
  }).pipe(
    Effect.provide(
      Layer.merge(providerSettings({ PROVIDERS_FILE: file }), bankKindsLayer([files, telling, silent])),
    ),
  )
}

it.effect("reads each bank's as its kind says, in the order of the settings", () =>
  Effect.gen(function* () {
    const banks = [
      { name: "north", kind: "telling", entry: "N" },
      clearing(folderWith({ archive: statementOf("C") })),
      { name: "south", kind: "telling", entry: "S" },
    ]
    assert.deepStrictEqual(yield* told(banks), ["north N", "clearing C", "south S"])
  }),
)

it.effect("reads those of a bank that takes files under the names that the bank gives them", () =>
  Effect.gen(function* () {
    const folder = folderWith({ archive: statementOf("C") })
    renameSync(join(folder, "archive", "1.xml"), join(folder, "archive", "0123456789abcdef-CAMT053.P0001"))
    assert.deepStrictEqual(yield* told([clearing(folder)]), ["clearing C"])
  }),
)

it.effect.each([
  ["Id", "<Id>S1</Id>", "<Id>S1</Id>", 1],
  ["Id", "<Id>S1</Id>", "<Id>S2</Id>", 2],
  [
    "page",
    "<Id>S</Id><StmtPgntn><PgNb>1</PgNb></StmtPgntn>",
    "<Id>S</Id><StmtPgntn><PgNb>2</PgNb></StmtPgntn>",
    2,
  ],
  ["number", "<Id>S</Id><ElctrncSeqNb>7</ElctrncSeqNb>", "<Id>S</Id><ElctrncSeqNb>8</ElctrncSeqNb>", 2],
  ["legal number", "<Id>S</Id><LglSeqNb>7</LglSeqNb>", "<Id>S</Id><LglSeqNb>8</LglSeqNb>", 2],
  ["numbers", "<Id>S</Id><ElctrncSeqNb>7</ElctrncSeqNb>", "<Id>S</Id><ElctrncSeqNb>7</ElctrncSeqNb>", 1],
  [
    "balances",
    '<Id>S</Id><Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">5.00</Amt></Bal>',
    '<Id>S</Id><Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">4.00</Amt></Bal>',
    2,
  ],
  [
    "balances",
    '<Id>S</Id><Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">5.00</Amt></Bal>',
    '<Id>S</Id><Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp><Amt Ccy="EUR">5.00</Amt></Bal>',
    1,
  ],
] as const)("takes a statement for a copy by its %s: %s, %s", ([, one, other, count]) =>
  Effect.gen(function* () {
    const paid = statementOf("C").replace("<FrToDt>", `${one}<FrToDt>`)
    const folder = folderWith({ archive: paid })
    writeFileSync(join(folder, "archive", "2.xml"), `${paid.replace(one, other)}\n`)
    assert.lengthOf(yield* told([clearing(folder)]), count)
  }),
)

it.effect("believes a folder that was given, of any kind, in the place of the bank", () =>
  Effect.gen(function* () {
    const given = folderWith({ north: statementOf("given"), west: statementOf("given too") })
    const banks = [
      { name: "north", kind: "telling", entry: "N" },
      { name: "west", kind: "silent" },
      { ...clearing(folderWith({ archive: statementOf("C") })) },
    ]
    assert.deepStrictEqual(yield* told(banks, Option.some(given)), [
      "north given",
      "west given too",
      "clearing C",
    ])
  }),
)

it.effect("does not use a statement of another account that lies in the folder of a bank, and says so", () =>
  Effect.gen(function* () {
    const given = folderWith({ clearing: statementOf("own") })
    const other = statementOf("other").replace("NL91ABNA0417164300", "DE89370400440532013000")
    writeFileSync(join(given, "clearing", "2.xml"), other.replace("<Stmt>", "<Stmt><Id>S-7</Id>"))
    writeFileSync(join(given, "clearing", "3.xml"), other.replaceAll(day, "2026-11-24"))
    const unused: Array<UnusedPart> = []
    const banks = [clearing(folderWith({ archive: "" }))]
    assert.deepStrictEqual(yield* told(banks, Option.some(given), unused), ["clearing own"])
    assert.deepStrictEqual(unused, [
      {
        bank: "clearing",
        place: "2.xml Stmt S-7",
        problem: "it is about another account than the one that the bank pays from",
      },
    ])
    const alone = folderWith({ clearing: other })
    const error = yield* Effect.flip(told(banks, Option.some(alone)))
    assert.include(error.message, `no statement of ${day}`)
  }),
)

it.effect("uses a statement of any account in the folder of a bank whose account is not known", () =>
  Effect.gen(function* () {
    const given = folderWith({ clearing: statementOf("given") })
    const banks = [{ name: "clearing", kind: "telling", entry: "N" }]
    assert.deepStrictEqual(yield* told(banks, Option.some(given)), ["clearing given"])
  }),
)

it.effect.each<readonly [what: string, bank: object, where: string]>([
  ["is of a kind without a statement", { name: "west", kind: "silent" }, "west"],
  ["is of a kind that there is not", { name: "west", kind: "constructor", url: "https://w.io" }, "west"],
  ["sent nothing of the day", { ...clearing(folderWith({ archive: "" })), name: "west" }, "archive"],
])("takes a bank for unreadable that %s", ([, bank, where]) =>
  Effect.gen(function* () {
    const error = yield* Effect.flip(told([{ name: "clearing", kind: "telling", entry: "C" }, bank]))
    assert(error._tag === "SourceUnreadable")
    assert.include(error.source, where)
  }),
)

it.effect("takes a folder of nobody for a mistake, and settings that the kind cannot read", () =>
  Effect.gen(function* () {
    const banks = [{ name: "clearing", kind: "telling", entry: "C" }]
    const given = Option.some(folderWith({ nobody: statementOf("given") }))
    const stranger = yield* Effect.flip(told(banks, given))
    assert.include(stranger.message, "nobody cannot be read: the folder is not named after a configured bank")
    const mistaken = yield* Effect.flip(told([...banks, { name: "north", kind: "telling", enrty: "N" }]))
    assert.strictEqual(mistaken._tag, "InvalidProviderSetting")
  }),
)
