/** The dashboards as Grafana reads them: made of what is written here, of metrics that exist, and each panel says what it shows. */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { boards, dashboardFiles } from "../../infra/grafana/dashboards.ts"
import { freshMetrics, Metrics } from "../../src/telemetry/metrics.ts"

const root = join(import.meta.dirname, "../..")

const panels = boards.flatMap(({ name, rows }) =>
  rows.flatMap((row) => row.panels.map((panel) => ({ where: `${name} / ${panel.title}`, panel }))),
)

/** Series that Prometheus itself makes. */
const ofPrometheus = new Set(["ALERTS"])

const metricNames = Effect.gen(function* () {
  const { registry } = yield* Metrics
  return (yield* Effect.promise(() => registry.getMetricsAsJSON())).flatMap(({ name, type }) =>
    String(type) === "histogram" ? [`${name}_bucket`, `${name}_count`, `${name}_sum`] : [name],
  )
}).pipe(Effect.provide(freshMetrics))

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

  it("say in each panel what it shows, once", () => {
    for (const { where, panel } of panels) expect(panel.description, where).toMatch(/^[A-Z0-9].*\.$/)
    for (const { name, rows } of boards) {
      const titles = rows.flatMap((row) => row.panels.map(({ title }) => `${row.title} / ${title}`))
      expect(new Set(titles).size, name).toBe(titles.length)
    }
  })
})
