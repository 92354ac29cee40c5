/** `npm run test:fuzz`: requests of all kinds to a running service, driven by its own OpenAPI document. */
import { randomInt } from "node:crypto"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { emptyFolder, startServer, withTwoBanks } from "../../bench/stand.ts"
import { dataDir, json } from "../../src/cli/flags.ts"
import { withLock } from "../../src/dev/embedded-lock.ts"
import { startStack } from "../../src/dev/embedded-stack.ts"
import { localMasterKeys } from "../../src/dev/local-master-keys.ts"
import { sandboxEnvironment, startLocalSandbox } from "../../src/dev/local-sandbox.ts"
import { asCliFailure, CliFailure } from "../../src/terminal/cli-failure.ts"
import { fuzzSettings } from "./credentials.ts"
import { type FuzzReport, runFuzz } from "./fuzz-run.ts"
import type { FuzzPlace } from "./place.ts"

/** Beyond these a run takes days, and its stores fill the disk. */
const SECONDS_MAX = 3_600
const REQUESTS_MAX = 1_000_000
const REQUESTS_PER_ROUND = 1_500
const REPEATED_PER_ROUND = 200

/** Starts servers, sandbox and the service on a folder of their own; all of them end with the scope. */
const startPlace = Effect.fnUntraced(function* (folder: string) {
  yield* emptyFolder(folder)
  const onProgress = (line: string) => console.log(`  ${line}`)
  const [stack, sandbox] = yield* Effect.all(
    [startStack({ dataDir: folder, given: {}, onProgress }), startLocalSandbox(folder)],
    { concurrency: "unbounded" },
  )
  const { target, operationsUrl, process } = yield* startServer(folder, "service", "../src/main.ts", {
    ...sandboxEnvironment(withTwoBanks(sandbox)),
    ...fuzzSettings,
    REDIS_URL: stack.redisUrl,
    DATABASE_URL: stack.databaseUrl,
    NATS_URL: stack.natsUrl,
    MASTER_KEYS: localMasterKeys(folder),
  })
  let hasEnded = false
  yield* Effect.forkScoped(
    Effect.andThen(
      process.exited,
      Effect.sync(() => (hasEnded = true)),
    ),
  )
  return {
    url: new URL(target.url).origin,
    operationsUrl,
    sandbox,
    redisUrl: stack.redisUrl,
    redisPrefix: "ap",
    databaseUrl: stack.databaseUrl,
    lines: () => readFileSync(join(folder, "logs", "service.log"), "utf8").split("\n"),
    isAlive: () => !hasEnded,
  } satisfies FuzzPlace
})

const reportLines = (report: FuzzReport): ReadonlyArray<string> => {
  const { memory, operations, accepted, repeated } = report
  const [start, most, end] = [memory.start, memory.most, memory.end].map((bytes) =>
    Math.round(bytes / 2 ** 20),
  )
  return [
    `${report.requests} requests in ${(report.elapsedMs / 1_000).toFixed(1)} s, to ${operations.called} of ${operations.all} operations, of which ${operations.succeeded} succeeded`,
    Object.entries(report.statuses)
      .map(([status, count]) => `${count} × ${status === "0" ? "closed" : status}`)
      .join(", "),
    ...(operations.neverSucceeded.length === 0
      ? []
      : [`never succeeded: ${operations.neverSucceeded.join(", ")}`]),
    `accepted: ${accepted.batches} batches of ${accepted.items} payouts; ${report.payments} payments, paid twice: ${report.paidTwice}`,
    `refused and sent again: ${repeated.requests}; the stores were compared ${repeated.comparisons} times`,
    `memory of the service: ${start} MiB at the start, ${most} MiB at most, ${end} MiB at the end`,
    ...(report.findings.length === 0
      ? ["nothing found"]
      : [`${report.findings.length} findings:`, ...report.findings]),
  ]
}

const failureOf = (error: unknown): CliFailure =>
  new CliFailure({ reason: error instanceof Error ? (error.stack ?? error.message) : String(error) })

Command.make(
  "test:fuzz",
  {
    seed: Flag.Int("seed").pipe(
      Flag.withDescription("What the requests follow from; a random one by default"),
      Flag.optional,
    ),
    seconds: Flag.Int("seconds").pipe(
      Flag.withDescription("For how long requests are sent; 60 by default"),
      Flag.filter(
        (value) => value >= 1 && value <= SECONDS_MAX,
        () => `1 to ${SECONDS_MAX}`,
      ),
      Flag.withDefault(60),
    ),
    dataDir,
    json: json("Make the last line one JSON object, see docs/TESTING.md"),
  },
  Effect.fn(function* ({ seed: given, seconds, dataDir, json }) {
    const seed = Option.getOrElse(given, () => randomInt(1_000_000_000))
    console.log(`seed ${seed}`)
    mkdirSync(dataDir, { recursive: true })
    const folder = join(dataDir, "fuzz")
    const options = {
      seed,
      requestsMax: REQUESTS_MAX,
      withinMs: seconds * 1_000,
      requestsPerRound: REQUESTS_PER_ROUND,
      repeatedPerRound: REPEATED_PER_ROUND,
      onProgress: (line: string) => console.log(`  ${line}`),
    }
    const run = Effect.gen(function* () {
      const place = yield* startPlace(folder)
      return yield* Effect.tryPromise({ try: () => runFuzz(place, options), catch: failureOf })
    })
    const report = yield* Effect.scoped(run).pipe(withLock(`${folder}.lock`, 0))
    for (const line of ["", ...reportLines(report)]) console.log(line)
    writeFileSync(join(folder, "logs", "findings.txt"), report.findings.join("\n\n"))
    if (json) console.log(JSON.stringify(report))
    if (report.findings.length > 0)
      return yield* new CliFailure({
        reason: `${report.findings.length} findings. --seed ${seed} sends the same requests; the logs are in ${folder}/logs.`,
      })
  }, Effect.mapError(asCliFailure)),
).pipe(
  Command.withDescription(
    "Send valid, nearly valid and hostile requests, and look at answers, stores and books",
  ),
  Command.run({ version: "1" }),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain,
)
