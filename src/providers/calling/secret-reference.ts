/**
 * The settings name providers' secrets, but do not contain them: a secret is in an environment variable or in a file. A file is
 * checked for changes now and then, and at once when a provider refuses the secret, because a secret is rotated by replacing
 * the file.
 */
import { stat } from "node:fs/promises"
import { Clock, Effect, Redacted, Result, Schema } from "effect"
import { AppConfig } from "../../config.ts"
import { readSecretFile } from "../../settings/secret-file.ts"
import { InvalidProviderSetting, type Place } from "./provider-place.ts"

const LOOK_EVERY_MS = 5_000

const variable = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/

const isReference = (given: unknown): given is SecretReference => {
  if (typeof given !== "object" || given === null || Object.keys(given).length !== 1) return false
  if ("env" in given) return typeof given.env === "string" && variable.test(given.env)
  return "file" in given && typeof given.file === "string" && given.file !== ""
}

export type SecretReference = { readonly env: string } | { readonly file: string }

/** Where a secret is. A secret in its place is refused, and not quoted. */
export const SecretReference = Schema.declare<SecretReference>(isReference, {
  expected: `{"env": "NAME"} or {"file": "path"}: not the secret itself`,
})

/** "env:NAME" or "file:path". */
export const readReference = (text: string): SecretReference | undefined => {
  const [, kind, where = ""] = /^(env|file):(.+)$/.exec(text) ?? []
  const reference = kind === "env" ? { env: where } : { file: where }
  return kind !== undefined && isReference(reference) ? reference : undefined
}

/** A secret with its current value. */
export interface Secret {
  readonly current: Effect.Effect<Redacted.Redacted<string>>
  /** Checks for a new value at the next use. */
  readonly doubt: Effect.Effect<void>
}

/**
 * Reads a secret, without the line break at its end, and keeps it current. Fails, with the place, if it is missing, empty or
 * does not have the required form.
 */
export const openSecret = Effect.fnUntraced(function* (
  reference: SecretReference,
  place: Place,
  form: RegExp,
): Effect.fn.Return<Secret, InvalidProviderSetting, AppConfig> {
  const invalid = (problem: string) =>
    new InvalidProviderSetting({ setting: place.setting, reason: `${place.path}: ${problem}` })
  const accepted = (text: string | undefined, where: string) => {
    if (text === undefined || text === "") return Effect.fail(invalid(`${where} is empty or missing`))
    return form.test(text)
      ? Effect.succeed(Redacted.make(text))
      : Effect.fail(invalid(`the content of ${where} does not have the form of such a secret`))
  }
  if ("env" in reference) {
    const { secretNamed } = yield* AppConfig
    const text = yield* Effect.mapError(secretNamed(reference.env), ({ setting, problem }) =>
      invalid(`${setting}: ${problem}`),
    )
    const secret = yield* accepted(text?.replace(/\r?\n$/, ""), `the variable ${reference.env}`)
    return { current: Effect.succeed(secret), doubt: Effect.void }
  }
  const { file } = reference
  const read = Effect.flatMap(readSecretFile(file), (found) =>
    Result.isFailure(found)
      ? Effect.fail(invalid(`the file ${file} ${found.failure}`))
      : accepted(found.success.secret, `the file ${file}`),
  )
  return yield* keptCurrent(file, read)
})

/** If the file cannot be read any more, or its content is unusable, the last value stays in use. */
const keptCurrent = Effect.fnUntraced(function* (
  file: string,
  read: Effect.Effect<Redacted.Redacted<string>, InvalidProviderSetting>,
): Effect.fn.Return<Secret, InvalidProviderSetting> {
  // In this order: if the file is replaced in between, the next check reads it again.
  let version = yield* versionOf(file)
  let secret = yield* read
  let lookedAt = yield* Clock.currentTimeMillis
  const look = Effect.gen(function* () {
    lookedAt = yield* Clock.currentTimeMillis
    const found = yield* versionOf(file)
    if (found === version) return
    secret = yield* read
    // Only now: if the read failed, the next check tries again.
    version = found
    yield* Effect.logInfo("a secret was rotated", { file })
  }).pipe(
    Effect.catchTag("InvalidProviderSetting", ({ reason }) =>
      Effect.logWarning("a secret cannot be read again: its last value stays in use", { reason }),
    ),
  )
  return {
    current: Effect.gen(function* () {
      if ((yield* Clock.currentTimeMillis) - lookedAt >= LOOK_EVERY_MS) yield* look
      return secret
    }),
    doubt: Effect.sync(() => {
      lookedAt = Number.NEGATIVE_INFINITY
    }),
  }
})

/** Identifies the content of a file without reading it, also when a link is pointed elsewhere. */
const versionOf = (file: string): Effect.Effect<string> =>
  Effect.promise(async () => {
    try {
      const { ino, size, mtimeMs, ctimeMs } = await stat(file)
      return `${ino} ${size} ${mtimeMs} ${ctimeMs}`
    } catch {
      return "absent"
    }
  })
