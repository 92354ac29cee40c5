/** The functions on the servers: loading this release's library, removing those of bygone releases, calling. */
import { Clock, Effect } from "effect"
import type { Redis } from "ioredis"
import type { RedisConnections } from "../platform/redis.ts"
import { sendTogether } from "../platform/redis-client.ts"
import { attempt, kindOf, type RedisUnavailable } from "../platform/redis-failure.ts"
import { type FunctionName, functionName, LIBRARIES, libraryCode, libraryName } from "./function-library.ts"

/** So many libraries stay on a server: this release's own, and those that were loaded last before it. */
const LIBRARIES_MAX = 3

/** Runs a function with its keys and arguments. */
export type Call = (
  name: FunctionName,
  keys: ReadonlyArray<string>,
  args: ReadonlyArray<string | number | Buffer>,
) => Effect.Effect<unknown, RedisUnavailable>

/** Loads the library; gives what calls its functions. A server that came back without it is given it again. */
export const openLibrary = Effect.fnUntraced(function* ({
  commands,
  onEachPrimary,
}: RedisConnections["Service"]) {
  const load = Effect.flatMap(Clock.currentTimeMillis, (now) =>
    onEachPrimary((primary) => primary.function("LOAD", "REPLACE", libraryCode(now))),
  )
  yield* load
  // Here and nowhere else: two releases that took each other's libraries away at every call would never get to work.
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

/** A release that is still at work loads its library again when it finds it gone, and is then among the last loaded. */
const prune = async (primary: Redis): Promise<void> => {
  const found = (await primary.function("LIST", "LIBRARYNAME", LIBRARIES)) as ReadonlyArray<Listed>
  const others = found.map(readLibrary).filter(({ name }) => name !== libraryName)
  const bygone = others.toSorted((one, other) => other.loadedAt - one.loadedAt).slice(LIBRARIES_MAX - 1)
  for (const { name } of bygone) await remove(primary, name)
}

/** Another process that starts may have been faster. */
const remove = async (primary: Redis, library: string): Promise<void> => {
  try {
    await primary.function("DELETE", library)
  } catch (error) {
    if (kindOf(error) !== "NOLIBRARY") throw error
  }
}

/** A library as `FUNCTION LIST` gives it: fields and values in turn, as are those of its functions. */
type Listed = ReadonlyArray<string | ReadonlyArray<ReadonlyArray<unknown>>>

const readLibrary = (listed: Listed) => {
  const [first = []] = fieldOf(listed, "functions") as ReadonlyArray<ReadonlyArray<unknown>>
  return {
    name: String(fieldOf(listed, "library_name")),
    loadedAt: Number(fieldOf(first, "description")) || 0,
  }
}

const fieldOf = (fields: ReadonlyArray<unknown>, name: string): unknown => fields[fields.indexOf(name) + 1]
