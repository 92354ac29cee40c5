/*
 * One stack for all test files: the servers in REDIS_URL, DATABASE_URL and NATS_URL, or an embedded stack in a
 * folder of this run. Each file keeps to itself by a key prefix, a database and a stream of its own.
 *
 * All temporary files of the run lie in that folder, through TMPDIR. It is removed at the end, and any process
 * that still works for the run then makes it fail. The programs that tests start lie there, too, and what one process
 * compiled, for those that start later. The first one, which loads what they load, runs while the servers start.
 */
import { execFile } from "node:child_process"
import { chmodSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { promisify } from "node:util"
import { Effect, Exit, Scope } from "effect"
import type { TestProject } from "vitest/node"
import { type StackUrls, startStack } from "../src/dev/embedded-stack.ts"
import { createMigratedDatabase } from "./migrated-database.ts"
import { buildPrograms, fileOf, PROGRAMS_FOLDER } from "./programs.ts"
import { processesOfRun } from "./run-processes.ts"

const END_WITHIN_MS = 15_000
const POLL_MS = 100
/** It takes two seconds, and on a busy machine many times as long. */
const LOAD_MS_MAX = 120_000

declare module "vitest" {
  interface ProvidedContext extends StackUrls {
    /** The name of a database with the tables of this release, which others are copied from. */
    readonly migratedDatabase: string
  }
}

export default async (project: TestProject): Promise<() => Promise<void>> => {
  const { TMPDIR, NODE_COMPILE_CACHE, [PROGRAMS_FOLDER]: programs } = process.env
  const outside = { TMPDIR, NODE_COMPILE_CACHE, [PROGRAMS_FOLDER]: programs }
  const folder = mkdtempSync(join(tmpdir(), "atlaspay-test-"))
  // Root runs Postgres as another user, who has to get in.
  chmodSync(folder, 0o755)
  Object.assign(process.env, { TMPDIR: folder, NODE_COMPILE_CACHE: join(folder, "compiled") })
  const scope = Effect.runSync(Scope.make())
  const close = async () => {
    await Effect.runPromise(Scope.close(scope, Exit.void))
    await requireNoProcessLeft(folder)
    rmSync(folder, { recursive: true })
    for (const [name, value] of Object.entries(outside))
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
  }
  try {
    const [{ redisUrl, databaseUrl, natsUrl }] = await Effect.runPromise(
      Effect.all([startStack({ dataDir: join(folder, "stack") }), makePrograms(join(folder, "programs"))], {
        concurrency: "unbounded",
      }).pipe(Scope.provide(scope)),
    )
    project.provide("redisUrl", redisUrl)
    project.provide("databaseUrl", databaseUrl)
    project.provide("natsUrl", natsUrl)
    const migrated = await createMigratedDatabase(databaseUrl)
    project.provide("migratedDatabase", migrated.name)
    return () => migrated.drop().finally(close)
  } catch (error) {
    await close()
    throw error
  }
}

/** Builds the programs of the run, and loads all that they load once. Fails if that is not possible. */
const makePrograms = (folder: string) =>
  Effect.tryPromise(async (signal) => {
    await buildPrograms(folder)
    const loaded = fileOf("test/loaded-by-processes.ts")
    await promisify(execFile)(process.execPath, [loaded], { signal, timeout: LOAD_MS_MAX })
  })

const requireNoProcessLeft = async (folder: string): Promise<void> => {
  let left = processesOfRun(folder)
  for (let waitedMs = 0; left.length > 0 && waitedMs < END_WITHIN_MS; waitedMs += POLL_MS) {
    await sleep(POLL_MS)
    left = processesOfRun(folder)
  }
  if (left.length > 0) throw new Error(`The tests left processes behind:\n${left.join("\n")}`)
}
