/** The service as a process of its own: everything comes from the environment. */
// First, so that every schema is compiled when it is first used.
import "effect/schema/SchemaJITCompiler/enable"
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Layer } from "effect"
import { serveLayer } from "./app.ts"
import { rolesToRun } from "./config.ts"
import { endedAsTold } from "./platform/teardown.ts"

NodeRuntime.runMain(Layer.launch(Layer.unwrap(Effect.map(rolesToRun, serveLayer))), {
  teardown: endedAsTold(),
})
