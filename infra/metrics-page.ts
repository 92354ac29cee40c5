/** Writes the tables of docs/METRICS.md from the metrics' own definitions: `node infra/metrics-page.ts`. A test compares them. */
import { readFileSync, writeFileSync } from "node:fs"
import { argv } from "node:process"
import { pathToFileURL } from "node:url"
import { Effect } from "effect"
import type { Across, Described } from "../src/telemetry/metric-definition.ts"
import { freshMetrics, Metrics } from "../src/telemetry/metrics.ts"

const PAGE = new URL("../docs/METRICS.md", import.meta.url)
const [BEGIN, END] = ["<!-- metrics -->", "<!-- end of metrics -->"]

const acrossText: Readonly<Record<Across, string>> = {
  sum: "sum",
  max: "max",
  min: "min",
  each: "by process",
}

const reportersText = ({ reporters }: Described): string =>
  reporters === "every process" ? reporters : reporters.map((role) => `\`${role}\``).join(", ")

/** The table of all metrics in Markdown, in the order of their names. */
export const metricsTables = (described: ReadonlyArray<Described>): string =>
  [
    "| metric | kind | labels | what it says | reported by | over processes |",
    "|---|---|---|---|---|---|",
    ...described
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
      .map((metric) => {
        const labels = metric.labels.map((label) => `\`${label}\``).join(", ") || "none"
        const goes =
          metric.shownForMs === undefined
            ? ""
            : `; gone ${metric.shownForMs / 1_000} s after the last reading`
        return `| \`${metric.name}\` | ${metric.kind} | ${labels} | ${metric.help}${goes} | ${reportersText(metric)} | ${acrossText[metric.across]} |`
      }),
  ].join("\n")

if (import.meta.url === pathToFileURL(argv[1] ?? "").href) {
  const { described } = await Effect.runPromise(Metrics.pipe(Effect.provide(freshMetrics)))
  const page = readFileSync(PAGE, "utf8")
  const [before, after] = [page.indexOf(BEGIN), page.indexOf(END)]
  if (before < 0 || after < before) throw new Error("docs/METRICS.md has no place for the table")
  writeFileSync(PAGE, `${page.slice(0, before)}${BEGIN}\n${metricsTables(described)}\n${page.slice(after)}`)
}
