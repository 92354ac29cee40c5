/** The rules of infra/prometheus/ as data, and the metrics that an expression of Prometheus names. */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { parse } from "yaml"

const root = join(import.meta.dirname, "../..")
const folder = join(root, "infra/prometheus")

export interface Rule {
  readonly file: string
  readonly alert?: string
  readonly record?: string
  readonly expr: string
  readonly for?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
}

const yamlIn = (name: string): ReadonlyArray<{ readonly file: string; readonly document: unknown }> =>
  readdirSync(join(folder, name))
    .sort()
    .map((file) => ({ file, document: parse(readFileSync(join(folder, name, file), "utf8")) }))

/** All rules, in the order of the files. */
export const rules: ReadonlyArray<Rule> = yamlIn("rules").flatMap(({ file, document }) =>
  (document as { readonly groups: ReadonlyArray<{ readonly rules: ReadonlyArray<Rule> }> }).groups.flatMap(
    (group) => group.rules.map((rule) => ({ ...rule, file })),
  ),
)

/** The rules that are alerts. */
export const alerts = rules.filter(
  (rule): rule is Rule & { readonly alert: string } => rule.alert !== undefined,
)

/** The names of all tests for promtool. */
export const ruleTests: ReadonlyArray<string> = yamlIn("tests").flatMap(({ document }) =>
  (document as { readonly tests: ReadonlyArray<{ readonly name: string }> }).tests.map(({ name }) => name),
)

export interface Selector {
  readonly metric: string
  readonly labels: ReadonlyArray<string>
}

const KEYWORDS = new Set([
  "by",
  "without",
  "on",
  "ignoring",
  "group_left",
  "group_right",
  "and",
  "or",
  "unless",
])

/** What an expression selects: the names that are no function, keyword or label, each with the labels that it is asked for. */
export const selectorsIn = (expression: string): ReadonlyArray<Selector> => {
  const bare = expression
    .replaceAll(/#.*$/gm, "")
    // The labels that it groups or matches by are no metrics.
    .replaceAll(/\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, " ")
    .replaceAll(/\[[^\]]*\]|\boffset\s+\w+/g, " ")
  const found: Array<Selector> = []
  const pattern = /"(?:[^"\\]|\\.)*"|([a-zA-Z_:][\w:]*)\s*(\(|\{((?:[^}"]|"(?:[^"\\]|\\.)*")*)\})?/g
  for (const [, name, opening, inner = ""] of bare.matchAll(pattern)) {
    if (name === undefined || opening === "(" || KEYWORDS.has(name)) continue
    const labels = [...inner.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"(?:[^"\\]|\\.)*"/g)].map(
      ([, label = ""]) => label,
    )
    found.push({ metric: name, labels })
  }
  return found
}

/** The labels that an expression groups by. */
export const groupedBy = (expression: string): ReadonlyArray<string> =>
  [...expression.matchAll(/\bby\s*\(([^)]*)\)/g)].flatMap(([, names = ""]) =>
    names
      .split(",")
      .map((name) => name.trim())
      .filter((name) => name !== ""),
  )

/** The page of an alert: its name in kebab case. */
export const runbookOf = (alert: string): string =>
  `docs/runbooks/${alert.replaceAll(/(?<=[a-z0-9])(?=[A-Z])/g, "-").toLowerCase()}.md`
