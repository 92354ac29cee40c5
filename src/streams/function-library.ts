/**
 * The Redis Functions of the event log, as one library whose name carries a hash of its source: two releases load
 * theirs side by side, and each calls its own.
 */
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"

export const functionNames = [
  "open",
  "stage",
  "tell",
  "append",
  "release",
  "hand-over",
  "renew",
  "wake",
  "sweep",
  "retire",
  "log-file",
  "withdraw-order",
] as const
export type FunctionName = (typeof functionNames)[number]

const source = (file: string): string =>
  readFileSync(new URL(`functions/${file}.lua`, import.meta.url), "utf8")

const bodies = functionNames.map((name) => [name, source(name)] as const)
const shared = source("library")
const release = createHash("sha256").update(shared).update(JSON.stringify(bodies)).digest("hex").slice(0, 12)

/** The name under which a function of this release is called. */
export const functionName = (name: FunctionName): string => `atlaspay_${name.replace("-", "_")}_${release}`

const takesNew: ReadonlySet<FunctionName> = new Set(["open", "stage", "tell"])

/** When Redis is full it takes no new batch and no new mail; what is under way can still be recorded and released. */
const flagsOf = (name: FunctionName): string => (takesNew.has(name) ? "" : "'allow-oom'")

/** What all libraries of AtlasPay are called, as a pattern. */
export const LIBRARIES = "atlaspay_*"

export const libraryName = `atlaspay_${release}`

/** What `FUNCTION LOAD` takes. When it was loaded (epoch milliseconds) stands where a server keeps it: in descriptions. */
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
