/** The service as a process. All settings come from the environment. */
// Must be imported first: it makes every schema compile at its first use.
import "effect/schema/SchemaJITCompiler/enable"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Effect, Layer } from "effect"
import { serveLayer } from "./app.ts"
import { exitWhenOverdue, exitZeroOnSigterm } from "./platform/teardown.ts"
import { roles } from "./service-roles.ts"
import { rolesToRun } from "./settings/process.ts"
import { endWithLastWords, withLastWords } from "./telemetry/last-words.ts"

// If ROLES is malformed, the checks of the start tell that with all other mistakes.
const given = Effect.orElseSucceed(rolesToRun, () => roles)

const service = Layer.unwrap(Effect.map(given, serveLayer)).pipe(Layer.provide(exitWhenOverdue))

endWithLastWords()
NodeRuntime.runMain(withLastWords(Layer.launch(service)), {
  disableErrorReporting: true,
  teardown: exitZeroOnSigterm(),
})
