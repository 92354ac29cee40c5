/** Secrets that the environment names by files, for commands: NAME_FILE is the path for the secret NAME. */
import { Effect, Result } from "effect"
import { settings } from "../config.ts"
import { secretIn } from "../settings/given-settings.ts"
import { fileNameOf } from "../settings/secret-file.ts"
import { type Problem, settingsIn } from "../settings/setting.ts"
import { CliFailure } from "../terminal/cli-failure.ts"

/** A secret of the command line alone. */
const OWN = ["ATLASPAY_API_KEY"]

/**
 * Puts the secrets of files into the environment, where commands look for them, and takes their NAME_FILE out. What the kernel
 * shows of the environment of a process stays as it was at its start. Files that cannot be used stay named, and are the problems.
 */
export const takeSecretFiles = Effect.fnUntraced(function* (
  environment: NodeJS.ProcessEnv,
): Effect.fn.Return<ReadonlyArray<Problem>> {
  const problems: Array<Problem> = []
  const secrets = settingsIn(settings).flatMap(({ name, secret }) => (secret === undefined ? [] : [name]))
  for (const name of [...secrets, ...OWN]) {
    const read = yield* Effect.result(secretIn((variable) => environment[variable] || undefined, name))
    if (Result.isFailure(read)) problems.push(read.failure)
    else if (typeof read.success === "object") {
      environment[name] = read.success.secret
      delete environment[fileNameOf(name)]
    }
  }
  return problems
})

/** The exit status of a command that could not do its work: of some, 1 says that they found something. */
const NOT_DONE = 2

/** The same for a command that cannot go on without: the problems are its failure. */
export const secretsTaken = Effect.fnUntraced(function* (environment: NodeJS.ProcessEnv) {
  const problems = yield* takeSecretFiles(environment)
  if (problems.length > 0)
    return yield* new CliFailure({
      reason: problems.map(({ setting, problem }) => `${setting}: ${problem}`).join("\n"),
      status: NOT_DONE,
    })
})
