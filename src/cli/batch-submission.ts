/**
 * `atlaspay batches submit`. What is submitted is named by its payouts, so a command that is repeated, after a crash or by
 * mistake, finds the batch of the first time and pays nothing twice.
 */
import { lstat } from "node:fs/promises"
import { Console, Effect, Option, Schema, type Scope } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { type CommandClient, commandClient, type Warning } from "../client/command-client.ts"
import { KeyReused, Problem } from "../client/errors.ts"
import { AcceptedText } from "../domain/outside-text.ts"
import { REASON_LENGTH_MAX } from "../payout-files/canonical-batch.ts"
import { type decimalMarks, thousandsMarkNames } from "../payout-files/decimal-notation.ts"
import { isEncoding } from "../payout-files/file-text.ts"
import {
  type PayoutFile,
  problemsOfItems,
  type ReadOptions,
  readPayoutFile,
  withoutRefused,
} from "../payout-files/payout-file.ts"
import { RejectsFile, rejectsText } from "../payout-files/rejects-file.ts"
import { CliFailure } from "../terminal/cli-failure.ts"
import {
  acceptedBefore,
  forgetSubmission,
  recordedSubmissions,
  recordSubmission,
  refusedBefore,
  submissionOf,
} from "./accepted-rows.ts"
import { dataDir, json } from "./flags.ts"
import { findService } from "./service-address.ts"
import { warningLines } from "./submission-warnings.ts"
import { allowDuplicates, withDuplicates } from "./submitted-duplicates.ts"

/** Of one request the service names a hundred problems at most. */
const ROUNDS_MAX = 100
/** Some rows were accepted, and others were not. */
const REJECTED_STATUS = 2

const idempotencyKey = Flag.String("idempotency-key").pipe(
  Flag.withMetavar("KEY"),
  Flag.withDescription(
    "A key of your own that names the batch permanently; by default it follows from the payouts",
  ),
  Flag.optional,
)

const isReason = Schema.is(AcceptedText(REASON_LENGTH_MAX))

const again = Flag.String("again").pipe(
  Flag.withMetavar("REASON"),
  Flag.withDescription("Pay once more what was submitted before; the reason is kept with the batch"),
  Flag.filter(
    (reason) => isReason(reason),
    () => `a reason of 1 to ${REASON_LENGTH_MAX} visible characters, and without long numbers`,
  ),
  Flag.optional,
)

const rejects = Flag.String("rejects").pipe(
  Flag.withMetavar("FILE"),
  Flag.withDescription(
    "Submit the good rows of a spreadsheet, and write the others with the reasons to a new file",
  ),
  Flag.optional,
)

const decimal = Flag.Literals("decimal", ["point", "comma"] satisfies ReadonlyArray<
  keyof typeof decimalMarks
>).pipe(
  Flag.withDescription("What separates the decimals of amounts in a spreadsheet; a point by default"),
  Flag.optional,
)

const thousands = Flag.Literals("thousands", thousandsMarkNames).pipe(
  Flag.withDescription("What separates the thousands of amounts in a spreadsheet; nothing by default"),
  Flag.optional,
)

const encoding = Flag.String("encoding").pipe(
  Flag.withMetavar("NAME"),
  Flag.withDescription("The encoding of a spreadsheet without a byte order mark, such as windows-1250"),
  Flag.filter(isEncoding, () => "a name of the WHATWG Encoding Standard"),
  Flag.optional,
)

/** Posts a file to the service. Nothing is sent when any row of it is wrong, unless bad rows are set aside. */
export const submit = Command.make(
  "submit",
  {
    file: Argument.String("FILE").pipe(
      Argument.withDescription("A spreadsheet as CSV, JSON or pain.001, see docs/CLI.md"),
    ),
    idempotencyKey,
    again,
    allowDuplicates,
    rejects,
    decimal,
    thousands,
    encoding,
    dataDir,
    json: json("Print the answer as one line of JSON"),
  },
  Effect.fn(function* (flags) {
    if (Option.isSome(flags.again) && Option.isSome(flags.idempotencyKey))
      return yield* new CliFailure({ reason: "--again and --idempotency-key both name the batch: use one" })
    yield* Effect.scoped(submitFile(flags))
  }),
).pipe(Command.withDescription("Submit a file of payouts to the service; the same file twice pays once"))

interface Flags {
  readonly file: string
  readonly idempotencyKey: Option.Option<string>
  readonly again: Option.Option<string>
  readonly allowDuplicates: Option.Option<string>
  readonly rejects: Option.Option<string>
  readonly decimal: Option.Option<"point" | "comma">
  readonly thousands: Option.Option<(typeof thousandsMarkNames)[number]>
  readonly encoding: Option.Option<string>
  readonly dataDir: string
  readonly json: boolean
}

const optionsOf = (flags: Flags): ReadOptions => ({
  encoding: Option.getOrUndefined(flags.encoding),
  decimal: Option.getOrUndefined(flags.decimal),
  thousands: Option.getOrUndefined(flags.thousands),
  setsAside: Option.isSome(flags.rejects),
  again: Option.getOrUndefined(flags.again),
})

const submitFile = Effect.fnUntraced(function* (flags: Flags) {
  const options = optionsOf(flags)
  const rejectsFile = yield* newRejectsFile(flags.rejects)
  const read = yield* readPayoutFile(flags.file, options)
  for (const note of read.notes) yield* Console.error(`${flags.file}: ${note}`)
  const service = yield* findService(flags.dataDir)
  if (Option.isNone(service)) return yield* new CliFailure({ reason: noService })
  const client = commandClient(service.value)
  if (options.again !== undefined) yield* requireFirst(client, read)
  const { url } = service.value
  const fresh = yield* withoutAcceptedRows(url, flags, read, options)
  const submitting = { client, flags, options, rejectsFile, service: url, readKey: read.key }
  const { file, accepted, key } = yield* submitRows(submitting, fresh)
  const rejected = file.sheet?.rejected.length ?? 0
  if (flags.json) {
    yield* Console.log(JSON.stringify({ ...accepted, idempotencyKey: key, rejected }))
  } else {
    for (const line of acceptedLines(accepted, key, options)) yield* Console.log(line)
    for (const line of warningLines(accepted.warnings ?? [], placeIn(flags, file))) yield* Console.log(line)
    yield* Console.log(`Follow it: atlaspay batches watch ${accepted.id}`)
  }
  if (rejected > 0)
    return yield* new CliFailure({
      status: REJECTED_STATUS,
      reason:
        `${rejected} rows were refused, and are in ${rejectsFile?.path} with their reasons. Mend and submit that file, ` +
        `not the whole one again: its ${file.items.length} other rows are accepted.`,
    })
})

/** The file for rows that are refused, if one is asked for. It is refused at once where a file has its name. */
const newRejectsFile = Effect.fnUntraced(function* (
  path: Option.Option<string>,
): Effect.fn.Return<RejectsFile | undefined, CliFailure, Scope.Scope> {
  if (Option.isNone(path)) return undefined
  const isThere = yield* Effect.promise(() =>
    lstat(path.value).then(
      () => true,
      (error: NodeJS.ErrnoException) => error.code !== "ENOENT",
    ),
  )
  if (isThere)
    return yield* new CliFailure({
      reason: `${path.value} is there already, and is not overwritten: name another file, or move it away`,
    })
  const file = new RejectsFile(path.value)
  return yield* Effect.acquireRelease(Effect.succeed(file), () => Effect.promise(() => file.close()))
})

/** Who asks to pay again what was never submitted would pay it a second time with the next plain submission. */
const requireFirst = Effect.fnUntraced(function* (client: CommandClient, { contentKey }: PayoutFile) {
  const first = yield* client.batchUnder(contentKey)
  if (first === null)
    return yield* new CliFailure({
      reason:
        "None of your batches has these payouts, so nothing was paid that could be paid again: leave out --again",
    })
  yield* Console.error(
    first === undefined
      ? "The batch that is paid again is not among the latest ones"
      : `Pays again what ${first} pays`,
  )
})

/**
 * The file without the rows that a submission from this data folder had accepted when it set others aside. They are set aside, too,
 * if they may be, and otherwise stop the file: a mended file pays once what was accepted before. The same file again is the same
 * submission again, without the rows that were refused.
 */
const withoutAcceptedRows = Effect.fnUntraced(function* (
  service: string,
  flags: Flags,
  read: PayoutFile,
  options: ReadOptions,
) {
  if (Option.isSome(flags.again) || Option.isSome(flags.allowDuplicates)) return read
  const recorded = yield* recording(flags, () => recordedSubmissions(flags.dataDir))
  const known = acceptedBefore(recorded, service, keyOf(flags, read), read.items)
  if (known.length === 0) return read
  const problems = known.map(({ item, batch }) => ({
    item,
    detail:
      batch === undefined
        ? "perhaps accepted before, by a submission whose answer was lost: repeat that one first"
        : `accepted before, in ${batch}`,
  }))
  const { sheet } = read
  if (Option.isNone(flags.rejects) || sheet === undefined)
    return yield* new CliFailure({ reason: mendedWhole(flags, read, problems) })
  const refused = refusedBefore(recorded, service, read)
  if (refused !== undefined) {
    const detail = "refused before, beside rows that were accepted: submit this file to see why"
    const those = refused.items.map((item) => ({ item, detail }))
    const accepted = withoutRefused({ ...read, sheet }, those, options)
    if (keyOf(flags, accepted) === refused.sentUnder) return accepted
  }
  return withoutRefused({ ...read, sheet }, problems, options)
})

/** The key that a file is sent under. */
const keyOf = ({ idempotencyKey }: Flags, { key }: PayoutFile): string =>
  Option.getOrElse(idempotencyKey, () => key)

/** Reads or writes the record of accepted rows. Nothing is submitted where that fails. */
const recording = <A>({ dataDir }: Flags, run: () => Promise<A>) =>
  Effect.tryPromise({
    try: run,
    catch: (error) =>
      new CliFailure({
        reason: `Nothing was submitted, as the record of accepted rows in ${dataDir} cannot be kept: ${error instanceof Error ? error.message : String(error)}`,
      }),
  })

const ACCEPTED_SHOWN_MAX = 20

const mendedWhole = (
  { file }: Flags,
  { items, placeOfItem }: PayoutFile,
  problems: ReadonlyArray<{ readonly item: number; readonly detail: string }>,
): string =>
  [
    `${file} was not submitted: ${problems.length} of its ${items.length} rows were accepted before.`,
    ...problems
      .slice(0, ACCEPTED_SHOWN_MAX)
      .map(({ item, detail }) => `  ${file}${placeOfItem(item, undefined)}: ${detail}`),
    ...(problems.length > ACCEPTED_SHOWN_MAX ? [`  … and ${problems.length - ACCEPTED_SHOWN_MAX} more`] : []),
    "Submit the file of rejected rows once it is mended; or this one with --rejects FILE, which sets those rows aside.",
    "To pay them once more, add: --allow-duplicates REASON",
  ].join("\n")

interface Submitting {
  readonly client: CommandClient
  readonly flags: Flags
  readonly options: ReadOptions
  readonly rejectsFile: RejectsFile | undefined
  /** The address of the service. */
  readonly service: string
  /** The key of the file as it was read. */
  readonly readKey: string
}

/**
 * Records the rows of a file that lost others before they are sent: whatever becomes of this command then, they are not paid again
 * with the whole file. Gives what to do once their batch is known, or once the service refused them.
 */
const recordFirst = Effect.fnUntraced(function* ({ flags, service, readKey }: Submitting, file: PayoutFile) {
  const nothing = { accepted: (_batch: string) => Effect.void, refused: Effect.void }
  if ((file.sheet?.rejected.length ?? 0) === 0) return nothing
  const { dataDir } = flags
  const key = keyOf(flags, file)
  const pending = submissionOf({ service, keys: [readKey, key] }, file.items)
  const recorded = yield* recording(flags, () => recordedSubmissions(dataDir))
  const isKnown = recorded.some((one) => one.service === service && one.keys.at(-1) === key)
  if (!isKnown) yield* recording(flags, () => recordSubmission(dataDir, pending))
  return {
    accepted: (batch: string) => noted(flags, () => recordSubmission(dataDir, { ...pending, batch })),
    refused: isKnown ? Effect.void : noted(flags, () => forgetSubmission(dataDir, pending)),
  }
})

/** Without it, the rows count as perhaps accepted until the command is repeated, so a failure is only reported. */
const noted = ({ dataDir }: Flags, run: () => Promise<void>) =>
  Effect.tryPromise({
    try: run,
    catch: (error) => (error instanceof Error ? error.message : String(error)),
  }).pipe(
    Effect.catch((problem) =>
      Console.error(
        `What became of the rows cannot be recorded in ${dataDir}, so a mended whole file is not submitted until this command is repeated: ${problem}`,
      ),
    ),
  )

interface Accepted {
  readonly id: string
  readonly itemCount: number
  readonly isReplayed: boolean
  readonly warnings?: ReadonlyArray<Warning>
}

/** Submits the rows that can be paid. Rows that the service refuses are set aside, too, if they may be. */
const submitRows = Effect.fnUntraced(function* (submitting: Submitting, read: PayoutFile) {
  const { client, flags, options, rejectsFile } = submitting
  let file = read
  // Who pays once more on purpose allows what a check for duplicates would refuse.
  const onPurpose = Option.orElse(flags.again, () => flags.allowDuplicates)
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    yield* writeRejects(file, rejectsFile)
    if (file.items.length === 0)
      return yield* new CliFailure({
        reason: `No row can be paid, and nothing was submitted: ${rejectsFile?.path} says why`,
      })
    const key = keyOf(flags, file)
    const record = yield* recordFirst(submitting, file)
    const answer = yield* Effect.result(client.submitOnce(withDuplicates(file.body, onPurpose), key))
    if (answer._tag === "Success") {
      yield* record.accepted(answer.success.id)
      return { file, key, accepted: answer.success }
    }
    const { failure } = answer
    if (!(failure instanceof Problem)) return yield* unknownOutcome(failure, flags, key)
    const problems = problemsOfItems(failure.errors)
    if (problems.length > 0) yield* record.refused
    if (rejectsFile === undefined || file.sheet === undefined || problems.length === 0)
      return yield* refusal(failure, file, flags)
    file = withoutRefused({ ...file, sheet: file.sheet }, problems, options)
  }
  return yield* new CliFailure({
    reason: "The service refuses too many rows, and nothing was submitted: mend the file first",
  })
})

const writeRejects = ({ sheet }: PayoutFile, rejectsFile: RejectsFile | undefined) =>
  sheet === undefined || rejectsFile === undefined || sheet.rejected.length === 0
    ? Effect.void
    : Effect.tryPromise({
        try: () => rejectsFile.write(rejectsText(sheet)),
        catch: (error) =>
          new CliFailure({
            reason: `Nothing was submitted, as ${rejectsFile.path} cannot be written: ${error instanceof Error ? error.message : String(error)}`,
          }),
      })

const unknownOutcome = (
  { reason }: CliFailure,
  { idempotencyKey, rejects }: Flags,
  key: string,
): CliFailure => {
  const advice = Option.isSome(idempotencyKey)
    ? `To retry safely, add: --idempotency-key ${key}`
    : "To retry safely, repeat the command: the same payouts are the same batch"
  const other = Option.isSome(rejects) ? "\nName another file for --rejects, or move this one away" : ""
  return new CliFailure({ reason: `${reason}\n${advice}${other}` })
}

/** What the service says, by the lines of the file; and of payouts that are known, which batch pays them. */
const refusal = (problem: Problem, file: PayoutFile, flags: Flags): CliFailure => {
  if (problem instanceof KeyReused && Option.isNone(flags.idempotencyKey))
    return new CliFailure({ reason: otherTerms(problem.batch, flags) })
  const items = problemsOfItems(problem.errors)
  const lines = items.map(
    ({ item, field, detail }) => `  ${flags.file}${file.placeOfItem(item, field)}: ${detail}`,
  )
  return new CliFailure({
    reason: lines.length === 0 ? problem.message : [`${flags.file} was not submitted:`, ...lines].join("\n"),
  })
}

const otherTerms = (batch: string, { again }: Flags): string =>
  [
    `Nothing was submitted: the batch ${batch} has these payouts, on other terms or to accounts that differ.`,
    `See what became of it: atlaspay batches show ${batch}`,
    Option.isSome(again)
      ? "If they are to be paid once more, give another reason."
      : "If they are to be paid once more, add: --again REASON",
  ].join("\n")

const acceptedLines = (
  { id, itemCount, isReplayed }: Accepted,
  key: string,
  { again }: ReadOptions,
): ReadonlyArray<string> => [
  isReplayed
    ? `${id}: its ${itemCount} items were submitted before under the key ${key}; nothing is paid twice`
    : `${id}: ${itemCount} items accepted under the key ${key}`,
  ...(isReplayed && again === undefined ? ["To pay them once more, add: --again REASON"] : []),
  ...(!isReplayed && again !== undefined ? [`They are paid once more, because: ${again}`] : []),
]

const placeIn =
  (flags: Flags, file: PayoutFile) =>
  (item: number | undefined, field: string | undefined): string =>
    `${flags.file}${item === undefined ? (field === undefined ? "" : `, ${field}`) : file.placeOfItem(item, field)}`

const noService =
  "No running service found. Start one with npm start, or set ATLASPAY_URL and ATLASPAY_API_KEY."
