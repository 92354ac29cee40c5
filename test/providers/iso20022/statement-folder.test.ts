import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import type { StatementEntry } from "../../../src/providers/books.ts"
import {
  anyName,
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
  const entries = references
    .filter((reference) => !reference.startsWith("unread"))
    .map((reference) => ({
      reference,
      currency: "EUR",
      minor: 1n,
      kind: "debit" as const,
      bookedOn: first,
    }))
  const unread = references
    .filter((reference) => reference.startsWith("unread"))
    .map((place) => ({ place, problem: "not a date" }))
  return Result.succeed({ statements: [{ id: "1", day: first, entries, unread }], unread: [] })
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

it.effect("reads what is called XML in any case, or all files of a bank, whatever they are called", () =>
  Effect.gen(function* () {
    const folder = folderOf({
      "1.XML": `${day}\na`,
      "camt053.P0001": `${day}\nb`,
      ".draft.xml": `${day}\nc`,
      ".draft": `${day}\nd`,
    })
    mkdirSync(join(folder, "north", "old.xml"))
    assert.deepStrictEqual(yield* entriesIn(folder), [["north", "a", day]])
    const all: Array<string> = []
    const place = join(folder, "north")
    yield* statementFolder(place, "north", day, read, { names: anyName })(({ reference }) =>
      all.push(reference),
    )
    assert.deepStrictEqual(all, ["a", "b"])
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
  ["has a file that is no statement, and none of the day", { "2.xml": "torn" }, /no statement of/],
] as const)("does not take a folder for read that %s", ([, files, reason]) =>
  Effect.gen(function* () {
    assert.match((yield* Effect.flip(entriesIn(folderOf(files)))).message, reason)
  }),
)

it.effect("reports what it cannot read, of files and of statements of the day, and reads the rest", () =>
  Effect.gen(function* () {
    const folder = folderOf({
      "1.xml": `${day}\na\nunread 1`,
      "2.xml": "torn",
      "3.xml": "2026-11-24\nunread 2",
      "4.xml": `${day}\nb\n${Array.from({ length: 102 }, (_, n) => `unread ${n}`).join("\n")}`,
    })
    const unused: Array<string> = []
    const entries: Array<string> = []
    yield* statementFolder(
      join(folder, "north"),
      "north",
      day,
      read,
    )(
      ({ reference }) => entries.push(reference),
      ({ bank, place, problem }) => unused.push(`${bank} ${place}: ${problem}`),
    )
    assert.deepStrictEqual(entries, ["a", "b"])
    assert.deepStrictEqual(unused.slice(0, 3), [
      "north 1.xml unread 1: not a date",
      "north 2.xml: not a statement",
      "north 4.xml unread 0: not a date",
    ])
    assert.deepStrictEqual(
      [unused.length, unused.at(-1)],
      [103, "north 4.xml: 2 further parts cannot be read"],
    )
  }),
)

it.effect("lists no more parts of a file than a hundred, of however many statements they are", () =>
  Effect.gen(function* () {
    const own = "NL91ABNA0417164300"
    const unread = Array.from({ length: 60 }, (_, n) => ({ place: `unread ${n}`, problem: "not a date" }))
    const statements = [own, own, "DE89370400440532013000"].map((account, index) => ({
      id: `${index}`,
      account,
      day,
      entries: [],
      unread,
    }))
    const unused: Array<string> = []
    yield* statementFolder(
      join(folderOf({ "1.xml": "" }), "north"),
      "north",
      day,
      () => Result.succeed({ statements, unread }),
      { iban: own, others: "unused" },
    )(
      () => {},
      ({ problem }) => unused.push(problem),
    )
    assert.deepStrictEqual([unused.length, unused.at(-1)], [101, "81 further parts cannot be read"])
  }),
)

it.effect("counts a statement that comes again in another file once", () =>
  Effect.gen(function* () {
    const folder = folderOf({ "1.xml": `${day}\na`, "2.xml": `${day}\na\n` })
    assert.deepStrictEqual(yield* entriesIn(folder), [["north", "a", day]])
  }),
)

it.effect("does not take a statement of another account for the one of the day", () =>
  Effect.gen(function* () {
    const folder = folderOf({ "1.xml": `${day}\na` })
    const own = "NL91ABNA0417164300"
    const isRead = (account: string | undefined) =>
      statementFolder(
        join(folder, "north"),
        "north",
        day,
        (file) =>
          Result.map(read(file), (found) =>
            found === undefined
              ? undefined
              : { ...found, statements: found.statements.map((one) => ({ ...one, account })) },
          ),
        { iban: own },
      )(() => {}).pipe(
        Effect.as("read"),
        Effect.catchTag("SourceUnreadable", ({ reason }) => Effect.succeed(reason)),
      )
    assert.strictEqual(yield* isRead("DE89370400440532013000"), `no statement of ${day}`)
    for (const account of [own, "NL91 ABNA 0417 1643 00", "0417164300", undefined])
      assert.strictEqual(yield* isRead(account), "read")
  }),
)

it.effect("takes what came in on another account for no return of an order that was paid to it", () =>
  Effect.gen(function* () {
    const entries: Array<StatementEntry> = []
    const kinds = ["debit", "credit"] as const
    const accounts = ["NL91ABNA0417164300", "DE89370400440532013000"]
    const booking = { servicerReference: "BANK-7" }
    const statements = accounts.map((account) => ({
      id: account,
      account,
      day,
      entries: kinds.map((kind) => ({
        reference: "a",
        currency: "EUR",
        minor: 1n,
        kind,
        bookedOn: day,
        booking,
      })),
      unread: [],
    }))
    yield* statementFolder(
      join(folderOf({ "1.xml": "" }), "north"),
      "north",
      day,
      () => Result.succeed({ statements, unread: [] }),
      { iban: accounts[0] },
    )((entry) => entries.push(entry))
    assert.deepStrictEqual(
      entries.map(({ kind, reference, booking }) => [kind, reference, booking?.servicerReference]),
      [
        ["debit", "a", "BANK-7"],
        ["credit", "a", "BANK-7"],
        ["debit", "a", undefined],
        ["credit", "", undefined],
      ],
    )
  }),
)

it.effect("reads a statement of another account without the bank's own ids", () =>
  Effect.gen(function* () {
    const folder = folderOf({ "1.xml": day })
    const entry = { reference: "", currency: "EUR", minor: 1n, kind: "debit" as const, bookedOn: day }
    const bookings = [{ servicerReference: "BANK-1" }, { servicerReference: "BANK-1", fileIds: ["F"] }]
    const statementOf = (account: string) => ({
      id: account,
      account,
      day,
      entries: bookings.map((booking) => ({ ...entry, booking })),
      unread: [],
    })
    const own = "NL91ABNA0417164300"
    const seen: Array<unknown> = []
    yield* statementFolder(
      join(folder, "north"),
      "north",
      day,
      () =>
        Result.succeed({
          statements: [own, "DE89370400440532013000"].map((account) => statementOf(account)),
          unread: [],
        }),
      { iban: own },
    )(({ booking }) => seen.push(booking))
    assert.deepStrictEqual(seen, [...bookings, undefined, { fileIds: ["F"], isElsewhere: true }])
  }),
)

it.effect("does not take a folder for empty that is not there", () =>
  Effect.gen(function* () {
    const error = yield* Effect.flip(banksIn("/nowhere/statements"))
    assert.deepInclude(error, { _tag: "SourceUnreadable", reason: "ENOENT" })
  }),
)
