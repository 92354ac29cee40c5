/** What of the chart can be held without rendering it (test/ops/chart.test.ts renders): its values, and its copies of other files. */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { Ajv } from "ajv"
import { beforeAll, describe, expect, it } from "vitest"
import { parse } from "yaml"
import { copiedFiles } from "../../infra/helm/copied-files.mjs"
import release from "../../package.json" with { type: "json" }
import { roles } from "../../src/service-roles.ts"
import { settingsOfPage } from "./deployed-settings.ts"

const chart = join(import.meta.dirname, "../../infra/helm/atlaspay")
const read = (file: string): string => readFileSync(join(chart, file), "utf8")
const schema = JSON.parse(read("values.schema.json"))
const defaults = parse(read("values.yaml"))

type Values = Readonly<Record<string, unknown>>
const isMap = (value: unknown): value is Values =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** As Helm lays values over each other. */
const over = (under: unknown, upper: unknown): unknown =>
  isMap(under) && isMap(upper)
    ? Object.fromEntries(
        [...new Set([...Object.keys(under), ...Object.keys(upper)])].map((key) => [
          key,
          key in upper ? over(under[key], upper[key]) : under[key],
        ]),
      )
    : upper

let problemsOf: (values: unknown) => ReadonlyArray<string>
beforeAll(() => {
  const validate = new Ajv({ allErrors: true, allowUnionTypes: true }).compile(schema)
  problemsOf = (values) => {
    validate(over(defaults, values))
    return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`)
  }
})

describe("the values of the chart", () => {
  it("are as their schema says", () => {
    expect(problemsOf({})).toEqual([])
  })

  it.each(readdirSync(join(chart, "examples")).filter((name) => name !== "prometheus-adapter.yaml"))(
    "are, with those of %s",
    (example) => {
      expect(problemsOf(parse(read(`examples/${example}`)))).toEqual([])
    },
  )

  it.each<[string, Values]>([
    ["a word is misspelt", { colours: {} }],
    ["a word of a role is misspelt", { roles: { api: { replica: 2 } } }],
    ["there is no such role", { roles: { courier: { replicas: 2 } } }],
    ["a color runs no such role", { colors: { blue: { roles: ["api", "courier"] } } }],
    ["there is no such color", { colors: { active: "red" } }],
    ["the repository has a tag", { image: { repository: "registry.example/atlaspay:1.0" } }],
    ["a tag names something else tomorrow", { colors: { blue: { image: { tag: "latest" } } } }],
    ["a digest is cut", { colors: { blue: { image: { digest: "sha256:00" } } } }],
    ["a secret is in the settings", { settings: { MASTER_KEYS: "k1=…" } }],
    ["a secret is in the settings of a role", { roles: { api: { settings: { API_KEYS: "acme=…" } } } }],
    [
      "a secret is in the settings of a color",
      { colors: { green: { settings: { REDIS_URL: "redis://…" } } } },
    ],
    ["a secret is among other variables", { pods: { extraEnv: [{ name: "DATABASE_URL", value: "…" }] } }],
    ["a file of a secret is in the settings", { settings: { MASTER_KEYS_FILE: "/tmp/keys" } }],
    ["the settings move a port that the chart knows", { settings: { OPERATIONS_PORT: 9000 } }],
    ["the settings choose roles", { settings: { ROLES: "api" } }],
    ["a setting is a list", { settings: { BANKS: ["north"] } }],
    ["a user of the migrations has no key", { migrations: { secret: "owner" } }],
    ["the folders of banks lie over the program", { bankFiles: { mountPath: "/opt/atlaspay" } }],
    ["a name cannot be one", { secrets: { existingSecret: "Atlas Pay" } }],
    ["nobody can be missing", { pods: { disruption: { maxUnavailable: 0 } } }],
    ["a policy has a field that does not exist", { networkPolicy: { stores: [{ port: [6379] }] } }],
  ])("are refused if %s", (_, values) => {
    expect(problemsOf(values)).not.toEqual([])
  })

  it("know every secret of the settings as one", () => {
    const secrets = [...settingsOfPage()].filter(([, { isSecret }]) => isSecret).map(([name]) => name)
    expect(secrets.length).toBeGreaterThan(8)
    const accepted = secrets.filter((name) => problemsOf({ settings: { [name]: "x" } }).length === 0)
    expect(accepted).toEqual([])
    expect(Object.keys(defaults.secrets.names).filter((name) => !secrets.includes(name))).toEqual([])
  })

  it("have all roles of the service, in each color", () => {
    expect(Object.keys(defaults.roles).sort()).toEqual([...roles].sort())
    for (const color of ["blue", "green"]) expect(defaults.colors[color].roles).toEqual(roles)
    expect(schema.definitions.roleNames.items.enum).toEqual(roles)
  })
})

describe("the chart", () => {
  it("has the rules and dashboards as they are: node infra/helm/copied-files.mjs copies them", () => {
    const { wanted, found } = copiedFiles()
    expect([...found.keys()].sort()).toEqual([...wanted.keys()].sort())
    expect([...wanted].filter(([path, text]) => found.get(path) !== text).map(([path]) => path)).toEqual([])
    expect(wanted.size).toBeGreaterThan(3)
  })

  it("is of this release", () => {
    expect(parse(read("Chart.yaml"))).toMatchObject({ appVersion: release.version })
  })
})

describe("the image", () => {
  const dockerfile = readFileSync(join(chart, "../../../Dockerfile"), "utf8")

  it("has the Node that everything is tested with", () => {
    expect(/^ARG NODE_IMAGE=node:(\S+)-bookworm-slim$/m.exec(dockerfile)?.[1]).toBe(
      release.devDependencies.node,
    )
    expect(/^ARG VERSION=(\S+)$/m.exec(dockerfile)?.[1]).toBe(release.version)
  })

  it("starts the service with the flags of npm start, for real money", () => {
    const [, flag] = /(--max-semi-space-size=\d+)/.exec(release.scripts.start) ?? []
    expect(dockerfile).toContain(`CMD ["node", "${flag}", "src/main.ts"]`)
    expect(dockerfile).toMatch(/^ENV NODE_ENV=production /m)
  })
})
