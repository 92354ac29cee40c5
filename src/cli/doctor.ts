/** `atlaspay doctor`: looks at a deployment and says what is wrong, and what to do. It changes nothing, and starts nothing. */
import { ConfigProvider, Console, Effect, Logger, Option } from "effect"
import { Command } from "effect/cli"
import { type Check, ok, problem, runChecks, type Seen } from "../doctor/check.ts"
import { type Finding, statusOf } from "../doctor/finding.ts"
import { certificateCheck, diskCheck } from "../doctor/machine-checks.ts"
import { natsChecks } from "../doctor/nats-checks.ts"
import { postgresChecks } from "../doctor/postgres-checks.ts"
import { redisChecks } from "../doctor/redis-checks.ts"
import { storeChecks } from "../doctor/store-checks.ts"
import type { DoctorSettings } from "../doctor/targets.ts"
import { PROJECTION } from "../projections/read-models.ts"
import { FOLLOWER as PUBLISHER } from "../publisher/relay.ts"
import { roles } from "../service-roles.ts"
import { masterKeys } from "../settings/keys.ts"
import { CliFailure } from "../terminal/cli-failure.ts"
import { connectStores, secureServers, storeUrls } from "./doctor-stores.ts"
import { dataDir, json } from "./flags.ts"
import { logKeys } from "./log-keys.ts"

type Environment = Readonly<Record<string, string | undefined>>

export const doctor = Command.make(
  "doctor",
  { dataDir, json: json("Print each finding as one line of JSON") },
  Effect.fn(function* ({ dataDir, json }) {
    const findings = yield* Effect.scoped(examination(dataDir, process.env))
    for (const finding of findings) yield* Console.log(json ? JSON.stringify(finding) : findingLines(finding))
    const status = statusOf(findings)
    if (status !== 0) return yield* new CliFailure({ reason: closingLine(findings), status })
    if (!json) yield* Console.log("All is well.")
  }),
).pipe(
  Command.withDescription(
    "Check settings, stores, followers, alarms and disk, and say what to do. Status 0 if all is well, 1 with problems, 2 with warnings only",
  ),
)

/** All findings of a deployment: of the stores in the environment, or of those that run on the data folder. */
const examination = Effect.fnUntraced(function* (dataDir: string, environment: Environment) {
  const urls = yield* storeUrls(dataDir, environment)
  const settings = yield* doctorSettings(dataDir, environment)
  const targets = { settings, ...(yield* connectStores(urls)) }
  const checks: ReadonlyArray<Check> = [
    { name: "settings", look: settingsSeen(environment) },
    ...redisChecks(targets),
    ...postgresChecks(targets),
    ...natsChecks(targets),
    ...storeChecks(targets, { projector: PROJECTION, publisher: PUBLISHER }),
    certificateCheck(secureServers(urls), Date.now()),
    diskCheck(dataDir),
  ]
  // What the parts log is in the findings, or is none of the reader's business.
  return yield* runChecks(checks).pipe(Effect.provide(Logger.layer([])))
})

/** What the checks need to know, with the defaults of the service for what is missing: that is a finding of its own. */
const doctorSettings = Effect.fnUntraced(function* (dataDir: string, environment: Environment) {
  const provider = ConfigProvider.fromEnvRecord(definedOf(environment))
  const masters = yield* Effect.option(masterKeys.parse(provider))
  const number = (name: string, fallback: number) => {
    const value = Number(environment[name] || fallback)
    return Number.isFinite(value) ? value : fallback
  }
  const settings: DoctorSettings = {
    ...logKeys(),
    production: environment.NODE_ENV === "production",
    redisReplicas: number("REDIS_REPLICAS", 0),
    postgresStandbys: number("DATABASE_STANDBYS", 0),
    stream: environment.NATS_STREAM || "ATLASPAY",
    clockOffsetMsMax: number("CLOCK_OFFSET_MS_MAX", 5_000),
    archiveAfterMs: number("ARCHIVE_AFTER_MS", 3_600_000),
    masterKeys: Option.getOrUndefined(masters),
    dataDir,
  }
  return settings
})

const definedOf = (environment: Environment): Record<string, string> =>
  Object.fromEntries(
    Object.entries(environment).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  )

const required = ["REDIS_URL", "DATABASE_URL", "NATS_URL", "API_KEYS", "MASTER_KEYS"]

/** Whether the service would start with these settings, and what production would refuse of them. */
const settingsSeen = Effect.fnUntraced(function* (environment: Environment): Effect.fn.Return<Seen> {
  const isLocal = environment.NODE_ENV !== "production" && required.every((name) => !environment[name])
  if (isLocal) return ok("none is set: atlaspay serve completes them on a developer's machine")
  const refusal = (changes: Environment) =>
    Effect.gen(function* () {
      const { checkedHere } = yield* Effect.promise(() => import("../app.ts"))
      const provider = ConfigProvider.layer(
        ConfigProvider.fromEnvRecord(definedOf({ ...environment, ...changes })),
      )
      return yield* checkedHere(roles).pipe(
        Effect.provide(provider),
        Effect.match({ onFailure: ({ message }) => message, onSuccess: () => undefined }),
      )
    })
  const refused = yield* refusal({})
  if (refused !== undefined)
    return problem(oneLine(refused), "Correct them: docs/CONFIGURATION.md describes each.")
  if (environment.NODE_ENV === "production") return ok("fit for production")
  const there = yield* refusal({ NODE_ENV: "production" })
  return ok(there === undefined ? "fit, for production too" : `fit for development. ${oneLine(there)}`)
})

const oneLine = (text: string): string => text.replaceAll(/\s*\n\s*/g, "; ")

const marks = { ok: "ok     ", warning: "WARNING", problem: "PROBLEM", unknown: "unknown" } as const
const NAME_WIDTH = 20

const findingLines = ({ check, verdict, seen, todo }: Finding): string => {
  const line = `${marks[verdict]}  ${check.padEnd(NAME_WIDTH)} ${seen}`
  return todo === undefined ? line : `${line}\n${" ".repeat(NAME_WIDTH + 10)}→ ${todo}`
}

const closingLine = (findings: ReadonlyArray<Finding>): string => {
  const count = (verdict: Finding["verdict"]) =>
    findings.filter((finding) => finding.verdict === verdict).length
  return `${count("problem")} problems, ${count("warning")} warnings, ${count("unknown")} could not be looked at.`
}
