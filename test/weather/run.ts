/** `npm run test:weather`: thousands of payouts while all providers behave badly, checked from outside. */
import { randomInt } from "node:crypto"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { emptyFolder, startServer } from "../../bench/stand.ts"
import { asCliFailure, CliFailure } from "../../src/cli/cli-failure.ts"
import { dataDir, json } from "../../src/cli/flags.ts"
import { localMasterKeys } from "../../src/cli/local-master-keys.ts"
import {
  sandboxApiKeys,
  sandboxCallbackSecrets,
  sandboxKeys,
  sandboxOperatorKeys,
  startLocalSandbox,
} from "../../src/cli/local-sandbox.ts"
import { withLock } from "../../src/platform/embedded-lock.ts"
import { startStack } from "../../src/platform/embedded-stack.ts"
import { providersOf, settings } from "./forecast.ts"
import { type Place, runWeather, type WeatherReport } from "./weather-run.ts"

const OUTAGE = { inMs: 8_000, forMs: 10_000 }
const RUN_MS_MAX = 480_000
const VIOLATIONS_SHOWN_MAX = 50

/** Starts everything on a folder of its own: servers, sandbox, a process with all roles and one more worker. */
const startPlace = Effect.fnUntraced(function* (folder: string) {
  yield* emptyFolder(folder)
  const onProgress = (line: string) => console.log(`  ${line}`)
  const [stack, sandbox] = yield* Effect.all(
    [startStack({ dataDir: folder, given: {}, onProgress }), startLocalSandbox(folder)],
    { concurrency: "unbounded" },
  )
  const providersFile = join(folder, "providers.json")
  writeFileSync(providersFile, JSON.stringify(providersOf(sandbox)))
  const environment = {
    ...settings,
    ...sandboxCallbackSecrets,
    PROVIDERS_FILE: providersFile,
    REDIS_URL: stack.redisUrl,
    DATABASE_URL: stack.databaseUrl,
    NATS_URL: stack.natsUrl,
    API_KEYS: sandboxApiKeys,
    OPERATOR_KEYS: sandboxOperatorKeys,
    MASTER_KEYS: localMasterKeys(folder),
  }
  const start = (name: string, roles: Readonly<Record<string, string>>) =>
    startServer(folder, name, "../src/main.ts", { ...environment, ...roles })
  const whole = yield* start("service", {})
  const origin = new URL(whole.target.url).origin
  const worker = yield* start("worker", { ROLES: "api,worker", PUBLIC_URL: origin })
  console.log(`  two processes of the service: ${whole.process.pid}, ${worker.process.pid}`)
  return {
    services: [origin, new URL(worker.target.url).origin],
    operations: [whole.operationsUrl, worker.operationsUrl],
    apiKey: whole.target.apiKey,
    people: { approver: sandboxKeys.supervisor, operator: sandboxKeys.olga },
    sandbox,
    traces: { redisPrimaries: [stack.redisUrl], redisPrefix: "ap", databaseUrl: stack.databaseUrl },
  } satisfies Place
})

const countsOf = (counts: Readonly<Record<string, number>>): string =>
  Object.entries(counts)
    .map(([what, count]) => `${count} ${what}`)
    .join(", ")

const reportLines = (report: WeatherReport): ReadonlyArray<string> => [
  `${report.payouts} payouts in ${report.batches} batches ended after ${(report.elapsedMs / 1_000).toFixed(1)} s`,
  countsOf(report.items),
  `payments: by ${countsOf(report.payments)}`,
  `${report.calls} calls to providers, ${report.retries} of them retries; paid twice: ${report.paidTwice}`,
  ...(report.violations.length === 0
    ? ["no violations"]
    : [`${report.violations.length} violations:`, ...report.violations.slice(0, VIOLATIONS_SHOWN_MAX)]),
]

const run = Effect.fnUntraced(function* (folder: string, seed: number, payouts: number) {
  const place = yield* startPlace(folder)
  return yield* Effect.tryPromise({
    try: () => runWeather(place, { seed, payouts, outage: OUTAGE, withinMs: RUN_MS_MAX }),
    catch: (error) => new CliFailure({ reason: error instanceof Error ? error.message : String(error) }),
  })
})

Command.make(
  "test:weather",
  {
    seed: Flag.Int("seed").pipe(
      Flag.withDescription("What payouts and weather follow from; a random one by default"),
      Flag.optional,
    ),
    payouts: Flag.Int("payouts").pipe(
      Flag.withDescription("How many are posted; 2000 by default"),
      Flag.filter(
        (value) => value >= 1 && value <= 100_000,
        () => "1 to 100000",
      ),
      Flag.withDefault(2_000),
    ),
    dataDir,
    json: json("Make the last line one JSON object, see docs/TESTING.md"),
  },
  Effect.fn(function* ({ seed: given, payouts, dataDir, json }) {
    const seed = Option.getOrElse(given, () => randomInt(1_000_000_000))
    console.log(`seed ${seed}`)
    mkdirSync(dataDir, { recursive: true })
    const folder = join(dataDir, "weather")
    const report = yield* Effect.scoped(run(folder, seed, payouts)).pipe(withLock(`${folder}.lock`, 0))
    for (const line of ["", ...reportLines(report)]) console.log(line)
    if (json) console.log(JSON.stringify(report))
    const found = report.violations.length
    if (found > 0)
      return yield* new CliFailure({
        reason: `${found} violations. --seed ${seed} repeats the run; the logs are in ${folder}/logs.`,
      })
  }, Effect.mapError(asCliFailure)),
).pipe(
  Command.withDescription("Pay under bad weather, and hold the outcome against the banks' own books"),
  Command.run({ version: "1" }),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain,
)
