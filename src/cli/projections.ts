/** For an operator: rebuilds the read models from the logs, and compares them with the logs. */
import { Console, Effect, type Layer, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { isBatchId } from "../domain/identifiers.ts"
import { type AuditSummary, auditAll, auditBatches, auditSome } from "../projections/audit-walk.ts"
import type { Difference } from "../projections/difference.ts"
import { PROJECTION } from "../projections/read-models.ts"
import { type RebuildProgress, rebuildReadModels } from "../projections/rebuild.ts"
import { type Rebuild, Rebuilds } from "../projections/rebuilds.ts"
import { followerLag } from "../streams/follower-lag.ts"
import { CliFailure } from "../terminal/cli-failure.ts"
import { dataDir, json } from "./flags.ts"
import { type Failure, withLayer } from "./service-layer.ts"

/** Batches with more items are not chosen at random. */
const SAMPLED_ITEMS_MAX = 100_000
const SAMPLE_MAX = 100_000
const PROGRESS_MS = 1_000

const toStderr = (line: string) => Effect.sync(() => console.error(line))

const rebuild = Command.make(
  "rebuild",
  {
    abandon: Flag.Boolean("abandon").pipe(
      Flag.withDescription("End the rebuild that is under way, and remove what it made"),
      Flag.withDefault(false),
    ),
    dataDir,
    json: json("Print the result as one line of JSON"),
  },
  Effect.fn(function* ({ abandon, dataDir, json }) {
    yield* withServices(dataDir, abandon ? abandonRebuild(json) : carryOut(json))
  }),
).pipe(
  Command.withDescription(
    "Rebuild the read models beside the live ones, and switch to them; continues what was begun",
  ),
)

const abandonRebuild = Effect.fnUntraced(function* (asJson: boolean) {
  const wasThere = yield* (yield* Rebuilds).abandon
  yield* Console.log(
    asJson
      ? JSON.stringify({ abandoned: wasThere })
      : wasThere
        ? "The rebuild is abandoned, and its tables are removed."
        : "No rebuild was under way.",
  )
})

const carryOut = Effect.fnUntraced(function* (asJson: boolean) {
  let toldAt = 0
  let told: string = ""
  const done = yield* rebuildReadModels((progress) =>
    Effect.suspend(() => {
      const now = performance.now()
      const isNew = progress.state !== told || progress.note !== undefined
      if (!isNew && now - toldAt < PROGRESS_MS) return Effect.void
      ;[toldAt, told] = [now, progress.state]
      return toStderr(progressLine(progress))
    }),
  )
  yield* Console.log(
    asJson
      ? JSON.stringify(rebuildJson(done))
      : `The read models are rebuilt from ${done.batches} logs with ${done.events} events.`,
  )
})

const progressLine = ({ state, listed, batches, events, note }: RebuildProgress): string =>
  `${state}: ${batches} of ${listed} batches, ${events} events${note === undefined ? "" : `; ${note}`}`

const rebuildJson = ({ id, state, startedAt, endedAt, isHeld, listed, batches, events }: Rebuild) => ({
  id,
  state,
  startedAt: new Date(startedAt).toISOString(),
  ...(endedAt === undefined ? {} : { endedAt: new Date(endedAt).toISOString() }),
  working: isHeld,
  listed,
  batches,
  events,
})

const status = Command.make(
  "status",
  { dataDir, json: json("Print the status as one line of JSON") },
  Effect.fn(function* ({ dataDir, json }) {
    const { lag, last } = yield* withServices(
      dataDir,
      Effect.gen(function* () {
        return { lag: yield* followerLag(PROJECTION), last: yield* (yield* Rebuilds).last }
      }),
    )
    if (json)
      return yield* Console.log(
        JSON.stringify({ lag, rebuild: last === undefined ? null : rebuildJson(last) }),
      )
    yield* Console.log(
      lag.entries === 0
        ? "The read models are up to date."
        : `The read models are ${lag.entries} appends behind, the oldest of them for ${(lag.ageMs / 1_000).toFixed(1)} s.`,
    )
    yield* Console.log(last === undefined ? "They were not rebuilt." : statusLine(last))
  }),
).pipe(Command.withDescription("Show how far the read models are behind, and the last rebuild"))

const statusLine = ({ id, state, startedAt, endedAt, isHeld, listed, batches, events }: Rebuild): string => {
  const begun = `Rebuild ${id}, begun ${new Date(startedAt).toISOString()}`
  if (endedAt !== undefined) return `${begun}: ${state} ${new Date(endedAt).toISOString()}, ${events} events.`
  const who = isHeld ? "a process works on it" : "nobody works on it: run the command again to continue"
  return `${begun}: ${state}, ${batches} of ${listed} batches, ${events} events; ${who}.`
}

const audit = Command.make(
  "audit",
  {
    ids: Argument.String("ID").pipe(
      Argument.withDescription("Payout batches to compare: pb_…"),
      Argument.variadic(),
    ),
    all: Flag.Boolean("all").pipe(
      Flag.withDescription("Compare all batches, and look for rows without a log"),
      Flag.withDefault(false),
    ),
    sample: Flag.optional(
      Flag.Int("sample").pipe(
        Flag.withMetavar("N"),
        Flag.withDescription("Compare so many batches at random"),
        Flag.filter(
          (count) => count >= 1 && count <= SAMPLE_MAX,
          () => `1 to ${SAMPLE_MAX}`,
        ),
      ),
    ),
    dataDir,
    json: json("Print each difference, and then the totals, as one line of JSON"),
  },
  Effect.fn(function* ({ ids, all, sample, dataDir, json }) {
    const named = ids.filter(isBatchId)
    const unnamed = ids.find((id) => !isBatchId(id))
    if (unnamed !== undefined)
      return yield* new CliFailure({ reason: `${unnamed}: expected a payout batch id such as pb_…` })
    const count = Option.getOrUndefined(sample)
    if ([ids.length > 0, all, count !== undefined].filter(Boolean).length !== 1)
      return yield* new CliFailure({ reason: "Name batches, or say --all or --sample N." })
    const found = (difference: Difference) =>
      Console.log(json ? JSON.stringify(difference) : differenceLine(difference))
    const summary = yield* withServices(
      dataDir,
      all
        ? auditAll(found, (batches) => toStderr(`${batches} batches compared`))
        : count === undefined
          ? auditBatches(named, found)
          : auditSome(count, SAMPLED_ITEMS_MAX, found),
    )
    yield* Console.log(json ? JSON.stringify(summary) : summaryLine(summary))
    if (summary.differences > 0)
      return yield* new CliFailure({ reason: `The read models have ${summary.differences} differences.` })
    if (summary.notCompared > 0)
      return yield* new CliFailure({
        reason: `${summary.notCompared} batches went on each time they were compared; run the command again.`,
      })
  }),
).pipe(
  Command.withDescription("Compare what the read models show with the logs. Status 0 if nothing differs"),
)

const summaryLine = ({ batches, differences }: AuditSummary): string =>
  `${batches} batches compared: ${differences === 0 ? "no difference" : `${differences} differences`}.`

const differenceLine = (difference: Difference): string => {
  const { kind, table, batch, item, row, column, expected, live, event } = difference
  const place = [batch, table, item === undefined ? undefined : `item ${item}`, row, column].filter(
    (part) => part !== undefined,
  )
  const values = [
    live === undefined ? undefined : `shows ${live}`,
    expected === undefined ? undefined : `by the log ${expected}`,
  ].filter((part) => part !== undefined)
  const last = event === undefined ? "" : ` (event ${event.version}, ${event.type})`
  return `${place.join(" ")}: ${[kind, ...values].join(", ")}${last}`
}

export const projections = Command.make("projections").pipe(
  Command.withDescription("Rebuild the read models, and compare them with the logs"),
  Command.withSubcommands([rebuild, status, audit]),
)

/** Runs an effect with the services of the read models and the logs. */
const withServices = <A, E extends Failure>(
  dataDir: string,
  use: Effect.Effect<A, E, Layer.Success<typeof import("../app.ts")["projectionsLayer"]>>,
) => withLayer(dataDir, ({ projectionsLayer }) => projectionsLayer, use)
