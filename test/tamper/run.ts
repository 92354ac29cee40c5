/** `npm run test:tamper`: edits what the stores have at random, and expects `atlaspay verify` to find and name every edit. */
import { execFile } from "node:child_process"
import { randomInt } from "node:crypto"
import { mkdirSync, rmSync } from "node:fs"
import { join } from "node:path"
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import postgres from "postgres"
import { dataDir, json } from "../../src/cli/flags.ts"
import { withLock } from "../../src/dev/embedded-lock.ts"
import { startStack } from "../../src/dev/embedded-stack.ts"
import { asCliFailure, CliFailure } from "../../src/terminal/cli-failure.ts"
import type { Finding } from "../../src/verification/finding.ts"
import { verifyAll } from "../../src/verification/verify-all.ts"
import { databaseUrlAt } from "../migrated-database.ts"
import { type ByCommand, runTampering, type TamperReport } from "./tamper-run.ts"
import { makeWorld, PARTITIONS, type World } from "./world.ts"

const EDITS_DEFAULT = 10_000
const EDITS_MAX = 1_000_000
/** Of how many edits one is verified by a process of the command, too. */
const BY_COMMAND_EVERY = 500
/** Worlds in which edits are made at a time: while one waits for its stores, another is verified. */
const WORLDS = 4
const SHOWN_MAX = 50
const COMMAND_MS_MAX = 60_000

const main = join(import.meta.dirname, "../../src/cli/main.ts")

/** Runs `atlaspay verify` on the world. */
const byCommand: ByCommand = ({ redisUrl, databaseUrl, prefix }, batches) =>
  new Promise((resolve) => {
    const env = {
      ...process.env,
      REDIS_URL: redisUrl,
      DATABASE_URL: databaseUrl,
      STREAM_PREFIX: prefix,
      PARTITIONS: String(PARTITIONS),
    }
    const what = batches.length === 0 ? ["--all"] : batches
    execFile(
      process.execPath,
      [main, "verify", "--json", ...what],
      { env, timeout: COMMAND_MS_MAX, maxBuffer: 64 * 1024 * 1024 },
      (error, stdout) => {
        const status = error === null ? 0 : typeof error.code === "number" ? error.code : -1
        const lines = stdout.split("\n").filter((line) => line.startsWith('{"finding"'))
        const findings = lines.map((line) => (JSON.parse(line) as { readonly finding: Finding }).finding)
        resolve({ status, findings })
      },
    )
  })

/**
 * A world of its own prefix and database, of which verification finds nothing wrong. The servers are the run's own and are never killed, so
 * they need not wait for the disk.
 */
const soundWorld = Effect.fnUntraced(function* (
  { redisUrl, databaseUrl }: Pick<World, "redisUrl" | "databaseUrl">,
  seed: number,
  lane: number,
) {
  const name = `tamper_${lane}`
  yield* Effect.promise(async () => {
    const server = postgres(databaseUrl, { max: 1, onnotice: () => {} })
    await server.unsafe(`create database ${name}`)
    await server.unsafe(`alter database ${name} set synchronous_commit = off`)
    await server.end()
  })
  const place = { redisUrl, databaseUrl: databaseUrlAt(databaseUrl, name), prefix: `tamper-${lane}` }
  const world = yield* makeWorld(place, seed + lane)
  yield* Effect.promise(() => world.redis.call("CONFIG", "SET", "appendonly", "no") as Promise<unknown>)
  const { batches, events, findings } = yield* Effect.provide(verifyAll(), world.evidence)
  console.log(`${batches} batches, ${events} events, ${findings} findings before any edit`)
  if (findings > 0) return yield* new CliFailure({ reason: "The world is not sound." })
  return world
})

const reportLines = (
  { edits, byKind, missed, viaCommand }: TamperReport,
  seconds: number,
): ReadonlyArray<string> => [
  ...Object.entries(byKind).map(([kind, count]) => `${String(count).padStart(6)}  ${kind}`),
  "",
  `${edits} edits in ${seconds.toFixed(0)} s, ${viaCommand} of them by the command, too: ${missed.length === 0 ? "all were found and named" : `${missed.length} were missed`}.`,
  ...missed.slice(0, SHOWN_MAX),
]

Command.make(
  "test:tamper",
  {
    seed: Flag.Int("seed").pipe(
      Flag.withDescription("What the edits follow from; a random one by default"),
      Flag.optional,
    ),
    edits: Flag.Int("edits").pipe(
      Flag.withDescription("How many edits are made, one at a time; 10,000 by default"),
      Flag.filter(
        (value) => value >= 1 && value <= EDITS_MAX,
        () => `1 to ${EDITS_MAX}`,
      ),
      Flag.withDefault(EDITS_DEFAULT),
    ),
    dataDir,
    json: json("Make the last line one JSON object"),
  },
  Effect.fn(function* ({ seed: given, edits, dataDir, json }) {
    const seed = Option.getOrElse(given, () => randomInt(1_000_000_000))
    console.log(`seed ${seed}`)
    const folder = join(dataDir, "tamper")
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { recursive: true })
    const run = Effect.gen(function* () {
      const stack = yield* startStack({ dataDir: folder })
      const worlds = yield* Effect.forEach(
        Array.from({ length: WORLDS }, (_, lane) => lane),
        (lane) => soundWorld(stack, seed, lane),
      )
      const began = performance.now()
      const report = yield* Effect.promise(() =>
        runTampering(worlds, {
          seed,
          edits,
          byCommand: { every: BY_COMMAND_EVERY, verify: byCommand },
          onProgress: (line) => console.log(`  ${line}`),
        }),
      )
      return { ...report, seconds: (performance.now() - began) / 1_000 }
    })
    const report = yield* Effect.scoped(run).pipe(withLock(`${folder}.lock`, 0))
    for (const line of ["", ...reportLines(report, report.seconds)]) console.log(line)
    if (json) console.log(JSON.stringify({ seed, ...report }))
    if (report.missed.length > 0)
      return yield* new CliFailure({
        reason: `${report.missed.length} edits were missed. --seed ${seed} makes them again.`,
      })
  }, Effect.mapError(asCliFailure)),
).pipe(
  Command.withDescription("Edit what the stores have, and expect verify to find and name every edit"),
  Command.run({ version: "1" }),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain,
)
