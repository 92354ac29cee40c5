/** The service as a process of its own: everything comes from the environment. */
import { NodeRuntime } from "@effect/platform-node"
import { Layer } from "effect"
import { serveLayer } from "./app.ts"
import { roles } from "./config.ts"
import { endedAsTold } from "./platform/teardown.ts"

NodeRuntime.runMain(Layer.launch(serveLayer(roles)), { teardown: endedAsTold() })
