/** A folder with statements in several forms: each booking counts once. */
import { mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import type { StatementEntry, UnusedPart } from "../../../src/providers/books.ts"
import { readStatementAmongOthers } from "../../../src/providers/iso20022/bank-statement.ts"
import { statementFolder } from "../../../src/providers/iso20022/statement-folder.ts"
import { debit, type MtParts, mt940 } from "../swift-mt/statements.ts"
import { accountMessage } from "./account-messages.ts"
import { zipOf } from "./zipped.ts"

const day = "2026-11-27"
const iban = "NL91ABNA0417164300"
const R1 = "ABCDEFGHIJKLMNOPQRSTUV-1-1"
const R2 = "ABCDEFGHIJKLMNOPQRSTUV-2-1"

const camt = accountMessage("camt.053", 8, [{ reference: R1, amount: "10.00" }])
const mt = (reference = R1, more: Partial<MtParts> = {}) =>
  mt940({ lines: [debit(1_000n, `/EREF/${reference}/`)], ...more })

/** The references of the entries in these files, and what of the files is not used. */
const read = Effect.fnUntraced(function* (files: Readonly<Record<string, string | Uint8Array>>) {
  const folder = mkdtempSync(join(tmpdir(), "statements-"))
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content)
  const entries: Array<StatementEntry> = []
  const unused: Array<UnusedPart> = []
  const source = statementFolder(folder, "north", day, readStatementAmongOthers, { iban })
  const outcome = yield* Effect.result(
    source(
      (entry) => entries.push(entry),
      (part) => unused.push(part),
    ),
  )
  return {
    references: entries.map(({ reference }) => reference),
    unused: unused.map(({ place, problem }) => `${place}: ${problem}`),
    isThere: Result.isSuccess(outcome),
  }
})

const once = { references: [R1], unused: [], isThere: true }

it.effect("reads an MT940, by the names that banks give it", () =>
  Effect.gen(function* () {
    for (const name of ["a.sta", "A.STA", "a.MT940", "a.940", "a.xml"])
      assert.deepStrictEqual(yield* read({ [name]: mt(), "notes.txt": "?" }), once)
  }),
)

it.effect("counts what a camt.053 and an MT940 say of one account and day once", () =>
  Effect.gen(function* () {
    assert.deepStrictEqual(yield* read({ "a.sta": mt(), "b.xml": camt }), once)
    assert.deepStrictEqual(yield* read({ "a.xml": camt, "b.zip": zipOf({ name: "x", content: mt() }) }), once)
    const other = mt(R2, { account: "NL20ABNA0123456789" })
    assert.deepStrictEqual((yield* read({ "a.sta": other, "b.xml": camt })).references, [R1, R2])
    const german = { account: "37040044/532013000" }
    const ofGermany = camt.replace(iban, "DE89370400440532013000")
    assert.deepStrictEqual((yield* read({ "a.sta": mt(R1, german), "b.xml": ofGermany })).references, [R1])
  }),
)

it.effect("counts a statement once that comes again under another message reference", () =>
  Effect.gen(function* () {
    const again = mt().replace(":20:STARTUMSE", ":20:OTHER")
    assert.deepStrictEqual(yield* read({ "a.sta": mt(), "b.sta": again }), once)
    const page = mt(R2, { number: "42/2", opening: 99_000n, pages: ["M", "F"] })
    assert.deepStrictEqual((yield* read({ "a.sta": mt(), "b.sta": page })).references, [R1, R2])
  }),
)

it.effect("reads the files of a container, once, and says which of them it cannot use", () =>
  Effect.gen(function* () {
    const zip = zipOf(
      { name: "1", content: camt },
      { name: "2", content: "<a>" },
      { name: "3", content: camt },
    )
    assert.deepStrictEqual(yield* read({ "a.xml": camt, "b.zip": zip }), {
      ...once,
      unused: ["b.zip file 2 of the zip: line 1: not well-formed XML"],
    })
    assert.deepStrictEqual(yield* read({ "a.xml": camt, "b.zip": zip.subarray(0, 50) }), {
      ...once,
      unused: ["b.zip: the zip: has no end"],
    })
  }),
)

it.effect("has no statement of a day in a report within it, nor in one that is cut", () =>
  Effect.gen(function* () {
    const interim = [
      ":20:X",
      `:25:${iban}`,
      ":28C:1/1",
      ":34F:EURD0,",
      `:61:261127D10,00NTRF${R1}`,
      "-",
    ].join("\n")
    assert.deepStrictEqual(yield* read({ "a.sta": interim }), { references: [], unused: [], isThere: false })
    const cut = mt().slice(0, mt().indexOf(":62F"))
    assert.deepStrictEqual(yield* read({ "a.sta": cut }), {
      references: [],
      unused: ["a.sta: line 1, field 62F: missing"],
      isThere: false,
    })
  }),
)
