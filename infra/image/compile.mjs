/*
 * Loads what the service and the command line load, so that Node writes what it compiled to NODE_COMPILE_CACHE. It starts and
 * connects to nothing. The Dockerfile runs it.
 */
import { flushCompileCache, getCompileCacheDir } from "node:module"

await import("effect/schema/SchemaJITCompiler/enable")
await import("../../src/app.ts")
await import("../../src/platform/teardown.ts")
await import("../../src/cli/migrate.ts")

flushCompileCache()
if (getCompileCacheDir() === undefined)
  throw new Error("nothing is kept: set NODE_COMPILE_CACHE to a folder that can be written")
