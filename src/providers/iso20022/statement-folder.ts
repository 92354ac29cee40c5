/**
 * Statements of a bank as files in a folder. The folder must have a statement of the day: a bank that sent none has not
 * reported that nothing happened. A file, or a part of one, that cannot be read is reported as unused, and the others count.
 */
import { hash, randomUUID } from "node:crypto"
import { readdir, readFile, stat } from "node:fs/promises"
import { join } from "node:path"
import { Effect, Result } from "effect"
import type { Day } from "../../domain/business-days.ts"
import { type Source, SourceUnreadable, type StatementEntry } from "../books.ts"
import { comparableAccount, isOtherIban } from "./account-number.ts"
import { readable } from "./unreadable-file.ts"
import { filesInZip, isZip } from "./zip-file.ts"

/** The statements in a file, as a reader of a file format gives them, and the parts that it cannot read. */
export interface StatementFile {
  readonly statements: ReadonlyArray<{
    readonly id?: string | undefined
    /** What else tells it from another one with the same id. */
    readonly particulars?: ReadonlyArray<string | undefined>
    readonly account?: string | undefined
    /** It counts only if no other statement, which is not secondary, has its account and day. */
    readonly isSecondary?: true
    /** The last day that it covers. */
    readonly day: Day
    readonly entries: ReadonlyArray<Omit<StatementEntry, "bank">>
    readonly unread: ReadonlyArray<UnreadStatementPart>
  }>
  readonly unread: ReadonlyArray<UnreadStatementPart>
}

type Statement = StatementFile["statements"][number]

interface UnreadStatementPart {
  readonly place: string
  readonly problem: string
}

/**
 * Reads a file of statements, or fails with a reason that quotes nothing of it. `undefined` is for a file that may lie beside
 * statements and is none.
 */
export type StatementReader = (
  file: Uint8Array,
) => Result.Result<StatementFile | undefined, { readonly message: string }>

const FILE_BYTES_MAX = 16 * 1024 * 1024
const FILES_MAX = 10_000
/** Unread parts of a file that are listed one by one. */
const UNREAD_LISTED_MAX = 100

/** The banks that have a folder of statements, by the folders' names. */
export const banksIn = (folder: string): Effect.Effect<ReadonlyArray<string>, SourceUnreadable> =>
  step(folder, async () => {
    const found = await readdir(folder, { withFileTypes: true })
    return found.filter((entry) => entry.isDirectory()).map(({ name }) => name)
  })

export interface StatementFolderOptions {
  /** Of the account that pays. */
  readonly iban?: string | undefined
  /** The names of files that may be statements. */
  readonly names?: RegExp
  /** What becomes of statements of other accounts. */
  readonly others?: "read" | "unused"
}

/**
 * All entries of a bank's statements in a folder, one of which must be of the day. A file, or a statement, that occurs twice
 * counts once, also in a container. Of an account and day with statements in two forms, one form counts. Unused is what cannot be
 * read, of files as a whole and of statements of the day. With the IBAN of the account that pays, a statement of another IBAN is
 * not the one of the day, and shows no return: it is read beside it, or, if `others` are "unused", is not read. Other names than
 * `names` are no statements, nor are those of hidden files.
 */
export const statementFolder =
  (
    folder: string,
    bank: string,
    day: Day,
    read: StatementReader,
    { iban, names = statementName, others = "read" }: StatementFolderOptions = {},
  ): Source<StatementEntry> =>
  (visit, unused) =>
    Effect.gen(function* () {
      const files = yield* filesIn(folder, names)
      if (files.length > FILES_MAX)
        return yield* new SourceUnreadable({ source: folder, reason: `more than ${FILES_MAX} files` })
      const seen = new Set<string>()
      const primary = new Set<string>()
      const secondary: Array<readonly [statement: Statement, unread: Array<UnreadStatementPart>]> = []
      const unreadIn = new Map<string, Array<UnreadStatementPart>>()
      let hasDay = false
      const take = (statement: Statement, unread: Array<UnreadStatementPart>) => {
        const isOfDay = statement.day === day
        const isOthers = isOtherIban(iban, statement.account)
        hasDay ||= isOfDay && !isOthers
        if (!isNew(seen, contentsOf(statement))) return
        if (isOthers && others === "unused") {
          if (isOfDay) unread.push({ place: `Stmt ${statement.id ?? ""}`.trim(), problem: NOT_OURS })
          return
        }
        if (isOfDay) for (const part of statement.unread) unread.push(part)
        for (const entry of statement.entries)
          visit({ ...(isOthers ? ofAnotherAccount(entry) : entry), bank })
      }
      for (const name of files.sort()) {
        const unread: Array<UnreadStatementPart> = []
        unreadIn.set(name, unread)
        const content = yield* contentOf(join(folder, name))
        if (content === undefined) unread.push({ place: "", problem: `longer than ${FILE_BYTES_MAX} bytes` })
        else if (isNew(seen, content))
          for (const statement of statementsInFile(content, read, seen, unread))
            if (statement.isSecondary === true) secondary.push([statement, unread])
            else {
              primary.add(dayOf(statement))
              take(statement, unread)
            }
      }
      for (const [statement, unread] of secondary) if (!primary.has(dayOf(statement))) take(statement, unread)
      for (const [name, unread] of unreadIn)
        for (const { place, problem } of listed(unread))
          unused?.({ bank, place: place === "" ? name : `${name} ${place}`, problem })
      if (!hasDay) return yield* new SourceUnreadable({ source: folder, reason: `no statement of ${day}` })
    })

/** The account and day of a statement, of which a bank may send several forms. */
const dayOf = ({ account, day }: Statement): string => `${day} ${comparableAccount(account)}`

/** The statements of a file, or of the files in a container; `unread` gets what of it cannot be read. */
const statementsInFile = (
  content: Uint8Array,
  read: StatementReader,
  seen: Set<string>,
  unread: Array<UnreadStatementPart>,
): ReadonlyArray<Statement> => {
  if (!isZip(content)) return statementsIn(read(content), unread)
  const files = readable(() => filesInZip(content))
  if (Result.isFailure(files)) return statementsIn(Result.fail(files.failure), unread)
  return files.success.flatMap(({ place, content }) => {
    const own: Array<UnreadStatementPart> = []
    const file = Result.flatMap(
      readable(content),
      (content): ReturnType<StatementReader> =>
        isNew(seen, content) ? read(content) : Result.succeed(undefined),
    )
    const statements = statementsIn(file, own)
    for (const part of own) unread.push({ ...part, place: `${place} ${part.place}`.trim() })
    return statements
  })
}

/** The statements of a file; `unread` gets what of it cannot be read. */
const statementsIn = (
  file: ReturnType<StatementReader>,
  unread: Array<UnreadStatementPart>,
): ReadonlyArray<Statement> => {
  if (Result.isFailure(file)) {
    unread.push({ place: "", problem: file.failure.message })
    return []
  }
  for (const part of file.success?.unread ?? []) unread.push(part)
  return file.success?.statements ?? []
}

/** Where people put statements, other files lie beside them. Banks name an MT940 by its EBICS order type or its number. */
const statementName = /^[^.].*\.(?:xml|zip|sta|mt940|940)$/i
/** A bank names its files as it likes. */
export const anyName = /^[^.]/

const filesIn = Effect.fnUntraced(function* (folder: string, names: RegExp) {
  const found = yield* step(folder, () => readdir(folder, { withFileTypes: true }))
  return found.filter((entry) => !entry.isDirectory() && names.test(entry.name)).map(({ name }) => name)
})

const NOT_OURS = "it is about another account than the one that the bank pays from"

/**
 * An entry of another account than the one that pays. A bank's own id is that of an entry of one account, so there it does not
 * say which order an entry is about, and an entry that names a file is added up with none of the account that pays. Money that came in there did not come back: the account may be the payee's, and of the
 * payment of our order. Such an entry has no reference.
 */
const ofAnotherAccount = ({ booking, ...entry }: Omit<StatementEntry, "bank">) => {
  if (entry.kind === "credit") return { ...entry, reference: "" }
  const { servicerReference: _, isRepeated: __, ...ids } = booking ?? {}
  return Object.keys(ids).length === 0 ? entry : { ...entry, booking: { ...ids, isElsewhere: true as const } }
}

/** Whether something is seen for the first time. */
const isNew = (seen: Set<string>, content: Uint8Array | string): boolean => {
  const digest = hash("sha256", content)
  return !seen.has(digest) && seen.add(digest).has(digest)
}

/** A statement as text: a bank may send it again in another file. Without an id it is no other one's copy. */
const contentsOf = ({ id, particulars = [], account, day, entries }: Statement): string =>
  JSON.stringify([id ?? randomUUID(), particulars, account, day, entries], (_, value) =>
    typeof value === "bigint" ? String(value) : value,
  )

const listed = (parts: ReadonlyArray<UnreadStatementPart>): ReadonlyArray<UnreadStatementPart> =>
  parts.length <= UNREAD_LISTED_MAX
    ? parts
    : [
        ...parts.slice(0, UNREAD_LISTED_MAX),
        { place: "", problem: `${parts.length - UNREAD_LISTED_MAX} further parts cannot be read` },
      ]

const contentOf = Effect.fnUntraced(function* (file: string) {
  const { size } = yield* step(file, () => stat(file))
  if (size > FILE_BYTES_MAX) return undefined
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
