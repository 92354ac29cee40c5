/** `atlaspay` commands in the process of a test: a start of its own costs each of them more than what it does. */
import { NodeServices } from "@effect/platform-node"
import { Cause, Console, Effect, Exit, Runtime } from "effect"
import { Command } from "effect/cli"
import { archive } from "../../src/cli/archive.ts"
import { batches } from "../../src/cli/batches.ts"
import { config } from "../../src/cli/config.ts"
import { doctor } from "../../src/cli/doctor.ts"
import { proof } from "../../src/cli/proof.ts"
import { replay } from "../../src/cli/replay.ts"
import { webhooks } from "../../src/cli/webhooks.ts"

const command = Command.make("atlaspay").pipe(
  Command.withSubcommands([archive, batches, config, doctor, proof, replay, webhooks]),
)

type Words = readonly [settings: Readonly<Record<string, string>>, ...args: ReadonlyArray<string>]

/** Runs `atlaspay archive …`. */
export const archiveHere = (...[settings, ...args]: Words) => atlaspayHere(settings, "archive", ...args)

/** Runs `atlaspay batches …`. */
export const batchesHere = (...[settings, ...args]: Words) => atlaspayHere(settings, "batches", ...args)

/** Runs `atlaspay doctor …`. */
export const doctorHere = (...[settings, ...args]: Words) => atlaspayHere(settings, "doctor", ...args)

/** Runs `atlaspay config …`. */
export const configHere = (...[settings, ...args]: Words) => atlaspayHere(settings, "config", ...args)

/** Runs `atlaspay proof …`. */
export const proofHere = (...[settings, ...args]: Words) => atlaspayHere(settings, "proof", ...args)

/** Runs `atlaspay replay …`. */
export const replayHere = (...[settings, ...args]: Words) => atlaspayHere(settings, "replay", ...args)

/** Runs `atlaspay webhooks …`. */
export const webhooksHere = (...[settings, ...args]: Words) => atlaspayHere(settings, "webhooks", ...args)

/**
 * Runs `atlaspay …` with `settings` in its environment. Gives the exit status, and what it prints; of a failure the
 * message, as the main program prints it. One runs at a time: the environment is that of the process.
 */
const atlaspayHere = async (
  settings: Readonly<Record<string, string>>,
  ...args: ReadonlyArray<string>
): Promise<{ readonly status: number; readonly output: string }> => {
  const before = Object.keys(settings).map((name) => [name, process.env[name]] as const)
  const lines: Array<string> = []
  const print = (...words: ReadonlyArray<unknown>) => void lines.push(words.join(" "))
  Object.assign(process.env, settings)
  try {
    const exit = await Command.runWith(command, { version: "1" })(args).pipe(
      Effect.provide(NodeServices.layer),
      Effect.provideService(Console.Console, { ...globalThis.console, log: print, error: print }),
      Effect.runPromiseExit,
    )
    if (Exit.isSuccess(exit)) return { status: 0, output: `${lines.join("\n")}\n` }
    const failure = Cause.squash(exit.cause)
    if (!(failure instanceof Error)) throw failure
    print(failure.message)
    const status = Runtime.errorExitCode in failure ? Number(failure[Runtime.errorExitCode]) : 1
    return { status, output: `${lines.join("\n")}\n` }
  } finally {
    for (const [name, value] of before)
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
  }
}
