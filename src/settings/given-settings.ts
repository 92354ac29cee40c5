/** What a process was given: the environment, and the secrets that it names by files. */
import { ConfigProvider, Effect, Result } from "effect"
import { fileNameOf, readSecretFile } from "./secret-file.ts"
import type { Problem } from "./setting.ts"

/** A secret that was read, and the file that it came from. */
interface FromFile {
  readonly secret: string
  readonly file: string
  readonly isOpenToAll: boolean
}

export interface Given {
  /** The environment with the secrets of files. */
  readonly provider: ConfigProvider.ConfigProvider
  readonly files: ReadonlyMap<string, FromFile>
  readonly problems: ReadonlyArray<Problem>
}

type Source = ConfigProvider.ConfigProvider

/** The text of a variable; nothing if it is not set or empty. */
export const variable = (source: Source, name: string): Effect.Effect<string | undefined> =>
  source.load([name]).pipe(
    Effect.map((node) => node?.value || undefined),
    Effect.orElseSucceed(() => undefined),
  )

/** Reads a secret of NAME or NAME_FILE. A failure is the problem with it. */
export const secretIn = Effect.fnUntraced(function* (
  given: (name: string) => string | undefined,
  name: string,
): Effect.fn.Return<string | FromFile | undefined, Problem> {
  const [own, file] = [given(name), given(fileNameOf(name))]
  if (file === undefined) return own
  const invalid = (problem: string) => Effect.fail({ setting: fileNameOf(name), problem })
  if (own !== undefined) return yield* invalid(`is set, and ${name} is, too: only one of them may be`)
  const read = yield* readSecretFile(file)
  return Result.isFailure(read)
    ? yield* invalid(`the file ${file} ${read.failure}`)
    : { ...read.success, file }
})

/** The same where settings are read. */
export const secretOf = Effect.fnUntraced(function* (source: Source, name: string) {
  const given = new Map([
    [name, yield* variable(source, name)],
    [fileNameOf(name), yield* variable(source, fileNameOf(name))],
  ])
  return yield* secretIn((name) => given.get(name), name)
})

/** Reads these secrets where they are in files. */
export const givenSettings = Effect.fnUntraced(function* (
  source: Source,
  secrets: ReadonlyArray<string>,
): Effect.fn.Return<Given> {
  const files = new Map<string, FromFile>()
  const problems: Array<Problem> = []
  for (const name of secrets) {
    const found = yield* Effect.result(secretOf(source, name))
    if (Result.isFailure(found)) problems.push(found.failure)
    else if (typeof found.success === "object") files.set(name, found.success)
  }
  const ofFiles = ConfigProvider.make(([name]) => {
    const found = files.get(String(name))
    return Effect.succeed(found === undefined ? undefined : ConfigProvider.makeValue(found.secret))
  })
  return { provider: ConfigProvider.orElse(ofFiles, source), files, problems }
})
