/** How long a batch is without a worker when its owner is killed in the middle of it and another worker takes over. */
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { Effect, type Scope } from "effect"
import { Redis } from "ioredis"
import { type LeashedProcess, spawnLeashed } from "../src/dev/leashed-process.ts"
import type { BatchId } from "../src/domain/identifiers.ts"
import { partitionKeys, partitionOf } from "../src/streams/partition.ts"
import { asCliFailure, CliFailure } from "../src/terminal/cli-failure.ts"
import { CLAIM_MS, newMasterKeys } from "./engine/engine.ts"

/** Times in milliseconds. */
export interface Takeover {
  readonly items: number
  /** The version of the log when the batch was closed. */
  readonly version: number
  /** From the moment at which the owner's claim expired to the heir's claim. */
  readonly noticedMs: number
  /** From the heir's claim: until the log was read, verified and folded, and until its first append was done. */
  readonly foldMs: number
  /** Processor time of the heir while it folded: `foldMs` without other work on the machine. */
  readonly foldCpuMs: number
  readonly actedMs: number
  /** From the heir's claim to the end of the batch. */
  readonly closedMs: number
  /** Payments of the dead owner, payments of the heir, and those that the heir inquired about at the bank. */
  readonly paid: { readonly owner: number; readonly heir: number; readonly asked: number }
}

const PREFIX = "takeover"
const PARTITIONS = 16
const STEP_MS_MAX = 120_000

const program = fileURLToPath(new URL("engine/takeover-worker.ts", import.meta.url))

/** Kills the owner of a batch of this many items when half of them are paid, and follows the heir to the end. */
export const measureTakeover = Effect.fn("measureTakeover")(function* (
  servers: { readonly redisUrl: string; readonly databaseUrl: string },
  items: number,
  logFile: string,
): Effect.fn.Return<Takeover, CliFailure, Scope.Scope> {
  const env = {
    PATH: process.env.PATH,
    REDIS_URL: servers.redisUrl,
    DATABASE_URL: servers.databaseUrl,
    MASTER_KEYS: newMasterKeys(),
  }
  const start = (...args: ReadonlyArray<string>) =>
    spawnLeashed({
      command: process.execPath,
      args: [program, "--prefix", PREFIX, "--items", String(items), ...args],
      env,
      logFile,
      stdout: "pipe",
    }).pipe(Effect.mapError(asCliFailure))
  const owner = yield* start()
  const silent = yield* reported(owner, "silent")
  const batch = String(silent.silent) as BatchId
  const heir = yield* start("--batch", batch)
  yield* reported(heir, "ready")
  yield* owner.kill("SIGKILL")
  yield* owner.exited
  const passedAt = yield* claimPassesAt(servers.redisUrl, batch)
  const report = yield* reported(heir, "closedAt")
  const of = (what: string) => Number(report[what])
  return {
    items,
    version: of("version"),
    noticedMs: Math.round(of("claimedAt") - passedAt),
    foldMs: Math.round(of("foldedAt") - of("claimedAt")),
    foldCpuMs: Math.round(of("foldCpuMs")),
    actedMs: Math.round(of("appendedAt") - of("claimedAt")),
    closedMs: Math.round(of("closedAt") - of("claimedAt")),
    paid: { owner: Number(silent.transfers), heir: of("transfers"), asked: of("inquiries") },
  }
})

/** When the claim of a batch's dead owner expires, by the last renewal that Redis shows. */
const claimPassesAt = (redisUrl: string, batch: BatchId): Effect.Effect<number> =>
  Effect.promise(async () => {
    const redis = new Redis(redisUrl)
    const { ready, scheduled } = partitionKeys(PREFIX, partitionOf(batch, PARTITIONS))
    const entry = (await redis.hget(scheduled, batch)) ?? ""
    const [pending] = (await redis.xpending(ready, "workers", entry, entry, 1)) as Array<
      [string, string, number]
    >
    const now = Date.now()
    redis.disconnect()
    return now - (pending?.[2] ?? 0) + CLAIM_MS
  })

/** Waits for the line of JSON in which a worker reports something. */
const reported = (worker: LeashedProcess, what: string) =>
  Effect.callback<Readonly<Record<string, unknown>>, CliFailure>((resume) => {
    if (worker.stdout === null) return
    const lines = createInterface(worker.stdout)
    lines.on("line", (line) => {
      if (!line.startsWith(`{"${what}"`)) return
      lines.close()
      resume(Effect.succeed(JSON.parse(line) as Readonly<Record<string, unknown>>))
    })
  }).pipe(
    Effect.raceFirst(
      Effect.andThen(worker.exited, new CliFailure({ reason: `a worker ended before it was ${what}` })),
    ),
    Effect.timeoutOrElse({
      duration: STEP_MS_MAX,
      orElse: () => Effect.fail(new CliFailure({ reason: `a worker did not get ${what} in time` })),
    }),
  )
