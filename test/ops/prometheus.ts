/**
 * A real Prometheus for a test, on the loopback interface, with a data folder of its own. It has the configuration of
 * infra/prometheus/ with three differences: it collects and evaluates every second, it knows the test's targets, and alerts wait
 * a sixtieth of their `for`. Expressions and thresholds are those of operation.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { parse, stringify } from "yaml"
import { findTool } from "../../src/dev/embedded-programs.mjs"
import { eventually, freePort } from "../platform-under-test.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))

/** The folder with the configuration of operation. */
export const PROMETHEUS_FOLDER = join(root, "infra/prometheus")

/** The rules of operation, as absolute paths. */
export const ruleFiles = (): ReadonlyArray<string> =>
  readdirSync(join(PROMETHEUS_FOLDER, "rules"))
    .sort()
    .map((name) => join(PROMETHEUS_FOLDER, "rules", name))

/** A series of an answer, with its last value, or all values of a range. */
export interface Series {
  readonly metric: Readonly<Record<string, string>>
  readonly value?: readonly [seconds: number, value: string]
  readonly values?: ReadonlyArray<readonly [seconds: number, value: string]>
}

export interface ActiveAlert {
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly state: "pending" | "firing"
}

/** Prometheus refuses a query: it cannot be parsed, or evaluated. The message is its own. */
export class QueryRefused extends Error {}

/** How many times shorter than in operation alerts wait in tests. */
const SHORTER = 60

export class Prometheus implements AsyncDisposable {
  readonly url: string
  readonly #process: ChildProcess
  readonly #folder: string
  readonly #ended: Promise<unknown>
  #output = ""

  private constructor(url: string, folder: string, process: ChildProcess) {
    this.url = url
    this.#folder = folder
    this.#process = process
    this.#ended = once(process, "exit")
    for (const stream of [process.stdout, process.stderr])
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.#output = (this.#output + text).slice(-20_000)
      })
  }

  /**
   * Starts it and waits until it answers.
   * @param targets the operational URLs of services, which can be changed with {@link setTargets}
   * @param files rules to load; those of operation unless given
   */
  static async start(targets: ReadonlyArray<string>, files = ruleFiles()): Promise<Prometheus> {
    const found = findTool(join(root, ".atlaspay"), "prometheus", ["prometheus", "promtool"])
    if (found === undefined)
      throw new Error("Prometheus is not found: run node infra/setup.mjs --with operations")
    const folder = mkdtempSync(join(tmpdir(), "prometheus-"))
    writeConfiguration(folder, files)
    writeTargets(folder, targets)
    const address = `127.0.0.1:${await freePort()}`
    const process_ = spawn(
      join(found.folder, "prometheus"),
      [
        `--config.file=${join(folder, "prometheus.yml")}`,
        `--storage.tsdb.path=${join(folder, "data")}`,
        `--web.listen-address=${address}`,
        "--enable-feature=exemplar-storage",
        "--log.level=warn",
      ],
      { env: { PATH: process.env.PATH, TMPDIR: process.env.TMPDIR, ...found.environment } },
    )
    const prometheus = new Prometheus(`http://${address}`, folder, process_)
    try {
      const died = prometheus.#ended.then(() => {
        throw new Error(`Prometheus ended:\n${prometheus.#output}`)
      })
      const ready = eventually(
        "Prometheus is ready",
        async () => (await fetch(`http://${address}/-/ready`)).ok,
      )
      await Promise.race([ready, died])
      died.catch(() => {})
    } catch (error) {
      await prometheus[Symbol.asyncDispose]()
      throw error
    }
    return prometheus
  }

  /** Collects from other operational URLs from now on. */
  setTargets(targets: ReadonlyArray<string>): void {
    writeTargets(this.#folder, targets)
  }

  /** The present value of each series of an expression. Throws {@link QueryRefused}. */
  async query(expression: string): Promise<ReadonlyArray<Series>> {
    return this.#series("query", { query: expression })
  }

  /** The values of an expression over the last `seconds`. Throws {@link QueryRefused}. */
  async queryRange(expression: string, seconds: number, stepSeconds = 1): Promise<ReadonlyArray<Series>> {
    const end = Date.now() / 1_000
    return this.#series("query_range", {
      query: expression,
      start: String(end - seconds),
      end: String(end),
      step: String(stepSeconds),
    })
  }

  /** The exemplars of an expression over the last `seconds`. */
  async exemplars(expression: string, seconds: number): Promise<ReadonlyArray<ExemplarSeries>> {
    const end = Date.now() / 1_000
    return this.#get("query_exemplars", { query: expression, start: String(end - seconds), end: String(end) })
  }

  /** All alerts that wait or fire. */
  async alerts(): Promise<ReadonlyArray<ActiveAlert>> {
    const { alerts } = await this.#get<{ readonly alerts: ReadonlyArray<ActiveAlert> }>("alerts", {})
    return alerts
  }

  /** The names of the alerts that fire, each once. */
  async firing(): Promise<ReadonlyArray<string>> {
    const firing = (await this.alerts()).filter(({ state }) => state === "firing")
    return [...new Set(firing.map(({ labels }) => labels.alertname ?? ""))].sort()
  }

  /** What is wrong with any rule, in Prometheus' own words. */
  async brokenRules(): Promise<ReadonlyArray<string>> {
    const { groups } = await this.#get<RuleGroups>("rules", {})
    return groups.flatMap(({ rules }) =>
      rules.filter(({ health }) => health === "err").map(({ name, lastError }) => `${name}: ${lastError}`),
    )
  }

  async #series(path: string, parameters: Readonly<Record<string, string>>): Promise<ReadonlyArray<Series>> {
    const { result } = await this.#get<{ readonly result: ReadonlyArray<Series> }>(path, parameters)
    return result
  }

  async #get<A>(path: string, parameters: Readonly<Record<string, string>>): Promise<A> {
    const answer = await fetch(`${this.url}/api/v1/${path}?${new URLSearchParams(parameters)}`)
    const body = (await answer.json()) as { status: string; data: A; error?: string }
    if (body.status !== "success") throw new QueryRefused(`${parameters.query ?? path}: ${body.error}`)
    return body.data
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGTERM")
    await this.#ended
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

export interface ExemplarSeries {
  readonly seriesLabels: Readonly<Record<string, string>>
  readonly exemplars: ReadonlyArray<{
    readonly labels: Readonly<Record<string, string>>
    readonly value: string
  }>
}

interface RuleGroups {
  readonly groups: ReadonlyArray<{
    readonly rules: ReadonlyArray<{
      readonly name: string
      readonly health: string
      readonly lastError?: string
    }>
  }>
}

/** Starts Prometheus on the operational URLs of services, with rules: those of operation unless given. */
export const startPrometheus = (
  targets: ReadonlyArray<string>,
  files?: ReadonlyArray<string>,
): Promise<Prometheus> => Prometheus.start(targets, files)

const writeConfiguration = (folder: string, files: ReadonlyArray<string>): void => {
  const configuration = parse(readFileSync(join(PROMETHEUS_FOLDER, "prometheus.yml"), "utf8"))
  Object.assign(configuration.global, {
    scrape_interval: "1s",
    scrape_timeout: "1s",
    evaluation_interval: "1s",
  })
  writeFileSync(join(folder, "prometheus.yml"), stringify(configuration))
  mkdirSync(join(folder, "rules"))
  for (const [index, file] of files.entries())
    writeFileSync(join(folder, "rules", `${index}.yml`), withShortWaits(readFileSync(file, "utf8")))
}

/** Written beside and then renamed, so that Prometheus never reads half a file. */
const writeTargets = (folder: string, targets: ReadonlyArray<string>): void => {
  mkdirSync(join(folder, "targets"), { recursive: true })
  const hosts = targets.map((url) => new URL(url).host)
  writeFileSync(join(folder, "targets/test.new"), stringify([{ targets: hosts }]))
  renameSync(join(folder, "targets/test.new"), join(folder, "targets/test.yml"))
}

const withShortWaits = (rules: string): string => {
  const document = parse(rules) as { groups: Array<{ rules: Array<{ for?: string }>; interval?: string }> }
  for (const group of document.groups) {
    delete group.interval
    for (const rule of group.rules)
      if (rule.for !== undefined) rule.for = `${Math.ceil((secondsOf(rule.for) * 1_000) / SHORTER)}ms`
  }
  return stringify(document)
}

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 }

/** Of a duration of Prometheus with one unit, such as `5m`. */
const secondsOf = (duration: string): number => {
  const [, count = "", unit = ""] = /^(\d+)([smhd])$/.exec(duration) ?? []
  const seconds = UNITS[unit]
  if (seconds === undefined) throw new Error(`${duration} is no duration of one unit`)
  return Number(count) * seconds
}
