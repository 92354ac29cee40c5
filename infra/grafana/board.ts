/**
 * What all dashboards are made of: rows of panels, and the queries of each. A dashboard asks the Prometheus and the job that its reader
 * chooses, so that several deployments can share a Prometheus.
 */
import { VizLegendOptionsBuilder } from "@grafana/grafana-foundation-sdk/common"
import {
  AnnotationQueryBuilder,
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  VariableRefresh,
} from "@grafana/grafana-foundation-sdk/dashboard"
import { DataqueryBuilder } from "@grafana/grafana-foundation-sdk/prometheus"
import { PanelBuilder as StatBuilder } from "@grafana/grafana-foundation-sdk/stat"
import { PanelBuilder as TimeSeriesBuilder } from "@grafana/grafana-foundation-sdk/timeseries"

/** A query, and what its series are called: a text with `{{label}}`. */
export interface Query {
  readonly expr: string
  readonly legend: string
  /** Whether the points are linked to traces by exemplars. */
  readonly exemplars?: boolean
  /** Why the query may have no series after an ordinary day: what it shows did not happen. */
  readonly silentUnless?: string
}

export interface PanelSpec {
  readonly title: string
  /** What a reader learns from it, and what to do if it looks wrong. */
  readonly description: string
  /** A unit of Grafana: `s`, `percentunit`, `short`, `bytes`, `ops`. */
  readonly unit: string
  /** `number` shows the last value alone. */
  readonly as?: "lines" | "number"
  /** Of 24. */
  readonly width?: number
  /** From which value on a number is bad; with `below`, under which. */
  readonly badFrom?: number
  readonly badBelow?: number
  readonly queries: ReadonlyArray<Query>
}

export interface Board {
  /** The name of its file, and the end of its address in Grafana. */
  readonly name: string
  readonly title: string
  readonly description: string
  readonly rows: ReadonlyArray<{ readonly title: string; readonly panels: ReadonlyArray<PanelSpec> }>
}

const SOURCE = { type: "prometheus", uid: "$datasource" }
const TAG = "atlaspay"

/** A metric of the chosen job, with further conditions on its labels. */
export const of = (metric: string, labels = ""): string =>
  `${metric}{job=~"$job"${labels === "" ? "" : `,${labels}`}}`

/** How often a counter grew, per second. */
export const perSecond = (metric: string, labels = ""): string =>
  `rate(${of(metric, labels)}[$__rate_interval])`

/** How often a counter grew within the chosen time, over all processes, by labels. A counter itself begins anew with its process. */
export const grown = (metric: string, by: ReadonlyArray<string> = [], labels = ""): string =>
  `sum${by.length === 0 ? "" : ` by (${by.join(", ")})`} (increase(${of(metric, labels)}[$__range]))`

/** The seconds within which a share of what a histogram measured lies, by labels. */
export const quantile = (
  share: number,
  metric: string,
  by: ReadonlyArray<string> = [],
  labels = "",
): string =>
  `histogram_quantile(${share}, sum by (${["le", ...by].join(", ")}) (${perSecond(`${metric}_bucket`, labels)}))`

/** A dashboard as Grafana imports it. */
export const dashboardOf = ({ name, title, description, rows }: Board): Dashboard => {
  const builder = new DashboardBuilder(title)
    .uid(`${TAG}-${name}`)
    .description(description)
    .tags([TAG])
    .readonly()
    .timezone("browser")
    .tooltip(DashboardCursorSync.Crosshair)
    .time({ from: "now-3h", to: "now" })
    .refresh("30s")
    .withVariable(new DatasourceVariableBuilder("datasource").label("Prometheus").type("prometheus"))
    .withVariable(
      new QueryVariableBuilder("job")
        .label("Job")
        .datasource(SOURCE)
        .query("label_values(atlaspay_build_info, job)")
        .refresh(VariableRefresh.OnTimeRangeChanged)
        .includeAll(true)
        .allValue(".+"),
    )
    .annotation(
      new AnnotationQueryBuilder()
        .name("Alerts")
        .datasource(SOURCE)
        .enable(true)
        .iconColor("red")
        .expr('ALERTS{alertstate="firing",alertname=~"AtlasPay.*"}'),
    )
    .link(
      new DashboardLinkBuilder("Other dashboards")
        .type(DashboardLinkType.Dashboards)
        .tags([TAG])
        .asDropdown(true)
        .keepTime(true)
        .includeVars(true),
    )
  let id = 0
  for (const row of rows) {
    builder.withRow(new RowBuilder(row.title).id(++id))
    for (const panel of row.panels) builder.withPanel(panelOf(panel).id(++id))
  }
  return builder.build()
}

const panelOf = ({ as = "lines", width, ...panel }: PanelSpec) => {
  const builder = as === "number" ? new StatBuilder() : linesOf(panel)
  builder
    .title(panel.title)
    .description(panel.description)
    .datasource(SOURCE)
    .unit(panel.unit)
    .span(width ?? (as === "number" ? 4 : 8))
    .height(as === "number" ? 4 : 8)
    .thresholds(thresholdsOf(panel))
  panel.queries.forEach(({ expr, legend, exemplars }, index) => {
    const query = new DataqueryBuilder()
      .expr(expr)
      .legendFormat(legend)
      .refId(String.fromCharCode(65 + index))
    builder.withTarget(as === "number" ? query.instant() : query.range().exemplar(exemplars ?? false))
  })
  return builder
}

const linesOf = ({ queries }: Pick<PanelSpec, "queries">) =>
  new TimeSeriesBuilder()
    .min(0)
    .legend(
      new VizLegendOptionsBuilder().showLegend(queries.length > 1 || !!queries[0]?.legend.includes("{{")),
    )

const thresholdsOf = ({ badFrom, badBelow }: Pick<PanelSpec, "badFrom" | "badBelow">) => {
  const steps =
    badFrom !== undefined
      ? [
          { value: null, color: "green" },
          { value: badFrom, color: "red" },
        ]
      : badBelow !== undefined
        ? [
            { value: null, color: "red" },
            { value: badBelow, color: "green" },
          ]
        : [{ value: null, color: "blue" }]
  return new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps(steps)
}
