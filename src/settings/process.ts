/** What a process is for, and what an operator vouches for. */
import { Config, Schema } from "effect"
import { crashPoints } from "../crash-points.ts"
import { logLevels } from "../log-levels.ts"
import { type Role, roles } from "../service-roles.ts"
import { mapped, oneOf, optional, orElse, text, textOf } from "./kinds.ts"
import { type Kind, made, setting } from "./setting.ts"

/** Words for production that nothing takes for it: with them the checks of production would be left out unnoticed. */
const nearProduction = /^\s*(prod|production|live)\s*$/i

const EnvironmentText = Schema.String.check(
  Schema.makeFilter(
    (text: string) =>
      text === "production" || !nearProduction.test(text) || "expected production, in this spelling",
  ),
)

const environmentName = setting("NODE_ENV", orElse(textOf("`production`", EnvironmentText), "", "none"), [
  "`production` means real money: the service does not start with a Redis that may lose acknowledged",
  "writes, and `serve` starts no servers and no sandbox",
])

/** Whether real money moves: weak settings and weak durability refuse the start. */
export const production = made(
  Config.map(environmentName, (text) => text === "production"),
  [environmentName],
)

const names: Kind<ReadonlyArray<string>> = mapped({ ...text, form: "names, with commas" }, (text) =>
  text
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== ""),
)

/** The findings that the operator vouches for, which production would refuse: "plain-http:north,redis-without-tls". */
export const vouchedFor = setting("VOUCH_FOR", orElse(names, [], "none"), [
  "checks that you vouch for although [production refuses](#what-production-refuses) them: names of",
  "checks, separated by commas",
])

/** Whether Node accepts any certificate. */
export const believesAnyCertificate = setting(
  "NODE_TLS_REJECT_UNAUTHORIZED",
  orElse(
    mapped({ ...text, form: "`0`" }, (text) => text === "0"),
    false,
    "none",
  ),
  [
    "Node's own variable: with `0` it accepts any certificate, of Redis, Postgres, NATS and every",
    "provider. Production refuses that",
  ],
)

/** The level from which on the process logs, until `PUT /log-level` changes it for a time. */
export const logLevel = setting("LOG_LEVEL", oneOf(Schema.Literals(logLevels), "info"), [
  "the level from which on the process [logs](LOGS.md). `PUT /log-level` on the operational routes",
  "changes it for a time, without a restart",
])

const isRole = (text: string): text is Role => roles.some((role) => role === text)

const RolesText = Schema.String.check(
  Schema.makeFilter(
    (text: string) => text.split(",").every(isRole) || `expected some of ${roles.join(",")}, with commas`,
  ),
)

/** ROLES: the roles that `src/main.ts` runs; all by default. */
export const rolesToRun: Config.Config<ReadonlyArray<Role>> = setting(
  "ROLES",
  orElse(
    mapped(textOf("roles, with commas", RolesText), (text) => text.split(",").filter(isRole)),
    roles,
    "all",
  ),
  [
    "the roles that `src/main.ts` runs: some of `api`, `worker`, `bank-files`, `projector`,",
    "`publisher`, `webhooks`, `archiver`. In production run `api` apart from the others, so that a",
    "turn of settling never delays accepting, and as many workers as you like",
  ],
)

/** "after-intent:2" kills the process the second time it passes that point. For tests of recovery only. */
export const crashAt = setting(
  "CRASH_AT",
  optional(
    textOf(
      "`<crash point>:<n>`",
      Schema.TemplateLiteralParser([Schema.Literals(crashPoints), ":", Schema.FiniteFromString]),
    ),
  ),
  [
    "`<crash point>:<n>` kills the process the n-th time it passes that point; the points are in",
    "`src/crash-points.ts`. Never set it with real money",
  ],
)
