/*
 * Loads what the processes of the tests load, and ends. Node writes what it compiled when a process ends, not when it is
 * killed, and the tests that start most processes kill them: without this, each of the first ones compiles everything again.
 */
import "effect/schema/SchemaJITCompiler/enable"
import "../src/app.ts"
import "../src/cli/batches.ts"
import "../src/cli/demo.ts"
import "../src/cli/events.ts"
import "../src/cli/reconcile.ts"
import "../src/cli/replay.ts"
import "../src/cli/serve.ts"
import "../src/platform/teardown.ts"
import "../src/sandbox/sandbox.ts"
