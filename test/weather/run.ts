/** `npm run test:weather`: thousands of payouts while all providers behave badly, checked from outside. */
import { randomInt } from "node:crypto"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Effect, Exit, Option, Result, Scope } from "effect"
import { Command, Flag } from "effect/cli"
import { emptyFolder, startServer } from "../../bench/stand.ts"
import { dataDir, json } from "../../src/cli/flags.ts"
import { chosenTwins } from "../../src/dev/chosen-twins.ts"
import { clearingFolder } from "../../src/dev/clearing-files.ts"
import { withLock } from "../../src/dev/embedded-lock.ts"
import { startStack } from "../../src/dev/embedded-stack.ts"
import { freePort } from "../../src/dev/embedded-start.ts"
import { localMasterKeys } from "../../src/dev/local-master-keys.ts"
import { tellOfNotifications, withTwinsAsBanks } from "../../src/dev/local-platform.ts"
import {
  type LocalTwins,
  sandboxApiKeys,
  sandboxCallbackSecrets,
  sandboxKeys,
  sandboxOperatorKeys,
  startLocalSandbox,
  twinCredentials,
} from "../../src/dev/local-sandbox.ts"
import type { TwinName } from "../../src/sandbox/data-folder.ts"
import { asCliFailure, CliFailure } from "../../src/terminal/cli-failure.ts"
import type { Evidence } from "../checker/invariants.ts"
import { kindsOf } from "../checker/violation-kinds.ts"
import { errorsIn } from "./error-lines.ts"
import { providersAmongLiars, providersOf, settings, settingsAmongLiars, withTwins } from "./forecast.ts"
import { type Liars, liarKinds } from "./liars.ts"
import { SettableStore } from "./settable-store.ts"
import { type Place, runWeather, type WeatherReport } from "./weather-run.ts"

const noTwins: ReadonlyArray<TwinName> = []
const OUTAGE = { inMs: 8_000, forMs: 10_000 }
const RUN_MS_MAX = 480_000
const VIOLATIONS_SHOWN_MAX = 50

/** Servers that can be set back; they end with the scope. */
const openStores = (folder: string) => {
  const open = (name: SettableStore["name"]) =>
    Effect.acquireRelease(
      Effect.promise(() => SettableStore.open(name, folder)),
      (store) => Effect.promise(() => store[Symbol.asyncDispose]()),
    )
  return Effect.all({ redis: open("redis"), postgres: open("postgres") }, { concurrency: "unbounded" })
}

/** A process of the service that can be killed and started again where it was; it ends with the scope. */
const openService = Effect.fnUntraced(function* (
  folder: string,
  name: string,
  environment: Readonly<Record<string, string>>,
) {
  const [port, operationsPort] = yield* Effect.all([freePort, freePort], { concurrency: 2 })
  const settings = { ...environment, PORT: String(port), OPERATIONS_PORT: String(operationsPort) }
  let life = yield* Scope.make()
  const start = () => startServer(folder, name, "../src/main.ts", settings).pipe(Scope.provide(life))
  yield* Effect.addFinalizer(() => Scope.close(life, Exit.void))
  let { target, operationsUrl, process } = yield* start()
  console.log(`  ${name}: process ${process.pid}`)
  const restart = Effect.gen(function* () {
    yield* process.kill("SIGKILL")
    yield* Scope.close(life, Exit.void)
    life = yield* Scope.make()
    const again = yield* start()
    process = again.process
  })
  return { target, operationsUrl, restart }
})

/** Starts everything on a folder of its own: servers, sandbox, a process with all roles and one more worker. */
const startPlace = Effect.fnUntraced(function* (folder: string, liars: Liars, twins: LocalTwins) {
  yield* emptyFolder(folder)
  const onProgress = (line: string) => console.log(`  ${line}`)
  const stores = liars.has("stores") ? yield* openStores(folder) : undefined
  const given = stores === undefined ? {} : { redisUrl: stores.redis.url, databaseUrl: stores.postgres.url }
  const [stack, started] = yield* Effect.all(
    [startStack({ dataDir: folder, given, onProgress }), startLocalSandbox(folder, twins)],
    { concurrency: "unbounded" },
  )
  const sandbox = withTwinsAsBanks(started)
  const providersFile = join(folder, "providers.json")
  const isHonest = liars.size === 0
  const providers = isHonest ? providersOf(sandbox) : providersAmongLiars(sandbox, clearingFolder(folder))
  writeFileSync(providersFile, JSON.stringify(withTwins(providers, started.twins ?? {})))
  const environment = {
    ...(isHonest ? settings : settingsAmongLiars),
    ...twinCredentials,
    ...sandboxCallbackSecrets(twins.names),
    PROVIDERS_FILE: providersFile,
    REDIS_URL: stack.redisUrl,
    DATABASE_URL: stack.databaseUrl,
    NATS_URL: stack.natsUrl,
    API_KEYS: sandboxApiKeys,
    OPERATOR_KEYS: sandboxOperatorKeys,
    MASTER_KEYS: localMasterKeys(folder),
  }
  const whole = yield* openService(folder, "service", environment)
  const origin = new URL(whole.target.url).origin
  yield* tellOfNotifications(started.twins ?? {}, origin)
  const worker = yield* openService(folder, "worker", {
    ...environment,
    ROLES: "api,worker",
    PUBLIC_URL: origin,
  })
  const restart = () =>
    Effect.runPromise(
      Effect.all([whole.restart, worker.restart], { concurrency: "unbounded", discard: true }),
    )
  const logs = ["service", "worker"].map((name) => join(folder, "logs", `${name}.log`))
  return {
    services: [origin, new URL(worker.target.url).origin],
    operations: [whole.operationsUrl, worker.operationsUrl],
    apiKey: whole.target.apiKey,
    people: { approver: sandboxKeys.supervisor, operator: sandboxKeys.olga },
    sandbox: { ...sandbox, twins: started.twins ?? {} },
    traces: { redisPrimaries: [stack.redisUrl], redisPrefix: "ap", databaseUrl: stack.databaseUrl },
    ...(stores === undefined ? {} : { troubled: { stores, restart } }),
    errorsSince: (ms) => logs.flatMap((log) => errorsIn(readFileSync(log, "utf8").split("\n"), ms)),
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
  ...liarLines(report.liars),
  ...(report.violations.length === 0
    ? ["no violations"]
    : [
        `${report.violations.length} violations:`,
        ...Object.entries(kindsOf(report.violations)).map(([kind, count]) => `  ${count} of ${kind}`),
        ...report.violations.slice(0, VIOLATIONS_SHOWN_MAX),
      ]),
]

const liarLines = (liars: WeatherReport["liars"]): ReadonlyArray<string> =>
  liars === undefined
    ? []
    : [
        `lies: ${countsOf(liars.lies) || "none"}`,
        `cancelled: ${liars.cancelled}`,
        ...liars.setBacks.map(
          ({ store, from, at }) => `${store} forgot ${at - from} ms, from ${new Date(from).toISOString()} on`,
        ),
        `batches frozen with an alarm: ${liars.frozen}, forgotten: ${liars.forgotten}`,
        `items whose bank's last word Redis forgot: ${liars.unheard}`,
      ]

/** What was seen of each batch that a violation names: the next run begins with stores that are empty. */
const caseFiles = (found: ReadonlyArray<string>, { redis, banks, lies, alarms }: Evidence) =>
  [...new Set(found.flatMap((violation) => violation.match(/pb_[a-z2-7]{22}/g) ?? []))].map((batch) => {
    const isOurs = (text: string) => text.toLowerCase().includes(batch.slice("pb_".length))
    return {
      batch,
      log: redis.logs.get(batch)?.map(({ text }): unknown => JSON.parse(text)),
      transfers: banks.transfers.filter(({ reference }) => isOurs(reference)),
      lies: lies.filter((lie) => isOurs(JSON.stringify(lie))),
      alarms: alarms.filter(isOurs),
    }
  })

const run = Effect.fnUntraced(function* (
  folder: string,
  seed: number,
  payouts: number,
  liars: Liars,
  twins: LocalTwins,
) {
  const place = yield* startPlace(folder, liars, twins)
  return yield* Effect.tryPromise({
    try: () =>
      runWeather(place, {
        seed,
        payouts,
        outage: OUTAGE,
        withinMs: RUN_MS_MAX,
        liars,
        onViolations: (found, evidence) =>
          writeFileSync(
            join(folder, "logs", "violations.json"),
            JSON.stringify(caseFiles(found, evidence), null, 2),
          ),
      }),
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
    liars: Flag.Boolean("liars").pipe(
      Flag.withDefault(false),
      Flag.withDescription("Banks and compliance lie, people cancel, and the stores forget"),
    ),
    only: Flag.Literals("only", liarKinds).pipe(
      Flag.withDescription("With --liars: one kind of them alone"),
      Flag.optional,
    ),
    twins: Flag.String("twins").pipe(
      Flag.withDescription(
        "Twins of real providers to pay through: some of adyen, paypal, formance, with commas",
      ),
      Flag.mapTryCatch(
        (text) => Result.getOrThrowWith(chosenTwins(text), (problem) => new Error(problem)),
        (error) => (error instanceof Error ? error.message : String(error)),
      ),
      Flag.withDefault(noTwins),
    ),
    documents: Flag.String("documents").pipe(
      Flag.withDescription("The OpenAPI documents that the twins are held to"),
      Flag.optional,
    ),
    dataDir,
    json: json("Make the last line one JSON object, see docs/TESTING.md"),
  },
  Effect.fn(function* ({ seed: given, payouts, liars, only, twins, documents, dataDir, json }) {
    const seed = Option.getOrElse(given, () => randomInt(1_000_000_000))
    console.log(`seed ${seed}`)
    mkdirSync(dataDir, { recursive: true })
    const folder = join(dataDir, "weather")
    const among = new Set(
      liars ? Option.match(only, { onNone: () => liarKinds, onSome: (kind) => [kind] }) : [],
    )
    const report = yield* Effect.scoped(
      run(folder, seed, payouts, among, { names: twins, documents: Option.getOrUndefined(documents) }),
    ).pipe(withLock(`${folder}.lock`, 0))
    for (const line of ["", ...reportLines(report)]) console.log(line)
    writeFileSync(join(folder, "logs", "violations.txt"), report.violations.join("\n"))
    if (json) console.log(JSON.stringify(report))
    const found = report.violations.length
    if (found > 0)
      return yield* new CliFailure({
        reason: `${found} violations. --seed ${seed} repeats the run; all of them and the logs are in ${folder}/logs.`,
      })
  }, Effect.mapError(asCliFailure)),
).pipe(
  Command.withDescription("Pay under bad weather, and hold the outcome against the banks' own books"),
  Command.run({ version: "1" }),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain,
)
