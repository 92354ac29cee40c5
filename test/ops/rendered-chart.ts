/** The chart as Helm would render it: by infra/helm/render, which is built with Debian's Go once for a run. */
import { execFileSync, spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { delimiter, dirname, join } from "node:path"
import { parseAllDocuments, parse as parseYaml, stringify } from "yaml"
import { findTool } from "../../src/dev/embedded-programs.mjs"

const root = join(import.meta.dirname, "../..")
export const CHART = join(root, "infra/helm/atlaspay")
const BUILD_MS_MAX = 180_000

/** An object of Kubernetes, as far as tests look into all of them. */
export interface Manifest {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly labels?: Labels
    readonly annotations?: Labels
  }
  // biome-ignore lint/suspicious/noExplicitAny: each kind has another form, which is validated by its schema.
  readonly spec: any
  // biome-ignore lint/suspicious/noExplicitAny: only some kinds have it.
  readonly data?: any
  /** The template that it comes from. */
  readonly template: string
}
export type Labels = Readonly<Record<string, string>>

export class ChartRenderer {
  readonly #program: string
  readonly #folder: string

  private constructor(program: string, folder: string) {
    this.#program = program
    this.#folder = folder
  }

  /** Builds the program into a folder. Fails if Go or its libraries are not on this machine. */
  static build(folder: string): ChartRenderer {
    const go = findTool(join(root, ".atlaspay"), "golang-go", ["go"], process.env)
    if (go === undefined) throw new Error("Go is not on this machine: node infra/setup.mjs --with operations")
    const program = join(folder, "render")
    execFileSync(join(go.folder, "go"), ["build", "-o", program, "main.go"], {
      cwd: join(root, "infra/helm/render"),
      timeout: BUILD_MS_MAX,
      env: {
        ...process.env,
        ...go.environment,
        // Debian's libraries lie there, as before Go had modules.
        GOPATH: [join(dirname(go.folder), "share/gocode"), "/usr/share/gocode"].join(delimiter),
        GO111MODULE: "off",
        GOFLAGS: "",
        GOCACHE: join(root, ".atlaspay/go-cache"),
      },
    })
    return new ChartRenderer(program, folder)
  }

  /**
   * Renders with files of values in their order, and values given as objects, for a cluster that has some objects. Gives the texts of the
   * templates by path, or the error.
   */
  texts(
    values: ReadonlyArray<string | object>,
    cluster: ReadonlyArray<object> = [],
  ): Readonly<Record<string, string>> {
    const folder = mkdtempSync(join(this.#folder, "values-"))
    mkdirSync(folder, { recursive: true })
    const options = join(folder, "options.json")
    writeFileSync(
      options,
      JSON.stringify({ kubeVersion: "v1.31.0", isUpgrade: cluster.length > 0, objects: cluster }),
    )
    const files = values.map((value, index) => {
      if (typeof value === "string") return join(CHART, "examples", value)
      const file = join(folder, `${index}.yaml`)
      writeFileSync(file, stringify(value))
      return file
    })
    const { stdout } = spawnSync(this.#program, [CHART, "pay", "payouts", options, ...files], {
      encoding: "utf8",
    })
    return JSON.parse(stdout)
  }

  /** The objects that it renders. Fails as rendering fails. */
  manifests(...values: ReadonlyArray<string | object>): ReadonlyArray<Manifest> {
    const texts = this.texts(values)
    if (texts.error !== undefined) throw new Error(texts.error)
    return Object.entries(texts)
      .filter(([path]) => path.endsWith(".yaml"))
      .flatMap(([path, text]) =>
        parseAllDocuments(text).flatMap((document) => {
          if (document.errors.length > 0) throw new Error(`${path}: ${document.errors.join("\n")}`)
          const content: Manifest | null = document.toJS()
          return content === null
            ? []
            : [{ ...content, template: path.replace(/^atlaspay\/templates\//, "") }]
        }),
      )
  }

  /** Why it refuses to render. Fails if it does not. */
  refusal(...values: ReadonlyArray<string | object>): string {
    const { error } = this.texts(values)
    if (error === undefined) throw new Error("it was rendered")
    return error
  }
}

/** The values of the chart, or of an example. */
export const valuesIn = (file: string): Readonly<Record<string, unknown>> =>
  parseYaml(readFileSync(join(CHART, file), "utf8"))

/** The examples that are values of this chart. */
export const examples = readdirSync(join(CHART, "examples"))
  .filter((name) => name !== "prometheus-adapter.yaml")
  .sort()

/** Values, one over the other, as Helm lays them: maps are merged, null takes away. */
export const overlay = (under: unknown, over: unknown): unknown =>
  isMap(under) && isMap(over)
    ? Object.fromEntries(
        [...new Set([...Object.keys(under), ...Object.keys(over)])]
          .map((key) => [key, key in over ? overlay(under[key], over[key]) : under[key]])
          .filter(([, value]) => value !== null),
      )
    : over

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)
