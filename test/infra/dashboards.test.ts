/** The dashboards as Grafana reads them: made of what is written here, of metrics that exist, and each panel says what it shows. */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { boards, dashboardFiles } from "../../infra/grafana/dashboards.ts"
import { operationsRoutes } from "../../src/http/routes.ts"
import type { Described } from "../../src/telemetry/metric-definition.ts"
import { freshMetrics, Metrics } from "../../src/telemetry/metrics.ts"

const root = join(import.meta.dirname, "../..")

const panels = boards.flatMap(({ name, rows }) =>
  rows.flatMap((row) => row.panels.map((panel) => ({ where: `${name} / ${panel.title}`, panel }))),
)

/** Series that Prometheus itself makes, and those that its rules record. */
const ofPrometheus = new Set(["ALERTS", ...recorded()])

function recorded(): ReadonlyArray<string> {
  const folder = join(root, "infra/prometheus/rules")
  const rules = readdirSync(folder).map((name) => readFileSync(join(folder, name), "utf8"))
  return rules.flatMap((text) => [...text.matchAll(/- record: (\S+)/g)].map(([, name = ""]) => name))
}

const metricNames = Effect.gen(function* () {
  const { registry } = yield* Metrics
  return (yield* Effect.promise(() => registry.getMetricsAsJSON())).flatMap(({ name, type }) =>
    String(type) === "histogram" ? [`${name}_bucket`, `${name}_count`, `${name}_sum`] : [name],
  )
}).pipe(Effect.provide(freshMetrics))

/** Where a query puts the values of a metric together otherwise than the metric means it. */
const misread = (
  { name, kind, across }: Pick<Described, "name" | "kind" | "across">,
  expr: string,
): ReadonlyArray<string> =>
  [...expr.matchAll(new RegExp(`([\\w() ,]*)\\b${name}(?:_bucket|_count|_sum)?\\{`, "g"))].flatMap(
    ([, before = ""]) => {
      const [, together, over] =
        /(?:^|[^\w])(?:(sum|max|min|count)(?: by \([\w, ]*\))? ?\()?(?:(rate|increase)\()?$/.exec(before) ??
        []
      const isOver = over !== undefined
      if (kind !== "gauge" && !isOver) return [`${name} is read as it stands`]
      if (across === "each" || together === across) return []
      return [`${together ?? "nothing"} of ${name}, which is a ${across}`]
    },
  )

describe("the dashboards", () => {
  it("are written as they are made, and no others are", () => {
    for (const [path, text] of dashboardFiles) expect(readFileSync(join(root, path), "utf8"), path).toBe(text)
    const written = readdirSync(join(root, "infra/grafana/dashboards"))
    expect(written.map((name) => `infra/grafana/dashboards/${name}`).sort()).toEqual(
      [...dashboardFiles.keys()].sort(),
    )
  })

  it("ask for metrics that the service has", async () => {
    const known = new Set([...(await Effect.runPromise(metricNames)), ...ofPrometheus])
    for (const { where, panel } of panels)
      for (const { expr } of panel.queries) {
        const asked = [...expr.matchAll(/([a-zA-Z_:][\w:]*)\{/g)].map(([, name]) => name ?? "")
        expect(asked.length, where).toBeGreaterThan(0)
        expect(
          asked.filter((name) => !known.has(name)),
          where,
        ).toEqual([])
      }
  })

  it("put the values of several processes together as each metric means it", async () => {
    const { described } = await Effect.runPromise(Metrics.pipe(Effect.provide(freshMetrics)))
    const found = panels.flatMap(({ where, panel }) =>
      panel.queries.flatMap(({ expr }) =>
        described.flatMap((metric) => misread(metric, expr).map((problem) => `${where}: ${problem}`)),
      ),
    )
    expect(found).toEqual([])
  })

  it("count a counter within a time: its own value begins anew with each process", () => {
    const counter = { name: "atlaspay_x_total", kind: "counter", across: "sum" } as const
    expect(misread(counter, "sum(atlaspay_x_total{})")).toHaveLength(1)
    expect(misread(counter, "max(rate(atlaspay_x_total{}[5m]))")).toHaveLength(1)
    expect(misread(counter, "sum by (a) (increase(atlaspay_x_total{}[5m]))")).toEqual([])
    const gauge = { name: "atlaspay_y", kind: "gauge", across: "min" } as const
    expect(misread(gauge, "max by (a) (atlaspay_y{})")).toHaveLength(1)
    expect(misread(gauge, "atlaspay_y{}")).toHaveLength(1)
    expect(misread(gauge, "min(atlaspay_y{})")).toEqual([])
  })

  it("leave the operational routes out of what partners are answered", () => {
    const answered = panels.find(({ panel }) => panel.title === "Answered without a fault of ours")
    for (const { definition } of operationsRoutes)
      expect(answered?.panel.queries[0]?.expr).toMatch(new RegExp(`["|]${definition.path}["|]`))
  })

  it("say in each panel what it shows, once", () => {
    for (const { where, panel } of panels) expect(panel.description, where).toMatch(/^[A-Z0-9].*\.$/)
    for (const { name, rows } of boards) {
      const titles = rows.flatMap((row) => row.panels.map(({ title }) => `${row.title} / ${title}`))
      expect(new Set(titles).size, name).toBe(titles.length)
    }
  })
})
