import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import type { StatementEntry } from "../../../src/providers/books.ts"
import {
  banksIn,
  type StatementReader,
  statementFolder,
} from "../../../src/providers/iso20022/statement-folder.ts"

const day = "2026-11-23"

/** A statement for a test is a day and references, one in each line. */
const read: StatementReader = (file) => {
  const [first = "", ...references] = Buffer.from(file).toString().trim().split("\n")
  if (first === "another message") return Result.succeed(undefined)
  if (!/^\d{4}-/.test(first)) return Result.fail({ message: "not a statement" })
  return Result.succeed({
    day: first,
    entries: references.map((reference) => ({
      reference,
      currency: "EUR",
      minor: 1n,
      kind: "debit" as const,
      bookedOn: first,
    })),
  })
}

const folderOf = (files: Readonly<Record<string, string>>): string => {
  const folder = mkdtempSync(join(tmpdir(), "statements-"))
  mkdirSync(join(folder, "north"))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, "north", name), text)
  return folder
}

const entriesIn = (folder: string) =>
  Effect.gen(function* () {
    const entries: Array<StatementEntry> = []
    yield* statementFolder(join(folder, "north"), "north", day, read)((entry) => entries.push(entry))
    return entries.map(({ bank, reference, bookedOn }) => [bank, reference, bookedOn])
  })

it.effect("reads the statements of a bank, also of the days beside", () =>
  Effect.gen(function* () {
    const folder = folderOf({ "2.xml": "2026-11-24\nc", "1.xml": `${day}\na\nb`, "notes.txt": "?" })
    assert.deepStrictEqual(yield* banksIn(folder), ["north"])
    assert.deepStrictEqual(yield* entriesIn(folder), [
      ["north", "a", day],
      ["north", "b", day],
      ["north", "c", "2026-11-24"],
    ])
  }),
)

it.effect("counts a statement that lies there under two names once, and passes over other messages", () =>
  Effect.gen(function* () {
    const statement = `${day}\na`
    const folder = folderOf({ "1.xml": statement, "2.xml": statement, "3.xml": "another message" })
    assert.deepStrictEqual(yield* entriesIn(folder), [["north", "a", day]])
  }),
)

it.effect.each([
  ["has other messages alone", { "1.xml": "another message" }, /no statement of/],
  ["has no statement of the day", { "1.xml": "2026-11-22\na" }, /no statement of/],
  ["has a file that is no statement", { "1.xml": `${day}\na`, "2.xml": "torn" }, /not a statement/],
] as const)("does not take a folder for read that %s", ([, files, reason]) =>
  Effect.gen(function* () {
    assert.match((yield* Effect.flip(entriesIn(folderOf(files)))).message, reason)
  }),
)

it.effect("does not take a folder for empty that is not there", () =>
  Effect.gen(function* () {
    const error = yield* Effect.flip(banksIn("/nowhere/statements"))
    assert.deepInclude(error, { _tag: "SourceUnreadable", reason: "ENOENT" })
  }),
)
