/** The `atlaspay` command and all its subcommands. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect } from "effect"
import { Command } from "effect/cli"
import packageJson from "../../package.json" with { type: "json" }
import { exitZeroOnSigterm } from "../platform/teardown.ts"

// A reader such as `head` closes the pipe when it has seen enough.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0)
  throw error
})

/** The subcommands in the order of the help, each loaded when it is needed: all together take longer than most of them do. */
const loads = {
  demo: async () => (await import("./demo.ts")).demo,
  serve: async () => (await import("./serve.ts")).serve,
  batches: async () => (await import("./batches.ts")).batches,
  events: async () => (await import("./events.ts")).events,
  replay: async () => (await import("./replay.ts")).replay,
  doctor: async () => (await import("./doctor.ts")).doctor,
  verify: async () => (await import("./verify.ts")).verify,
  reconcile: async () => (await import("./reconcile.ts")).reconcileCommand,
  callbacks: async () => (await import("./callbacks.ts")).callbacks,
  history: async () => (await import("./history.ts")).history,
  archive: async () => (await import("./archive.ts")).archive,
  projections: async () => (await import("./projections.ts")).projections,
  publish: async () => (await import("./publish.ts")).publish,
  stream: async () => (await import("./publish.ts")).stream,
  keys: async () => (await import("./keys.ts")).keys,
  partners: async () => (await import("./partners.ts")).partners,
  "api-keys": async () => (await import("./api-keys.ts")).apiKeys,
  people: async () => (await import("./people.ts")).people,
  audit: async () => (await import("./audit.ts")).audit,
  webhooks: async () => (await import("./webhooks.ts")).webhooks,
  proof: async () => (await import("./proof.ts")).proof,
  config: async () => (await import("./config.ts")).config,
  migrate: async () => (await import("./migrate.ts")).migrateCommand,
}

/** The one that the first argument names; all where it names none, as for the help. */
const subcommands = () => {
  const [, , name = ""] = process.argv
  const named = Object.entries(loads).filter(([own]) => own === name)
  const wanted = named.length > 0 ? named : Object.entries(loads)
  return Promise.all(wanted.map(([, load]) => load()))
}

/**
 * The commands find secrets of files in the environment. `config`, and `serve` in production, tell all mistakes at once, and so those with
 * files when they read the settings.
 */
const namedFiles = Object.entries(process.env).some(([name, path]) => name.endsWith("_FILE") && path)
const takeSecrets = Effect.gen(function* () {
  const [, , name] = process.argv
  if (!namedFiles || name === "config") return
  const { secretsTaken, takeSecretFiles } = yield* Effect.promise(() => import("./given-secrets.ts"))
  yield* name === "serve" && process.env.NODE_ENV === "production"
    ? takeSecretFiles(process.env)
    : secretsTaken(process.env)
})

const command = Command.make("atlaspay").pipe(
  Command.withDescription("Pay batches of payouts, each item exactly once, and prove it"),
  Command.withSubcommands(await subcommands()),
  Command.run({ version: packageJson.version }),
  Effect.provide(NodeServices.layer),
)

takeSecrets.pipe(Effect.andThen(command), NodeRuntime.runMain({ teardown: exitZeroOnSigterm() }))
