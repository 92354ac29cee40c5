/** What the programs of replays can reach at all: every import from their entry is followed, those at run time included. */
import { readFileSync } from "node:fs"
import { stripTypeScriptTypes } from "node:module"
import { join, posix } from "node:path"
import { describe, expect, it } from "vitest"
import { parseAst } from "vitest/node"

const root = join(import.meta.dirname, "../../src")

interface Reached {
  readonly files: ReadonlySet<string>
  readonly packages: ReadonlySet<string>
}

/** The modules that a file loads: what is only a type is gone. */
const importsOf = (path: string): ReadonlyArray<string | undefined> => {
  const source = readFileSync(join(root, path), "utf8")
  const found: Array<string | undefined> = []
  const visit = (node: unknown): void => {
    if (Array.isArray(node)) node.forEach(visit)
    if (typeof node !== "object" || node === null || Array.isArray(node)) return
    const { type, source: from } = node as { type?: string; source?: { value?: unknown } }
    if (/^(Import|Export)/.test(type ?? "") && from)
      found.push(typeof from.value === "string" ? from.value : undefined)
    Object.values(node).forEach(visit)
  }
  visit(parseAst(path.endsWith(".mjs") ? source : stripTypeScriptTypes(source)).body)
  return found
}

const reachedFrom = (entry: string, isFollowed: (path: string) => boolean = () => true): Reached => {
  const [files, packages] = [new Set<string>(), new Set<string>()]
  const follow = (path: string): void => {
    if (files.has(path)) return
    files.add(path)
    for (const from of importsOf(path)) {
      if (from === undefined) packages.add("computed")
      else if (!from.startsWith(".")) packages.add(from)
      else if (/\.(ts|mjs)$/.test(from)) {
        const target = posix.join(posix.dirname(path), from)
        if (!target.startsWith("..") && isFollowed(target)) follow(target)
      }
    }
  }
  follow(entry)
  return { files, packages }
}

/** Files of rooms that call, publish, deliver or wire. Of providers, the reading of their file calls nobody. */
const forbidden =
  /^(app|main)\.ts$|^(actors|pipelines|providers|publisher|webhooks|reconciliation|http|sandbox|client)\//
const readsProviders =
  /^providers\/calling\/(provider-settings|call-policy|provider-access|provider-place|provider-url|secret-reference)\.ts$/
const forbiddenPackages = /nats|undici|hono|^node:(https?|http2|tls|dgram|dns)/
/** Reads the certificates for the connection to Redis, which has the logs. */
const readsCertificates = "platform/tls-files.ts"
const nats = /nats/

describe("the programs of replays", () => {
  const replay = reachedFrom("cli/replay.ts")

  it("have no layer that calls a bank, sends a webhook or publishes", () => {
    const wrong = [...replay.files].filter(
      (path) => (forbidden.test(path) && !readsProviders.test(path)) || nats.test(path),
    )
    expect(wrong).toEqual([])
    const calling = [...replay.files].filter((path) =>
      importsOf(path).some((from) => from !== undefined && forbiddenPackages.test(from)),
    )
    expect(calling).toEqual([readsCertificates])
    expect(importsOf(readsCertificates)).toContain("node:tls")
  })

  it("ask nobody over HTTP", () => {
    const asking = [...replay.files].filter((path) =>
      /\bfetch\(|HttpClient/.test(readFileSync(join(root, path), "utf8")),
    )
    expect(asking).toEqual([])
  })

  it("load by a computed name only the domain that somebody names", () => {
    const computed = [...replay.files].filter((path) => importsOf(path).includes(undefined))
    expect(computed).toEqual(["replay/domain-code.ts"])
  })

  it("are all that the command line loads for them", () => {
    const commandLine = reachedFrom("cli/atlaspay.ts", (path) => !/^cli\/(?!atlaspay)/.test(path))
    expect([...commandLine.files].sort()).toEqual([
      "cli/atlaspay.ts",
      "platform/overdue.ts",
      "platform/teardown.ts",
    ])
    expect([...reachedFrom("cli/main.ts", (path) => !path.startsWith("cli/")).packages]).not.toContain(
      "computed",
    )
  })

  it("would be found out: other commands reach all of that", () => {
    const { files, packages } = reachedFrom("cli/publish.ts")
    expect([...files].filter((path) => forbidden.test(path)).length).toBeGreaterThan(50)
    expect([...packages].some((name) => forbiddenPackages.test(name))).toBe(true)
  })
})
