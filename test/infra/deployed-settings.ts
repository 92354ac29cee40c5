/** What deployments may set, by the page of all settings: the chart's and Compose's variables are held against it. */
import { readFileSync } from "node:fs"
import { join } from "node:path"

/** Settings that are in docs/CONFIGURATION.md, and whether each is a secret. */
export type KnownSettings = ReadonlyMap<string, { readonly isSecret: boolean }>

/** Variables that are not ours: Node's own. */
const ofNode = ["NODE_EXTRA_CA_CERTS", "NODE_OPTIONS", "NODE_COMPILE_CACHE"]

/** Reads docs/CONFIGURATION.md. */
export const settingsOfPage = (): KnownSettings => {
  const page = readFileSync(join(import.meta.dirname, "../../docs/CONFIGURATION.md"), "utf8")
  const rows = [...page.matchAll(/^\| `([A-Z0-9_]+)` \|(.*)$/gm)]
  const listed = rows.map(
    ([, name = "", row = ""]) => [name, { isSecret: /\bSecret\b|; secret/.test(row) }] as const,
  )
  return new Map([...ofNode.map((name) => [name, { isSecret: false }] as const), ...listed])
}

/** What is wrong with variables of a process: names that nobody reads, and secrets that are in the open. */
export const environmentProblems = (
  variables: ReadonlyArray<{ readonly name: string }>,
  known: KnownSettings,
): ReadonlyArray<string> =>
  variables.flatMap(({ name }) => {
    if (known.has(name)) return known.get(name)?.isSecret ? [`${name} is a secret, in the open`] : []
    const secret = name.replace(/_FILE$/, "")
    return secret !== name && known.get(secret)?.isSecret ? [] : [`${name} is no setting`]
  })
