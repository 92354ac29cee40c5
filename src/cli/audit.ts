import { Clock, Console, Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { type AuditEntry, AuditTrail, ENTRIES_PER_PAGE_MAX } from "../identity/audit-trail.ts"
import { shownEntry } from "../identity/shown-access.ts"
import { REPORT_DAYS_MAX, ReportQueries } from "../projections/report-queries.ts"
import { CliFailure } from "../terminal/cli-failure.ts"
import { aligned } from "../terminal/text-table.ts"
import { withAccess } from "./access-stores.ts"
import { dataDir, json } from "./flags.ts"

export const audit = Command.make(
  "audit",
  {
    limit: Flag.Int("limit").pipe(
      Flag.withDescription(`How many entries to show, newest first; at most ${ENTRIES_PER_PAGE_MAX}`),
      Flag.withDefault(50),
    ),
    before: Flag.optional(Flag.Int("before").pipe(Flag.withDescription("Only entries before this sequence"))),
    subject: Flag.optional(
      Flag.String("subject").pipe(Flag.withDescription("Only acts on this, such as partner:acme")),
    ),
    who: Flag.optional(
      Flag.String("who").pipe(Flag.withDescription("Only acts of this credential, such as operator:alice")),
    ),
    acts: Flag.Boolean("acts").pipe(
      Flag.withDescription(`Also what people did to batches, in the last ${REPORT_DAYS_MAX} days`),
      Flag.withDefault(false),
    ),
    dataDir,
    json: json("Print each entry as one line of JSON"),
  },
  Effect.fn(function* ({ limit, before, subject, who, acts, dataDir, json }) {
    if (acts) {
      if (Option.isSome(before) || Option.isSome(subject))
        return yield* new CliFailure({ reason: "--acts goes with --who and --limit only." })
      return yield* printActs({ limit, who: Option.getOrUndefined(who), dataDir, json })
    }
    const question = {
      limit,
      before: Option.getOrUndefined(before),
      subject: Option.getOrUndefined(subject),
      who: Option.getOrUndefined(who),
    }
    const entries = yield* withAccess(
      dataDir,
      Effect.flatMap(AuditTrail, ({ read }) => read(question)),
    )
    const lines = json
      ? entries.map((entry) => JSON.stringify(shownEntry(entry)))
      : aligned(entries.map(cells))
    for (const line of lines) yield* Console.log(line)
  }),
).pipe(Command.withDescription("Show who did what to partners and keys, when and from where"))

interface ActsAsked {
  readonly limit: number
  readonly who: string | undefined
  readonly dataDir: string
  readonly json: boolean
}

/** What people did to anything: the logs' acts beside the audit trail's, each once. */
const printActs = Effect.fnUntraced(function* ({ limit, who, dataDir, json }: ActsAsked) {
  const to = (yield* Clock.currentTimeMillis) + 1
  const question = { from: to - REPORT_DAYS_MAX * DAY_MS, to, who, limit }
  const { entries } = yield* withAccess(
    dataDir,
    Effect.flatMap(ReportQueries, ({ acts }) => acts(question)),
  )
  const timed = entries.map(({ at, ...act }) => ({ at: new Date(at).toISOString(), ...act }))
  const lines = json
    ? timed.map((act) => JSON.stringify(act))
    : aligned(
        timed.map(({ at, who, act, outcome, subject, reason }) => [
          at,
          who,
          act,
          outcome ?? "",
          subject,
          reason ?? "",
        ]),
      )
  for (const line of lines) yield* Console.log(line)
})

const DAY_MS = 24 * 3_600_000

const cells = ({ sequence, at, who, address, act, subject }: AuditEntry): ReadonlyArray<string> => [
  `${sequence}`,
  at.toISOString(),
  who,
  address ?? "",
  act,
  subject,
]
