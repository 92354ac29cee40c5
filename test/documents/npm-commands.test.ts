/**
 * The `npm` commands of the pages that start AtlasPay: each is parsed as the command line parses it, and does nothing. What they do is tested by
 * test/cli/.
 */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Effect } from "effect"
import { CliError, Command } from "effect/cli"
import { TestConsole } from "effect/testing"
import { describe, expect, it } from "vitest"
import { apiKeys } from "../../src/cli/api-keys.ts"
import { archive } from "../../src/cli/archive.ts"
import { audit } from "../../src/cli/audit.ts"
import { batches } from "../../src/cli/batches.ts"
import { callbacks } from "../../src/cli/callbacks.ts"
import { config } from "../../src/cli/config.ts"
import { demo } from "../../src/cli/demo.ts"
import { doctor } from "../../src/cli/doctor.ts"
import { events } from "../../src/cli/events.ts"
import { history } from "../../src/cli/history.ts"
import { keys } from "../../src/cli/keys.ts"
import { migrateCommand } from "../../src/cli/migrate.ts"
import { partners } from "../../src/cli/partners.ts"
import { projections } from "../../src/cli/projections.ts"
import { proof } from "../../src/cli/proof.ts"
import { publish, stream } from "../../src/cli/publish.ts"
import { reconcileCommand } from "../../src/cli/reconcile.ts"
import { replay } from "../../src/cli/replay.ts"
import { serve } from "../../src/cli/serve.ts"
import { verify } from "../../src/cli/verify.ts"
import { webhooks } from "../../src/cli/webhooks.ts"
import { blocksIn, commandsIn } from "./documented-commands.ts"

const root = join(import.meta.dirname, "../..")
const read = (path: string): string => readFileSync(join(root, path), "utf8")
const { scripts } = JSON.parse(read("package.json"))

const someBatch = `pb_${"a".repeat(22)}`
const someEndpoint = `we_${"a".repeat(32)}`

const PARSED = "parsed, and not run"

/** All subcommands, under a command that stops before any of them does something. */
const parsing = Command.make("atlaspay").pipe(
  Command.withSubcommands([
    demo,
    serve,
    batches,
    events,
    replay,
    doctor,
    verify,
    reconcileCommand,
    callbacks,
    history,
    keys,
    partners,
    apiKeys,
    archive,
    audit,
    webhooks,
    projections,
    publish,
    stream,
    proof,
    migrateCommand,
    config,
  ]),
  Command.validate(() => Effect.fail(new CliError.ValidationError({ message: PARSED }))),
)

/** What is wrong with arguments. */
const problemsOf = async (words: ReadonlyArray<string>): Promise<ReadonlyArray<string>> => {
  const run = Command.runWith(parsing, { version: "0", renderErrors: false })(words)
  const error = await Effect.runPromise(
    run.pipe(Effect.flip, Effect.provide([NodeServices.layer, TestConsole.layer])),
  )
  const problems = CliError.isCliError(error) && error._tag === "ShowHelp" ? error.errors : [error]
  return problems.map(({ message }) => message).filter((message) => message !== PARSED)
}

const wordsIn = (text: string): ReadonlyArray<string> =>
  [...text.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(([, one, other, bare]) => one ?? other ?? bare ?? "")

/** The arguments of `atlaspay` that follow from a command of npm; `undefined` for another script. */
const wordsOf = (text: string): ReadonlyArray<string> | undefined => {
  const [, run, own, given = ""] = /^(?:\S+=\S+\s+)*npm (?:run (\S+)|(start))(?: -- (.*))?$/.exec(text) ?? []
  const [, fixed] = /^node .*src\/cli\/main\.ts ?(.*)$/.exec(scripts[run ?? own ?? ""] ?? "") ?? []
  return fixed === undefined
    ? undefined
    : wordsIn(`${fixed} ${given.replaceAll("pb_…", someBatch).replaceAll("we_…", someEndpoint)}`)
}

const documented = [
  "README.md",
  "CONTRIBUTING.md",
  ...["docs", "docs/runbooks"].flatMap((folder) =>
    readdirSync(join(root, folder)).map((page) => `${folder}/${page}`),
  ),
]
  .filter((page) => page.endsWith(".md"))
  .flatMap((page) => blocksIn(read(page)))
  .filter(({ kind }) => kind === "sh")
  .flatMap(({ text }) => commandsIn(text))
  .map(({ text }) => text.replaceAll(/\s*\\\n\s*/g, " "))

const starting = documented.filter((text) => wordsOf(text) !== undefined)

describe("a command of the pages", () => {
  it.each(starting)("is one that the command line takes: %s", async (text) => {
    expect(await problemsOf(wordsOf(text) ?? [])).toEqual([])
  })

  it("is there for each subcommand, and for no other", () => {
    const names = starting.map((text) => wordsOf(text)?.[0])
    const shown = parsing.subcommands.flatMap(({ commands }) => commands.map(({ name }) => name))
    expect([...new Set(names)].sort()).toEqual([...shown].sort())
  })

  it.each(["api-keys create --scope x", "batch submit a.csv", "replay", "serve --port 1"])(
    "would be refused: %s",
    async (text) => {
      expect(await problemsOf(wordsIn(text))).not.toEqual([])
    },
  )
})
