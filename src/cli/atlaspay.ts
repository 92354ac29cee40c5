/** The `atlaspay` command and all its subcommands. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect } from "effect"
import { Command } from "effect/cli"
import packageJson from "../../package.json" with { type: "json" }
import { exitZeroOnSigterm } from "../platform/teardown.ts"
import { batches } from "./batches.ts"
import { callbacks } from "./callbacks.ts"
import { demo } from "./demo.ts"
import { events } from "./events.ts"
import { history } from "./history.ts"
import { keys } from "./keys.ts"
import { migrateCommand } from "./migrate.ts"
import { reconcileCommand } from "./reconcile.ts"
import { replay } from "./replay.ts"
import { serve } from "./serve.ts"

// A reader such as `head` closes the pipe when it has seen enough.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0)
  throw error
})

Command.make("atlaspay").pipe(
  Command.withDescription("Pay batches of payouts, each item exactly once, and prove it"),
  Command.withSubcommands([
    demo,
    serve,
    batches,
    events,
    replay,
    reconcileCommand,
    callbacks,
    history,
    keys,
    migrateCommand,
  ]),
  Command.run({ version: packageJson.version }),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain({ teardown: exitZeroOnSigterm() }),
)
