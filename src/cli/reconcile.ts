import { writeFile } from "node:fs/promises"
import { Clock, Console, Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { type Day, utcDay } from "../domain/business-days.ts"
import { isDay } from "../domain/written-time.ts"
import { type Discrepancy, discrepancyId, discrepancyKinds } from "../reconciliation/discrepancy.ts"
import type { Explained } from "../reconciliation/explained-amounts.ts"
import type { Reconciliation } from "../reconciliation/results.ts"
import { CliFailure } from "../terminal/cli-failure.ts"
import { dataDir, json } from "./flags.ts"
import { NOT_DONE, reconcileDay } from "./reconciliation-run.ts"

const DAY_MS = 24 * 3_600_000

/** Compares a day's logs, bank statements and ledger postings, stores the differences, and reports them. */
export const reconcileCommand = Command.make(
  "reconcile",
  {
    day: Flag.optional(
      Flag.String("day").pipe(
        Flag.withMetavar("YYYY-MM-DD"),
        Flag.withDescription("The day in UTC; yesterday by default"),
      ),
    ),
    statements: Flag.optional(
      Flag.String("statements").pipe(
        Flag.withMetavar("DIR"),
        Flag.withDescription(
          "Bank statements as DIR/<bank>/*.xml; for other banks, their books or the files that they sent",
        ),
      ),
    ),
    csv: Flag.optional(
      Flag.String("csv").pipe(
        Flag.withMetavar("FILE"),
        Flag.withDescription("Also write the discrepancies to a file"),
      ),
    ),
    dataDir,
    json: json("Print the result as one line of JSON"),
  },
  Effect.fn(function* ({ day: asked, statements, csv, dataDir, json }) {
    const yesterday = utcDay((yield* Clock.currentTimeMillis) - DAY_MS)
    const day = yield* readDay(Option.getOrElse(asked, () => yesterday))
    const run = yield* Effect.scoped(reconcileDay(dataDir, day, statements))
    if (Option.isSome(csv)) yield* write(csv.value, discrepancyCsv(day, run.discrepancies))
    yield* Console.log(json ? JSON.stringify(reconciliationJson(run)) : reconciliationLines(run).join("\n"))
    const count = run.discrepancies.length
    if (count > 0) return yield* new CliFailure({ reason: `${count} discrepancies on ${day}.` })
  }),
).pipe(
  Command.withDescription(
    "Compare a day's logs with the banks' statements and the ledger. Status 0 if all agree, 1 if not, 2 if the comparison failed",
  ),
)

const readDay = (text: string): Effect.Effect<Day, CliFailure> =>
  isDay(text)
    ? Effect.succeed(text)
    : Effect.fail(new CliFailure({ reason: "--day: expected a day such as 2026-11-23.", status: NOT_DONE }))

const write = (file: string, text: string): Effect.Effect<void, CliFailure> =>
  Effect.tryPromise({
    try: () => writeFile(file, text),
    catch: () => new CliFailure({ reason: `${file} cannot be written.`, status: NOT_DONE }),
  })

/** The result as one object: what was compared, and what differs. */
export const reconciliationJson = ({ day, compared, discrepancies, explained }: Reconciliation) => ({
  day,
  compared,
  discrepancies,
  explained,
})

/** The same for people. */
export const reconciliationLines = ({
  day,
  compared,
  discrepancies,
  explained,
}: Reconciliation): ReadonlyArray<string> => [
  `Reconciliation of ${day}: ${compared.batches} batches, ${compared.statementEntries} statement entries, ${compared.ledgerLines} ledger lines`,
  ...discrepancies.map(({ kind, batch, item, bank, reference, expected, found }) => {
    const where = [batch, item, bank, reference].filter((part) => part !== undefined).join(" ")
    return `  ${kind}: ${where}: expected ${expected}, found ${found} (${discrepancyKinds[kind]})`
  }),
  ...explainedLines(explained),
  discrepancies.length === 0 ? "All agree." : `${discrepancies.length} discrepancies.`,
]

/** Explained amounts on the screen; all that a run keeps are in its JSON. */
const EXPLAINED_LINES_MAX = 100

const explainedLines = ({ charges, count, amounts }: Explained): ReadonlyArray<string> => {
  const shown = amounts.slice(0, EXPLAINED_LINES_MAX)
  return [
    ...charges.map(
      ({ bank, currency, amount, transfers }) =>
        `  charges: ${bank}: ${amount} ${currency} for ${transfers} ${transfers === 1 ? "transfer" : "transfers"}`,
    ),
    ...shown.map(({ batch, item, bank, reference, remarks }) => {
      const texts = remarks.map(({ kind, text }) => `${kind} ${text}`).join(", ")
      return `  explained: ${batch} ${item} ${bank} ${reference}: ${texts}`
    }),
    ...(count > shown.length ? [`  explained: ${count - shown.length} further amounts`] : []),
  ]
}

const columns = [
  "day",
  "id",
  "kind",
  "partner",
  "batch",
  "item",
  "bank",
  "reference",
  "expected",
  "found",
  "meaning",
] as const

/** A header and a row for each discrepancy, with CRLF after every line. */
const discrepancyCsv = (day: Day, discrepancies: ReadonlyArray<Discrepancy>): string =>
  [
    columns,
    ...discrepancies.map((discrepancy) => {
      const row: Readonly<Partial<Record<(typeof columns)[number], string | number>>> = {
        day,
        id: discrepancyId(day, discrepancy),
        meaning: discrepancyKinds[discrepancy.kind],
        ...discrepancy,
      }
      return columns.map((column) => String(row[column] ?? ""))
    }),
  ]
    .map((cells) => `${cells.map(cell).join(",")}\r\n`)
    .join("")

/** A cell that would begin a formula (OWASP, CSV injection) begins with an apostrophe instead. */
const cell = (text: string): string => {
  const plain = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain
}
