import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { operationsRoutes } from "../../src/http/routes.ts"
import { freshMetrics, Metrics } from "../../src/telemetry/metrics.ts"
import { blocksIn } from "../documents/documented-commands.ts"
import { alerts, groupedBy, rules, ruleTests, runbookOf, type Selector, selectorsIn } from "./alert-rules.ts"

const root = join(import.meta.dirname, "../..")
const pages = join(root, "docs/runbooks")
const described = Effect.runSync(Effect.provide(Metrics, freshMetrics)).described
const byName = new Map(described.map((metric) => [metric.name, metric]))

/** What Prometheus and prom-client have of themselves. */
const OF_OTHERS = /^(?:up|process_\w+|nodejs_\w+)$/
const recorded = new Set(rules.flatMap(({ record }) => record ?? []))

const nameOf = ({ metric }: Selector): string =>
  byName.has(metric) ? metric : metric.replace(/_(?:bucket|sum|count)$/, "")

/** What is wrong with a name or its labels. */
const problemOf = (selector: Selector): ReadonlyArray<string> => {
  if (OF_OTHERS.test(selector.metric) || recorded.has(selector.metric)) return []
  const metric = byName.get(nameOf(selector))
  if (metric === undefined) return [`${selector.metric} is no metric`]
  const known = [...metric.labels, "instance", "job", ...(metric.kind === "histogram" ? ["le"] : [])]
  return selector.labels
    .filter((label) => !known.includes(label))
    .map((label) => `${selector.metric} has no label ${label}`)
}

const problemsIn = (expression: string): ReadonlyArray<string> => {
  const selectors = selectorsIn(expression)
  const labels = new Set([
    ...selectors.flatMap((selector) => [...(byName.get(nameOf(selector))?.labels ?? []), ...selector.labels]),
    ...["instance", "job", "le"],
  ])
  return [
    ...selectors.flatMap(problemOf),
    ...groupedBy(expression)
      .filter((label) => !labels.has(label))
      .map((label) => `nothing in it has the label ${label}`),
  ]
}

describe("the rules", () => {
  it.each(rules.map((rule) => [rule.alert ?? `${rule.record} of ${rule.labels?.slo}`, rule]))(
    "%s is about metrics and labels that the service has",
    (_, { expr }) => {
      expect(selectorsIn(expr).length > 0 || expr.startsWith("vector(")).toBe(true)
      expect(problemsIn(expr)).toEqual([])
    },
  )

  it("would be refused with a name or label that nothing has", () => {
    expect(problemsIn("sum by (bank) (increase(atlaspay_wishes_total[1h])) > 0")).not.toEqual([])
    expect(problemsIn('atlaspay_readiness{bank="north"} == 0')).not.toEqual([])
    expect(problemsIn("max by (follower) (atlaspay_readiness) == 0")).not.toEqual([])
  })
})

describe("the alerts", () => {
  it.each(alerts.map((alert) => [alert.alert, alert]))(
    "%s says what it is, how urgent, and what to do",
    (name, alert) => {
      expect(["page", "ticket"]).toContain(alert.labels?.severity)
      for (const text of ["summary", "description"]) expect(alert.annotations?.[text]).toMatch(/^.{20,}$/)
      expect(alert.annotations?.runbook_url).toBe(runbookOf(name))
      expect(existsSync(join(root, runbookOf(name)))).toBe(true)
      // promtool finds no alert of a name that has no test, and says nothing about it.
      expect(ruleTests).toContain(`${name} fires`)
      expect(ruleTests).toContain(`${name} stays quiet`)
      const shown = [...`${alert.annotations?.summary}`.matchAll(/\$labels\.(\w+)/g)].map(
        ([, label]) => label,
      )
      for (const label of shown)
        expect([...groupedBy(alert.expr), "instance", "job", "scheme", "role"]).toContain(label)
    },
  )

  it("are named once, but for one with two rules", () => {
    const names = alerts.map(({ alert }) => alert)
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([])
  })

  const urgent = described.filter(({ help }) => /page someone|someone has to look|: look at /.test(help))

  it.each(urgent.map(({ name }) => name))("one looks at %s, whose description asks for someone", (name) => {
    expect(alerts.filter(({ expr }) => selectorsIn(expr).some(({ metric }) => metric === name))).not.toEqual(
      [],
    )
  })

  it("notice a counter whose first value is already a count", () => {
    const single = alerts.filter(({ expr }) =>
      selectorsIn(expr).some(({ metric }) =>
        urgent.some(({ name, kind }) => kind === "counter" && name === metric),
      ),
    )
    // It is about what goes on for ten minutes, so it may miss the first count.
    const lasting = ["DuplicatesUnchecked"]
    const without = (clause: RegExp) =>
      single.filter(({ expr }) => !clause.test(expr)).map(({ alert }) => alert)
    expect(single.length).toBeGreaterThan(10)
    expect(without(/unless atlaspay_\w+(?:\{[^}]*\})? offset/)).toEqual(lasting)
    // A process that has started again may count as much as the one before it, which is no rise.
    expect(without(/and on \(instance, job\) time\(\) - process_start_time_seconds < 3600/)).toEqual(lasting)
  })

  it("leave out what the operational listener answers where they judge the API", () => {
    const { expr = "" } = alerts.find(({ alert }) => alert === "ServerErrors") ?? {}
    for (const { definition } of operationsRoutes)
      expect(expr).toMatch(new RegExp(`\\b${definition.path.slice(1)}\\b`))
  })

  it("find the bounds of buckets in every Prometheus: since 3 it writes 5 as 5.0", () => {
    const bounds = rules.flatMap(({ expr }) => [...expr.matchAll(/\ble=(~?)"([^"]*)"/g)])
    expect(bounds.length).toBeGreaterThan(10)
    for (const [, like, bound] of bounds) expect(like === "~" || bound?.includes(".")).toBe(true)
  })

  it("are all in the table of docs/OPERATIONS.md, with their urgency, and nothing else is", () => {
    const page = readFileSync(join(root, "docs/OPERATIONS.md"), "utf8")
    const rows = [...page.matchAll(/^\| \[(\w+)\]\((runbooks\/[\w-]+\.md)\) \| (page|ticket) \|/gm)]
    expect(rows.map(([, name, file, severity]) => [name, `docs/${file}`, severity]).sort()).toEqual(
      alerts.map(({ alert, labels }) => [alert, runbookOf(alert), labels?.severity]).sort(),
    )
  })
})

describe("the pages of alerts", () => {
  const files = readdirSync(pages).filter((file) => file !== "README.md")

  it("are there for each alert, and for no other", () => {
    expect(files.map((file) => `docs/runbooks/${file}`).sort()).toEqual(
      alerts.map(({ alert }) => runbookOf(alert)).sort(),
    )
  })

  it.each(files)(
    "%s answers first whether money is at risk, and asks Prometheus for what there is",
    (file) => {
      const page = readFileSync(join(pages, file), "utf8")
      expect(page).toMatch(/^# \w+\n\n\*(?:page|ticket)\* · [^\n]+\n\n\*\*Is money at risk\?\*\* /)
      for (const heading of ["## What it means", "## Check", "## Do", "**Over when**"])
        expect(page).toContain(heading)
      const queries = blocksIn(page).flatMap(({ kind, text }) =>
        kind === "promql" ? text.trim().split("\n") : [],
      )
      expect(queries.length).toBeGreaterThan(0)
      expect(queries.flatMap(problemsIn)).toEqual([])
    },
  )
})
