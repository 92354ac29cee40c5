/** How long a batch is without a worker: its owner is killed in the middle of it, and another one takes over. */
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
  /** Versions of the log when the batch was closed. */
  readonly version: number
  /** From the moment at which the claim had passed to the claim of the heir, which looks now and then. */
  readonly noticedMs: number
  /** Of that to the first append: reading, verifying and folding the log, and all until the append was done. */
  readonly foldMs: number
  /** Processor time of the heir while it folded: what `foldMs` would be on a machine that does nothing else. */
  readonly foldCpuMs: number
  readonly actedMs: number
  /** From the claim to the end of the batch. */
  readonly closedMs: number
  /** Payments that the dead owner made, that the heir made, and that the heir asked the bank about. */
  readonly paid: { readonly owner: number; readonly heir: number; readonly asked: number }
}

const PREFIX = "takeover"
const PARTITIONS = 16
const STEP_MS_MAX = 120_000

const program = fileURLToPath(new URL("engine/takeover-worker.ts", import.meta.url))

/** Kills the owner of a batch of so many items when half of them are paid, and follows the heir to the end. */
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
  const silent = yield* told(owner, "silent")
  const batch = String(silent.silent) as BatchId
  const heir = yield* start("--batch", batch)
  yield* told(heir, "ready")
  yield* owner.kill("SIGKILL")
  yield* owner.exited
  const passedAt = yield* claimPassesAt(servers.redisUrl, batch)
  const heard = yield* told(heir, "closedAt")
  const of = (what: string) => Number(heard[what])
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

/** When the claim of a batch's dead owner will have passed, by what Redis says of the last time that it was renewed. */
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

/** Waits for the line of JSON in which a worker tells something. */
const told = (worker: LeashedProcess, what: string) =>
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
