/**
 * `npm run bench:compare -- OLD [NEW]`: the cost of a payout in two checkouts of the project, in turn, in one run: in the
 * engine alone, or with `--pipeline` through the whole.
 */
import { existsSync, mkdirSync, realpathSync, rmSync } from "node:fs"
import { loadavg } from "node:os"
import { join, resolve } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Effect, type Scope } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { Redis } from "ioredis"
import postgres from "postgres"
import { dataDir, json } from "../src/cli/flags.ts"
import { withLock } from "../src/dev/embedded-lock.ts"
import { startStack } from "../src/dev/embedded-stack.ts"
import { spawnLeashed } from "../src/dev/leashed-process.ts"
import { asCliFailure, CliFailure } from "../src/terminal/cli-failure.ts"
import { type Cost, compareLines, compareReport, orderOf, type Pair, type Side } from "./compare-report.ts"
import { readSpent, spentBetween } from "./engine/servers.ts"
import { pipelineCompareLines, pipelineCompareReport, type RoundsOfPair } from "./pipeline/compare-report.ts"
import { measureService, WARM_UP } from "./pipeline/measure.ts"
import type { Round } from "./pipeline/round.ts"

/** AtlasPay's side of `bench:engine`, at the same path in every checkout. */
const PROGRAM = "bench/engine/atlaspay.ts"
/** Additional rounds to warm up, which only the servers' counters include. */
const WARM_UP_ROUNDS = 2
const RUN_MS_MAX = 330_000
/** Batches open at a time with `--pipeline`. */
const OPEN = 200

type Checkouts = Readonly<Record<Side, string>>

interface Stand {
  readonly redisUrl: string
  readonly databaseUrl: string
  readonly postgresFolder: string
  readonly logFile: string
}

/** The fields of the program's last line that are used here. */
interface Said {
  readonly payouts: number
  readonly cpuSeconds: number
  readonly verified: number
}

/** Runs the engine of one checkout on empty servers, in a database of its own. */
const run = Effect.fnUntraced(function* (checkout: string, rounds: number, stand: Stand) {
  const redis = yield* Effect.acquireRelease(
    Effect.sync(() => new Redis(stand.redisUrl)),
    (redis) => Effect.sync(() => redis.disconnect()),
  )
  // Removes the keys and the functions of the other checkout.
  yield* attempted(async () => {
    await redis.flushall()
    await redis.call("FUNCTION", "FLUSH")
  })
  const databaseUrl = yield* ownDatabase(stand.databaseUrl)
  const spent = attempted(() => readSpent(redis, stand.postgresFolder))
  const before = yield* spent
  const said = yield* runProgram(checkout, rounds, { ...stand, databaseUrl })
  const { redisCpuSeconds, postgresCpuSeconds } = spentBetween(before, yield* spent)
  if (said.verified !== said.payouts)
    return yield* new CliFailure({
      reason: `${checkout} made ${said.verified} of ${said.payouts} transfers`,
    })
  const perPayoutUs = (seconds: number) => (seconds / said.payouts) * 1e6
  const engineUs = perPayoutUs(said.cpuSeconds)
  const serversUs = perPayoutUs((redisCpuSeconds + postgresCpuSeconds) * (rounds / (rounds + WARM_UP_ROUNDS)))
  return { engineUs, serversUs, togetherUs: engineUs + serversUs } satisfies Cost
}, Effect.scoped)

/** A database that is dropped with the scope, so that neither checkout meets the other's schema. */
const ownDatabase = Effect.fnUntraced(function* (databaseUrl: string) {
  const name = `compare_${process.pid}`
  const server = yield* Effect.acquireRelease(
    Effect.sync(() => postgres(databaseUrl, { max: 1, onnotice: () => {} })),
    (server) => Effect.promise(() => server.end()),
  )
  yield* Effect.acquireRelease(
    attempted(() => server.unsafe(`create database ${name}`)),
    () => Effect.promise(() => server.unsafe(`drop database ${name} with (force)`)),
  )
  const url = new URL(databaseUrl)
  url.pathname = `/${name}`
  return url.href
})

/** Runs the program with the Node of this checkout, and returns its last line. It ends with the scope at the latest. */
const runProgram = Effect.fnUntraced(function* (
  checkout: string,
  rounds: number,
  { redisUrl, databaseUrl, logFile }: Stand,
): Effect.fn.Return<Said, CliFailure, Scope.Scope> {
  const { stdout, exited } = yield* spawnLeashed({
    command: process.execPath,
    args: ["--max-semi-space-size=64", join(checkout, PROGRAM), "--rounds", String(rounds)],
    cwd: checkout,
    env: { PATH: process.env.PATH, REDIS_URL: redisUrl, DATABASE_URL: databaseUrl },
    logFile,
    stdout: "pipe",
  }).pipe(Effect.mapError(asCliFailure))
  let last = ""
  if (stdout !== null)
    createInterface({ input: stdout }).on("line", (line) => {
      if (line.startsWith("{")) last = line
    })
  const failed = (what: string) => new CliFailure({ reason: `${checkout} ${what}; ${logFile} says why.` })
  const { code } = yield* exited.pipe(
    Effect.timeoutOrElse({ duration: RUN_MS_MAX, orElse: () => failed(`was not done in ${RUN_MS_MAX} ms`) }),
  )
  if (code !== 0 || last === "") return yield* failed(`ended with ${code}`)
  return JSON.parse(last) as Said
})

const attempted = <A>(act: () => PromiseLike<A>): Effect.Effect<A, CliFailure> =>
  Effect.tryPromise({
    try: async () => act(),
    catch: (error) => new CliFailure({ reason: error instanceof Error ? error.message : String(error) }),
  })

interface Extent {
  readonly pairs: number
  readonly rounds: number
}

const measure = Effect.fnUntraced(function* (
  checkouts: Checkouts,
  { pairs, rounds }: Extent,
  stand: Stand,
): Effect.fn.Return<ReadonlyArray<Pair>, CliFailure> {
  const measured: Array<Pair> = []
  for (let pair = 0; pair < pairs; pair += 1) {
    const costs: Partial<Record<Side, Cost>> = {}
    for (const side of orderOf(pair)) {
      const cost = yield* run(checkouts[side], rounds, stand)
      costs[side] = cost
      console.log(`  pair ${pair + 1}, ${side}: ${cost.togetherUs.toFixed(1)} µs per payout`)
    }
    if (costs.old !== undefined && costs.new !== undefined) measured.push({ old: costs.old, new: costs.new })
  }
  return measured
})

const compare = Effect.fnUntraced(function* (folder: string, checkouts: Checkouts, extent: Extent) {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(join(folder, "logs"), { recursive: true })
  const { redisUrl, databaseUrl } = yield* startStack({
    dataDir: folder,
    given: {},
    onProgress: (line) => console.log(`  ${line}`),
  }).pipe(Effect.mapError(asCliFailure))
  const before = loadavg()[0] ?? Number.NaN
  const pairs = yield* measure(checkouts, extent, {
    redisUrl,
    databaseUrl,
    postgresFolder: join(folder, "postgres", "data"),
    logFile: join(folder, "logs", "compare.log"),
  })
  return compareReport(pairs, [before, loadavg()[0] ?? Number.NaN])
}, Effect.scoped)

interface PipelineExtent {
  readonly pairs: number
  readonly payouts: number
  readonly layout: string
}

/** Pays through the service of both checkouts in turn, each time on empty servers of its own. */
const comparePipelines = Effect.fnUntraced(function* (
  folder: string,
  checkouts: Checkouts,
  { pairs, payouts, layout }: PipelineExtent,
) {
  const before = loadavg()[0] ?? Number.NaN
  const measured: Array<RoundsOfPair> = []
  for (let pair = 0; pair < pairs; pair += 1) {
    const rounds: Partial<Record<Side, Round>> = {}
    for (const side of orderOf(pair))
      rounds[side] = yield* measureService(
        folder,
        { checkout: checkouts[side], layout, payouts, open: OPEN, rounds: 1, warmUp: WARM_UP },
        (line) => console.log(`  pair ${pair + 1}, ${side}: ${line}`),
      )
    if (rounds.old !== undefined && rounds.new !== undefined)
      measured.push({ old: rounds.old, new: rounds.new })
  }
  return pipelineCompareReport(measured, [before, loadavg()[0] ?? Number.NaN])
})

const checkout = (name: string, what: string) =>
  Argument.String(name).pipe(
    Argument.withDescription(`A checkout of the project, with its packages: ${what}`),
    Argument.map((path) => resolve(process.env.INIT_CWD ?? ".", path)),
    Argument.filter(
      (path) => existsSync(join(path, PROGRAM)) && existsSync(join(path, "node_modules")),
      (path) => `${path} has no ${PROGRAM}, or no node_modules`,
    ),
  )

const wholeNumber = (name: string, what: string, fallback: number, maximum: number) =>
  Flag.Int(name).pipe(
    Flag.withDescription(`${what}; ${fallback} by default`),
    Flag.filter(
      (value) => value >= 1 && value <= maximum,
      () => `1 to ${maximum}`,
    ),
    Flag.withDefault(fallback),
  )

Command.make(
  "bench:compare",
  {
    old: checkout("OLD", "what it is compared with"),
    new: checkout("NEW", "what is judged; this one by default").pipe(
      Argument.withDefault(fileURLToPath(new URL("..", import.meta.url))),
    ),
    pipeline: Flag.Boolean("pipeline").pipe(
      Flag.withDescription("Compare the whole service, as bench:pipeline runs it"),
      Flag.withDefault(false),
    ),
    payouts: wholeNumber("payouts", "With --pipeline: how many payouts a run has", 5_000, 1_000_000),
    layout: Flag.String("layout").pipe(
      Flag.withDescription("With --pipeline: the processes, as for bench:pipeline; roles by default"),
      Flag.withDefault("roles"),
    ),
    pairs: wholeNumber("pairs", "How often each side runs", 4, 50),
    rounds: wholeNumber("rounds", "How many rounds of 10,000 payouts a run has", 15, 200),
    ratioMax: Flag.optional(
      Flag.Finite("ratio-max").pipe(
        Flag.withDescription("Fail if the ratio of the costs is above this, such as 1.03"),
      ),
    ),
    dataDir,
    json: json("Make the last line one JSON object, see docs/BENCHMARKS.md"),
  },
  Effect.fn(function* ({ dataDir, json, ratioMax, pipeline, payouts, layout, pairs, rounds, ...checkouts }) {
    mkdirSync(dataDir, { recursive: true })
    const folder = join(realpathSync(dataDir), pipeline ? "bench-compare-pipeline" : "bench-compare")
    const show = (lines: ReadonlyArray<string>, report: object) => {
      for (const line of ["", ...lines]) console.log(line)
      if (json) console.log(JSON.stringify(report))
    }
    const comparison = pipeline
      ? Effect.map(comparePipelines(folder, checkouts, { pairs, payouts, layout }), (report) => {
          show(pipelineCompareLines(report), report)
          return report.parts.whole?.ratio ?? Number.NaN
        })
      : Effect.map(compare(folder, checkouts, { pairs, rounds }), (report) => {
          show(compareLines(report), report)
          return report.ratio
        })
    const ratio = yield* comparison.pipe(withLock(`${folder}.lock`, 0))
    if (ratioMax._tag === "Some" && !(ratio <= ratioMax.value))
      return yield* new CliFailure({ reason: `${ratio} is more than ${ratioMax.value}` })
  }, Effect.mapError(asCliFailure)),
).pipe(
  Command.withDescription("Measure the cost of a payout in two checkouts of the project, in turn"),
  Command.run({ version: "1" }),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain,
)
