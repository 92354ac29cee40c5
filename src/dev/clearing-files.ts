/** The files that went to the sandbox's bank `clearing`, and the end of its day. */
import { existsSync } from "node:fs"
import { readdir } from "node:fs/promises"
import { join, resolve } from "node:path"
import { Effect, Schedule } from "effect"
import { CliFailure } from "../terminal/cli-failure.ts"

/** Where the bank and its client exchange files. */
export const clearingFolder = (dataDir: string): string => resolve(dataDir, "clearing")

const ANSWER_MS_MAX = 10_000
const ARCHIVED_MS_MAX = 10_000

/** Files of orders (pain.001) that the bank has taken out of the outbox; none where there is no such bank. */
export const ordersTaken = (folder: string): Effect.Effect<ReadonlyArray<string>, CliFailure> =>
  namesIn(folder, "taken")

/** Has the bank at `url` write its statements (camt.053), and waits until they are read and in the archive. */
export const endDay = Effect.fn("endDay")(function* (
  url: string,
  folder: string,
): Effect.fn.Return<void, CliFailure> {
  const notEnded = new CliFailure({ reason: `The bank at ${url} did not end its day.` })
  yield* Effect.tryPromise({
    try: () => fetch(`${url}/end-of-day`, { method: "POST", signal: AbortSignal.timeout(ANSWER_MS_MAX) }),
    catch: () => notEnded,
  }).pipe(
    Effect.filterOrFail(
      ({ ok }) => ok,
      () => notEnded,
    ),
  )
  yield* namesIn(folder, "inbox").pipe(
    Effect.repeat({ until: (names) => names.length === 0, schedule: Schedule.spaced("50 millis") }),
    Effect.timeoutOrElse({
      duration: ARCHIVED_MS_MAX,
      orElse: () =>
        new CliFailure({
          reason: `Files in ${join(folder, "inbox")} were not read in ${ARCHIVED_MS_MAX} ms.`,
        }),
    }),
  )
})

/** The names of the files in a folder, sorted. A name that begins with a dot is a file that somebody still writes. */
const namesIn = (folder: string, room: string): Effect.Effect<ReadonlyArray<string>, CliFailure> => {
  const path = join(folder, room)
  return Effect.tryPromise({
    try: async () => (existsSync(path) ? await readdir(path) : []),
    catch: () => new CliFailure({ reason: `${path} cannot be read.` }),
  }).pipe(Effect.map((names) => names.filter((name) => !name.startsWith(".")).sort()))
}
