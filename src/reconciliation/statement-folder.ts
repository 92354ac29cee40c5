/**
 * Statements as files, `<folder>/<bank>/*.xml`. A bank with a folder is believed by its files alone; it has to have a
 * statement of the day, because a bank that sent none has not said that nothing happened.
 */
import { readdir, readFile, stat } from "node:fs/promises"
import { join } from "node:path"
import { Effect, Result } from "effect"
import { type Source, SourceUnreadable, type StatementEntry } from "../connectors/books.ts"
import type { Day } from "../domain/business-days.ts"

/** A bank's statement of one day, as a reader of a file format gives it. */
export interface BankStatement {
  readonly day: Day
  readonly entries: ReadonlyArray<Omit<StatementEntry, "bank">>
}

/** Reads a statement, or says why it cannot; the reason quotes nothing of it. */
export type StatementReader = (xml: Uint8Array) => Result.Result<BankStatement, { readonly message: string }>

const FILE_BYTES_MAX = 16 * 1024 * 1024
const FILES_MAX = 1_000

/** The banks that have a folder of statements. */
export const banksIn = (folder: string): Effect.Effect<ReadonlyArray<string>, SourceUnreadable> =>
  step(folder, async () => {
    const found = await readdir(folder, { withFileTypes: true })
    return found.filter((entry) => entry.isDirectory()).map(({ name }) => name)
  })

/** A bank's statements, the one of the day and those beside it. */
export const statementFolder =
  (folder: string, bank: string, day: Day, read: StatementReader): Source<StatementEntry> =>
  (visit) =>
    Effect.gen(function* () {
      const files = (yield* step(join(folder, bank), () => readdir(join(folder, bank)))).filter((name) =>
        name.endsWith(".xml"),
      )
      const source = join(folder, bank)
      if (files.length > FILES_MAX)
        return yield* new SourceUnreadable({ source, reason: `more than ${FILES_MAX} files` })
      let hasDay = false
      for (const name of files.sort()) {
        const statement = yield* readStatement(join(folder, bank, name), read)
        hasDay ||= statement.day === day
        for (const entry of statement.entries) visit({ ...entry, bank })
      }
      if (!hasDay) return yield* new SourceUnreadable({ source, reason: `no statement of ${day}` })
    })

const readStatement = Effect.fnUntraced(function* (file: string, read: StatementReader) {
  const { size } = yield* step(file, () => stat(file))
  if (size > FILE_BYTES_MAX)
    return yield* new SourceUnreadable({ source: file, reason: `larger than ${FILE_BYTES_MAX} bytes` })
  const statement = read(yield* step(file, () => readFile(file)))
  if (Result.isFailure(statement))
    return yield* new SourceUnreadable({ source: file, reason: statement.failure.message })
  return statement.success
})

const step = <A>(source: string, run: () => Promise<A>): Effect.Effect<A, SourceUnreadable> =>
  Effect.tryPromise({
    try: run,
    catch: (error) =>
      new SourceUnreadable({
        source,
        reason:
          error instanceof Error && "code" in error && typeof error.code === "string"
            ? error.code
            : "UNKNOWN",
      }),
  })
