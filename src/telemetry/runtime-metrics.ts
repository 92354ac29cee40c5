/** The process itself: what runs, what it logs, which spans it exports, and whether it can read what its gauges show. */
import type { Definer } from "./metric-definition.ts"

export const runtimeMetrics = ({ by }: Definer) => {
  const everywhere = by()
  return {
    buildInfo: everywhere.gauge("build_info", "1, with the version of AtlasPay and of Node, and the roles", {
      labels: ["version", "node", "roles"],
      across: "each",
    }),
    logLevel: everywhere.gauge(
      "log_level",
      "The level that is logged: 0 all, 1 trace, 2 debug, 3 info, 4 warnings, 5 errors, 6 what ends the process",
      { across: "each" },
    ),
    errorsLogged: everywhere.counter(
      "errors_logged_total",
      "Errors that were logged, whatever level is logged: someone has to look",
    ),
    logLinesDropped: everywhere.counter(
      "log_lines_dropped_total",
      "Log lines that were dropped, because nobody read standard error fast enough",
    ),
    tracesExported: everywhere.counter("traces_exported_total", "Spans that the collector took"),
    tracesDropped: everywhere.counter("traces_dropped_total", "Spans that were recorded and not exported", [
      "reason",
    ]),
    readingFailures: everywhere.counter(
      "reading_failures_total",
      "Readings of gauges that failed; the gauge is gone after some failures in a row",
      ["reading"],
    ),
  }
}
