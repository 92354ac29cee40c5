/** Loads this release's functions into Redis, removes those of old releases, and calls functions. */
import { Clock, Effect } from "effect"
import type { Redis } from "ioredis"
import type { RedisConnections } from "../platform/redis.ts"
import { sendTogether } from "../platform/redis-client.ts"
import { attempt, kindOf, type RedisUnavailable } from "../platform/redis-failure.ts"
import { type FunctionName, functionName, LIBRARIES, libraryCode, libraryName } from "./function-library.ts"

/** How many libraries stay on a server: this release's, and the most recently loaded others. */
const LIBRARIES_MAX = 3

/** Runs a function with its keys and arguments. */
export type Call = (
  name: FunctionName,
  keys: ReadonlyArray<string>,
  args: ReadonlyArray<string | number | Buffer>,
) => Effect.Effect<unknown, RedisUnavailable>

/** Loads the library, and gives a {@link Call}. If a server has lost the library, a call loads it again. */
export const openLibrary = Effect.fnUntraced(function* ({
  commands,
  onEachPrimary,
}: RedisConnections["Service"]) {
  const load = Effect.flatMap(Clock.currentTimeMillis, (now) =>
    onEachPrimary((primary) => primary.function("LOAD", "REPLACE", libraryCode(now))),
  )
  yield* load
  // Prunes only here. If calls pruned too, two releases could keep deleting each other's libraries.
  yield* onEachPrimary(prune)
  const call: Call = (name, keys, args) => {
    const run = attempt(() => {
      sendTogether(commands)
      return commands.fcall(functionName(name), keys.length, ...keys, ...args)
    })
    return Effect.catchIf(
      run,
      (error) => error.reason === "NOFUNCTION",
      () => Effect.andThen(load, run),
    )
  }
  return call
})

/** A release that still runs reloads its library when it is gone, and is then among the most recently loaded. */
const prune = async (primary: Redis): Promise<void> => {
  const found = (await primary.function("LIST", "LIBRARYNAME", LIBRARIES)) as ReadonlyArray<Listed>
  const others = found.map(readLibrary).filter(({ name }) => name !== libraryName)
  const old = others.toSorted((one, other) => other.loadedAt - one.loadedAt).slice(LIBRARIES_MAX - 1)
  for (const { name } of old) await remove(primary, name)
}

/** Ignores that another starting process removed it first. */
const remove = async (primary: Redis, library: string): Promise<void> => {
  try {
    await primary.function("DELETE", library)
  } catch (error) {
    if (kindOf(error) !== "NOLIBRARY") throw error
  }
}

/** A library as `FUNCTION LIST` gives it: alternating fields and values, also for its functions. */
type Listed = ReadonlyArray<string | ReadonlyArray<ReadonlyArray<unknown>>>

const readLibrary = (listed: Listed) => {
  const [first = []] = fieldOf(listed, "functions") as ReadonlyArray<ReadonlyArray<unknown>>
  return {
    name: String(fieldOf(listed, "library_name")),
    loadedAt: Number(fieldOf(first, "description")) || 0,
  }
}

const fieldOf = (fields: ReadonlyArray<unknown>, name: string): unknown => fields[fields.indexOf(name) + 1]
