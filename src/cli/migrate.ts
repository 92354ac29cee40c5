import { Console, Effect } from "effect"
import { Command, Flag } from "effect/cli"
import { migrations } from "../database/migration-files.ts"
import type { Step } from "../database/migration-plan.ts"
import { migrate, planned } from "../database/migration-runner.ts"
import { startStack } from "../dev/embedded-stack.ts"
import { Postgres } from "../platform/postgres.ts"
import { loggingLayer } from "../telemetry/logging.ts"
import { asCliFailure, CliFailure } from "../terminal/cli-failure.ts"
import { dataDir, json } from "./flags.ts"
import { givenTls } from "./given-tls.ts"

/** The service allows 15 s for a statement; an index over many rows takes longer. */
const STATEMENT_MS_MAX = 3_600_000

/** Upgrades the database to the schema of this release, or shows what the upgrade would do. */
export const migrateCommand = Command.make(
  "migrate",
  {
    plan: Flag.Boolean("plan").pipe(
      Flag.withDescription("Only show what would be done"),
      Flag.withDefault(false),
    ),
    dataDir,
    json: json("Print each step as one line of JSON"),
  },
  Effect.fn(function* ({ plan, dataDir, json }) {
    const { steps, newer } = yield* onDatabase(dataDir, plan ? planned() : migrate)
    for (const step of steps) yield* Console.log(json ? JSON.stringify(stepJson(step)) : stepLine(step, plan))
    if (json) return
    if (newer.length > 0)
      yield* Console.log(`A newer release has applied ${newer.join(", ")}; this release can work with it.`)
    if (steps.length === 0)
      yield* Console.log(`Nothing to do: the schema has ${migrations.at(-1)?.name ?? "no migration"}.`)
  }),
).pipe(Command.withDescription("Upgrade the database to the schema of this release"))

const stepJson = ({ migration, action }: Step) => ({ migration: migration.name, action })

const stepLine = ({ migration, action }: Step, isPlan: boolean): string => {
  const what = {
    apply: isPlan ? "to be applied" : "applied",
    adopt: isPlan ? "exists, to be recorded" : "existed, recorded",
  }
  return `${migration.name}: ${what[action]}`
}

/** Runs on the Postgres of DATABASE_URL, or else on the local stack's. */
const onDatabase = <A, E extends Error>(dataDir: string, use: Effect.Effect<A, E, Postgres>) =>
  Effect.scoped(
    Effect.gen(function* () {
      const url =
        process.env.DATABASE_URL ||
        (yield* startStack({ dataDir }).pipe(Effect.mapError(asCliFailure))).databaseUrl
      return yield* use.pipe(
        Effect.provide(Postgres.patient(url, STATEMENT_MS_MAX, givenTls("DATABASE"))),
        Effect.provide(loggingLayer()),
        Effect.mapError((error) => new CliFailure({ reason: error.message })),
      )
    }),
  )
