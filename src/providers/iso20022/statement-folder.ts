/**
 * Statements of a bank as files in a folder. The folder must have a statement of the day: a bank that sent none has not
 * reported that nothing happened.
 */
import { hash } from "node:crypto"
import { readdir, readFile, stat } from "node:fs/promises"
import { join } from "node:path"
import { Effect, Result } from "effect"
import type { Day } from "../../domain/business-days.ts"
import { type Source, SourceUnreadable, type StatementEntry } from "../books.ts"

/** A bank's statement of one day, as a reader of a file format gives it. */
export interface BankStatement {
  readonly day: Day
  readonly entries: ReadonlyArray<Omit<StatementEntry, "bank">>
}

/**
 * Reads a statement, or fails with a reason that quotes nothing of it. `undefined` is for a file that may lie beside
 * statements and is none.
 */
export type StatementReader = (
  xml: Uint8Array,
) => Result.Result<BankStatement | undefined, { readonly message: string }>

const FILE_BYTES_MAX = 16 * 1024 * 1024
const FILES_MAX = 10_000

/** The banks that have a folder of statements, by the folders' names. */
export const banksIn = (folder: string): Effect.Effect<ReadonlyArray<string>, SourceUnreadable> =>
  step(folder, async () => {
    const found = await readdir(folder, { withFileTypes: true })
    return found.filter((entry) => entry.isDirectory()).map(({ name }) => name)
  })

/** All entries of a bank's statements in a folder, one of which must be of the day. A file that occurs twice counts once. */
export const statementFolder =
  (folder: string, bank: string, day: Day, read: StatementReader): Source<StatementEntry> =>
  (visit) =>
    Effect.gen(function* () {
      const files = (yield* step(folder, () => readdir(folder))).filter((name) => name.endsWith(".xml"))
      if (files.length > FILES_MAX)
        return yield* new SourceUnreadable({ source: folder, reason: `more than ${FILES_MAX} files` })
      const digests = new Set<string>()
      let hasDay = false
      for (const name of files.sort()) {
        const file = join(folder, name)
        const content = yield* contentOf(file)
        const digest = hash("sha256", content)
        if (digests.has(digest)) continue
        digests.add(digest)
        const statement = read(content)
        if (Result.isFailure(statement))
          return yield* new SourceUnreadable({ source: file, reason: statement.failure.message })
        hasDay ||= statement.success?.day === day
        for (const entry of statement.success?.entries ?? []) visit({ ...entry, bank })
      }
      if (!hasDay) return yield* new SourceUnreadable({ source: folder, reason: `no statement of ${day}` })
    })

const contentOf = Effect.fnUntraced(function* (file: string) {
  const { size } = yield* step(file, () => stat(file))
  if (size > FILE_BYTES_MAX)
    return yield* new SourceUnreadable({ source: file, reason: `larger than ${FILE_BYTES_MAX} bytes` })
  return yield* step(file, () => readFile(file))
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
