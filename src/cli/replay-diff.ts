/** `atlaspay replay diff`: whether other code would make other states or plans of the stored logs. */
import { Clock, Console, Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { type BatchId, isBatchId } from "../domain/identifiers.ts"
import { shownValue } from "../replay/difference.ts"
import { type DomainCode, loadCode } from "../replay/domain-code.ts"
import { compareLog, type Found } from "../replay/lockstep.ts"
import { eachLog, SAMPLE_MAX, sampleOf } from "../replay/log-walk.ts"
import type { StoredLogs } from "../replay/stored-logs.ts"
import { CliFailure } from "../terminal/cli-failure.ts"
import { dataDir, json } from "./flags.ts"
import { asFailure, NOT_DONE, openLogs, reasonOf } from "./replay-stores.ts"

/** Differences that are printed; all are counted. */
const SHOWN_MAX = 100
const PROGRESS_EVERY_MS = 2_000

/** The batches that are named. */
export const batchIds = Argument.String("ID").pipe(
  Argument.withDescription("Payout batches: pb_…"),
  Argument.mapTryCatch(
    (text): BatchId => {
      if (!isBatchId(text)) throw new Error("expected a payout batch id such as pb_…")
      return text
    },
    (error) => (error instanceof Error ? error.message : String(error)),
  ),
  Argument.variadic({ max: SAMPLE_MAX }),
)

/** So many logs, chosen by a hash of their names. */
export const sampleFlag = Flag.optional(
  Flag.Int("sample").pipe(
    Flag.withMetavar("N"),
    Flag.withDescription(`A sample of N logs, at most ${SAMPLE_MAX}`),
  ),
)

export const allFlag = Flag.Boolean("all").pipe(
  Flag.withDescription("All logs, in Redis and in the archive"),
  Flag.withDefault(false),
)

export const seedFlag = Flag.String("seed").pipe(
  Flag.withDescription("Another text is another sample"),
  Flag.withDefault(""),
)

/** Which logs a command is about: one of the three ways to say it. */
export interface Which {
  readonly ids: ReadonlyArray<BatchId>
  readonly sample: Option.Option<number>
  readonly all: boolean
  readonly seed: string
}

/** Visits the logs that were asked for. Fails unless they are asked for in exactly one way. */
export const eachAsked = Effect.fnUntraced(function* (
  logs: StoredLogs["Service"],
  { ids, sample, all, seed }: Which,
  visit: (batch: BatchId) => Effect.Effect<void, CliFailure>,
): Effect.fn.Return<void, CliFailure> {
  const ways = [ids.length > 0, Option.isSome(sample), all].filter(Boolean).length
  const size = Option.getOrElse(sample, () => 1)
  if (ways !== 1 || size < 1 || size > SAMPLE_MAX)
    return yield* new CliFailure({
      reason: `Name batches, or give --sample with 1 to ${SAMPLE_MAX}, or --all.`,
      status: NOT_DONE,
    })
  if (all)
    return yield* eachLog(logs, visit).pipe(
      Effect.mapError((error) => (error._tag === "CliFailure" ? error : asFailure(error))),
    )
  const chosen = Option.isSome(sample)
    ? yield* sampleOf(logs, size, seed).pipe(Effect.mapError(asFailure))
    : new Set(ids)
  for (const batch of chosen) yield* visit(batch)
})

export const diff = Command.make(
  "diff",
  {
    code: Flag.String("code").pipe(
      Flag.withMetavar("PATH"),
      Flag.withDescription("The other checkout: its folder. Its code runs here, with your rights"),
    ),
    sample: sampleFlag,
    all: allFlag,
    seed: seedFlag,
    ids: batchIds,
    dataDir,
    json: json("Print each difference, and then the counts, as one line of JSON"),
  },
  Effect.fn(function* ({ code, dataDir, json, ...which }) {
    const theirs = yield* loadCode(code).pipe(
      Effect.mapError(({ message }) => new CliFailure({ reason: message, status: NOT_DONE })),
    )
    const counts = yield* Effect.scoped(
      Effect.flatMap(openLogs(dataDir), (logs) => compareAll(logs, theirs, which, json)),
    ).pipe(Effect.mapError(({ reason }) => new CliFailure({ reason, status: NOT_DONE })))
    const { logs, events, different, unreadable } = counts
    yield* Console.log(
      json
        ? JSON.stringify(counts)
        : `${logs} logs with ${events} events: ${different} differ${unreadable === 0 ? "." : `, ${unreadable} could not be read.`}`,
    )
    if (unreadable > 0)
      return yield* new CliFailure({ reason: `${unreadable} logs could not be compared.`, status: NOT_DONE })
    if (logs === 0) return yield* new CliFailure({ reason: "There is no log to compare.", status: NOT_DONE })
    if (different > 0) return yield* new CliFailure({ reason: `${different} of ${logs} logs differ.` })
  }),
).pipe(
  Command.withDescription(
    "Fold stored logs by another checkout's domain and by this one. Status 0 if nothing differs, 1 if something does, 2 if the comparison could not be done",
  ),
)

const compareAll = Effect.fnUntraced(function* (
  logs: StoredLogs["Service"],
  theirs: DomainCode,
  which: Which,
  json: boolean,
) {
  const counts = { logs: 0, events: 0, different: 0, unreadable: 0 }
  let shownAt = yield* Clock.currentTimeMillis
  yield* eachAsked(
    logs,
    which,
    Effect.fnUntraced(function* (batch) {
      const compared = yield* compareLog(logs, batch, theirs).pipe(
        Effect.catchTag("CorruptEntry", (corrupt) =>
          Effect.as(Console.error(reasonOf(corrupt)), "unreadable" as const),
        ),
        Effect.catchTag("UnusableCode", ({ reason }) => new CliFailure({ reason, status: NOT_DONE })),
        Effect.mapError((error) => (error._tag === "CliFailure" ? error : asFailure(error))),
      )
      counts.logs += 1
      if (compared === "unreadable") {
        counts.unreadable += 1
        return
      }
      counts.events += compared.events
      if (compared.events === 0) {
        counts.unreadable += 1
        yield* Console.error(`There is no log of ${batch}.`)
      }
      if (compared.found !== undefined) {
        counts.different += 1
        if (counts.different <= SHOWN_MAX)
          yield* Console.log(json ? JSON.stringify(foundJson(compared.found)) : foundLine(compared.found))
      }
      const now = yield* Clock.currentTimeMillis
      if (now - shownAt < PROGRESS_EVERY_MS) return
      shownAt = now
      yield* Console.error(`${counts.logs} logs, ${counts.events} events, ${counts.different} differ`)
    }),
  )
  return counts
})

/** `{batch, version, event, at, what, path, ours, theirs}`; `after` only where a large batch was not searched for the first event. */
export const foundJson = ({ batch, version, type, at, what, difference, after }: Found) => ({
  batch,
  version,
  event: type,
  at: new Date(at).toISOString(),
  what,
  path: difference.path,
  ours: shownValue(difference.ours),
  theirs: shownValue(difference.theirs),
  ...(after === undefined ? {} : { after }),
})

/** The same for people. */
export const foundLine = (found: Found): string => {
  const { batch, version, event, at, what, path, ours, theirs } = foundJson(found)
  const where = found.after === undefined ? `version ${version}` : `between ${found.after} and ${version}`
  return [
    `${batch} ${where}, ${event} of ${at}: the ${what} differs${path === "" ? "" : ` at ${path}`}`,
    `  ours    ${ours}`,
    `  theirs  ${theirs}`,
  ].join("\n")
}
