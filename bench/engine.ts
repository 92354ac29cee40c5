/** `npm run bench:engine`: compares the engine with alternatives that do the same work, in one run. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs"
import { loadavg } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Effect } from "effect"
import { Command, Flag } from "effect/cli"
import { Redis } from "ioredis"
import { dataDir, json } from "../src/cli/flags.ts"
import { withLock } from "../src/dev/embedded-lock.ts"
import { startStack } from "../src/dev/embedded-stack.ts"
import { asCliFailure, CliFailure } from "../src/terminal/cli-failure.ts"
import {
  type Engine,
  engines,
  type Floor,
  floors,
  jsonReport,
  type Measured,
  type Run,
  reportLines,
} from "./engine/report.ts"
import { readSpent, spentBetween } from "./engine/servers.ts"

const peersFolder = fileURLToPath(new URL("peers", import.meta.url))

interface Program {
  readonly file: string
  readonly rounds: number
  readonly flags?: ReadonlyArray<string>
}

/**
 * Each engine's program, and its number of rounds of 200 batches: more for those that are faster. As many rounds come first, as warm-up, so
 * each has worked for as long as it is measured.
 */
const programs: Readonly<Record<Engine | Floor, Program>> = {
  atlaspay: { file: "engine/atlaspay.ts", rounds: 15 },
  restate: { file: "peers/restate.ts", rounds: 5 },
  bullmq: { file: "peers/bullmq.ts", rounds: 4 },
  dbos: { file: "peers/dbos.ts", rounds: 1 },
  graphile: { file: "peers/graphile-worker.ts", rounds: 1 },
  effect: { file: "peers/effect-workflow.ts", rounds: 1 },
  floor: { file: "engine/floor.ts", rounds: 60 },
  floorSingly: { file: "engine/floor.ts", rounds: 15, flags: ["--singly"] },
}
const RUN_MS_MAX = 330_000

interface Stand {
  readonly redisUrl: string
  readonly databaseUrl: string
  readonly postgresFolder: string
}

/** What a program reports in its last line. */
interface Said {
  readonly payouts: number
  readonly payoutsPerSecond: number
  readonly batchP50Ms: number
  readonly batchP99Ms: number
  readonly cpuSeconds: number
  /** Processor time of servers that it started itself. */
  readonly serverCpuSeconds?: number
  readonly verified: number
}

/** Runs one engine on empty servers, and returns its report and what its servers spent. */
const runEngine = async (name: Engine | Floor, stand: Stand): Promise<Run> => {
  const redis = new Redis(stand.redisUrl)
  try {
    await redis.flushall()
    const program = programs[name]
    const before = await readSpent(redis, stand.postgresFolder)
    const said = await runProgram(program, stand)
    const spent = spentBetween(before, await readSpent(redis, stand.postgresFolder))
    if (said.verified !== said.payouts)
      throw new Error(`${name} made ${said.verified} of ${said.payouts} transfers`)
    // The servers' counters include the warm-up, which is as long.
    const share = 1 / 2
    return {
      ...said,
      cpuSeconds:
        said.cpuSeconds +
        (said.serverCpuSeconds ?? 0) +
        (spent.redisCpuSeconds + spent.postgresCpuSeconds) * share,
      redisCommands: spent.redisCommands * share,
      redisBytes: spent.redisBytes * share,
    }
  } finally {
    redis.disconnect()
  }
}

const runProgram = async ({ file, rounds, flags = [] }: Program, stand: Stand): Promise<Said> => {
  const program = fileURLToPath(new URL(file, import.meta.url))
  const size = ["--warm-up", String(rounds), "--rounds", String(rounds)]
  const child = spawn(process.execPath, ["--max-semi-space-size=64", program, ...size, ...flags], {
    env: { PATH: process.env.PATH, REDIS_URL: stand.redisUrl, DATABASE_URL: stand.databaseUrl },
    stdio: ["ignore", "pipe", "inherit"],
    timeout: RUN_MS_MAX,
  })
  let last = ""
  createInterface({ input: child.stdout }).on("line", (line) => {
    if (line.startsWith("{")) last = line
  })
  const [code] = await once(child, "close")
  if (code !== 0 || last === "") throw new Error(`${file} ended with ${code}`)
  return JSON.parse(last) as Said
}

/** Installs the peers' own packages if any is missing. */
const installPeers = async (): Promise<void> => {
  const { dependencies } = JSON.parse(readFileSync(join(peersFolder, "package.json"), "utf8")) as {
    readonly dependencies: Readonly<Record<string, string>>
  }
  const isThere = (name: string) => existsSync(join(peersFolder, "node_modules", name))
  if (Object.keys(dependencies).every(isThere)) return
  console.log("  installing the peers")
  const install = spawn("npm", ["ci", "--no-audit", "--no-fund"], { cwd: peersFolder, stdio: "inherit" })
  const [code] = await once(install, "close")
  if (code !== 0) throw new Error(`npm ci in bench/peers ended with ${code}`)
}

const measure = async (stand: Stand, runs: number): Promise<Measured> => {
  const before = loadavg()[0] ?? Number.NaN
  const made: Record<Engine | Floor, Array<Run>> = {
    floor: [],
    floorSingly: [],
    atlaspay: [],
    restate: [],
    bullmq: [],
    dbos: [],
    graphile: [],
    effect: [],
  }
  for (let run = 1; run <= runs; run += 1) {
    for (const name of [...floors, ...engines]) {
      const result = await runEngine(name, stand)
      made[name].push(result)
      console.log(`  run ${run}: ${name} ${result.payoutsPerSecond} payouts per second`)
    }
  }
  const { floor, floorSingly, ...ofEngines } = made
  return {
    runs: ofEngines,
    floors: { floor, floorSingly },
    loadAverages: [before, loadavg()[0] ?? Number.NaN],
  }
}

const bench = Effect.fnUntraced(function* (folder: string, runs: number, asJson: boolean) {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  const { redisUrl, databaseUrl } = yield* startStack({
    dataDir: folder,
    given: {},
    onProgress: (line) => console.log(`  ${line}`),
  })
  const stand = { redisUrl, databaseUrl, postgresFolder: join(folder, "postgres", "data") }
  const measured = yield* Effect.tryPromise({
    try: async () => {
      await installPeers()
      return measure(stand, runs)
    },
    catch: (error) => new CliFailure({ reason: error instanceof Error ? error.message : String(error) }),
  })
  for (const line of ["", ...reportLines(measured)]) console.log(line)
  if (asJson) console.log(JSON.stringify(jsonReport(measured)))
})

Command.make(
  "bench:engine",
  {
    runs: Flag.Int("runs").pipe(
      Flag.withDescription("How often each engine runs, in turn; the figures are medians. 1 by default"),
      Flag.filter(
        (value) => value >= 1 && value <= 9,
        () => "1 to 9",
      ),
      Flag.withDefault(1),
    ),
    dataDir,
    json: json("Make the last line one JSON object, see docs/BENCHMARKS.md"),
  },
  Effect.fn(function* ({ runs, dataDir, json }) {
    mkdirSync(dataDir, { recursive: true })
    const folder = join(dataDir, "bench-engine")
    yield* Effect.scoped(bench(folder, runs, json)).pipe(withLock(`${folder}.lock`, 0))
  }, Effect.mapError(asCliFailure)),
).pipe(
  Command.withDescription(
    "Compare the engine with Restate, BullMQ, DBOS Transact, Graphile Worker and Effect's workflows",
  ),
  Command.run({ version: "1" }),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain,
)
