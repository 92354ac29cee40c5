/**
 * The Redis Functions of the event log, as one library. Its name contains a hash of its source, so two releases can load
 * their libraries side by side, and each calls its own.
 */
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"

export const functionNames = [
  "open",
  "stage",
  "reserve",
  "cancel-reservation",
  "enqueue",
  "count-mail",
  "append",
  "release",
  "hand-over",
  "postpone",
  "admit",
  "renew",
  "wake",
  "sweep",
  "retire",
  "log-file",
  "withdraw-order",
  "find-log",
  "unlink-log",
  "restore-log",
  "forget-reservation",
  "mark-archived",
  "count-unlinked",
  "recount-unlinked",
  "queue-depth",
] as const
export type FunctionName = (typeof functionNames)[number]

const source = (file: string): string =>
  readFileSync(new URL(`functions/${file}.lua`, import.meta.url), "utf8")

const bodies = functionNames.map((name) => [name, source(name)] as const)
const shared = source("library")
const release = createHash("sha256").update(shared).update(JSON.stringify(bodies)).digest("hex").slice(0, 12)

const namesInRedis = Object.fromEntries(
  functionNames.map((name) => [name, `atlaspay_${name.replace("-", "_")}_${release}`]),
) as Readonly<Record<FunctionName, string>>

/** The name of a function of this release in Redis. */
export const functionName = (name: FunctionName): string => namesInRedis[name]

const acceptsNew: ReadonlySet<FunctionName> = new Set(["open", "stage", "reserve", "enqueue"])

const onlyReads: ReadonlySet<FunctionName> = new Set([
  "count-mail",
  "find-log",
  "count-unlinked",
  "queue-depth",
])

/**
 * When Redis is out of memory, it accepts no new batches and no new mail, but work under way is still recorded and
 * released.
 */
const flagsOf = (name: FunctionName): string =>
  [...(acceptsNew.has(name) ? [] : ["'allow-oom'"]), ...(onlyReads.has(name) ? ["'no-writes'"] : [])].join(
    ", ",
  )

/** The pattern of the names of all AtlasPay libraries. */
export const LIBRARIES = "atlaspay_*"

export const libraryName = `atlaspay_${release}`

/**
 * The code for `FUNCTION LOAD`. The descriptions hold the time of loading (epoch milliseconds), because a server keeps
 * them.
 */
export const libraryCode = (loadedAt: number): string =>
  [
    `#!lua name=${libraryName}`,
    shared,
    ...bodies.map(
      ([name, body]) =>
        `redis.register_function{ function_name = '${functionName(name)}', flags = { ${flagsOf(name)} }, ` +
        `description = '${loadedAt}', callback = (function()\n${body}\nend)() }`,
    ),
  ].join("\n")
