/** infra/compose.yaml as data: what it sets, mounts and opens. test/ops/compose.test.ts lets Compose itself read it. */
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { parse } from "yaml"
import { composeSecrets } from "../../infra/compose-secrets.mjs"
import { sandboxCallbackSecrets } from "../../src/dev/local-sandbox.ts"
import { roles } from "../../src/service-roles.ts"
import { environmentProblems, settingsOfPage } from "./deployed-settings.ts"

const infra = join(import.meta.dirname, "../../infra")
const read = (file: string): string => readFileSync(join(infra, file), "utf8")

interface ComposeService {
  readonly image: string
  readonly profiles?: ReadonlyArray<string>
  readonly environment?: Readonly<Record<string, string>>
  readonly ports?: ReadonlyArray<string>
  readonly volumes?: ReadonlyArray<string>
  readonly secrets?: ReadonlyArray<string>
  readonly healthcheck?: { readonly test?: ReadonlyArray<string> }
  readonly read_only?: boolean
  readonly cap_drop?: ReadonlyArray<string>
  readonly cap_add?: ReadonlyArray<string>
  readonly command?: string | ReadonlyArray<string>
}

const compose: {
  readonly services: Readonly<Record<string, ComposeService>>
  readonly secrets: Readonly<Record<string, { readonly file: string }>>
  readonly volumes: Readonly<Record<string, null>>
} = parse(read("compose.yaml"), { merge: true })

const services = Object.entries(compose.services)
const ours = services.filter(([, { image }]) => image === "atlaspay:local")
const withRole = ours.filter(([, { environment }]) => environment?.ROLES !== undefined)

describe("Compose", () => {
  it("starts the three servers alone, if nothing else is asked for", () => {
    const always = services.filter(([, { profiles }]) => profiles === undefined).map(([name]) => name)
    expect(always).toEqual(["redis", "postgres", "nats"])
    for (const [, { profiles }] of services) expect(profiles ?? ["all"]).toContain("all")
  })

  it("runs each role in a process of its own, and the api in two", () => {
    const run = withRole.map(([, { environment }]) => environment?.ROLES).sort()
    expect(run).toEqual([...roles, "api"].sort())
  })

  it("sets only what there is to set, and secrets by files that are mounted", () => {
    const known = settingsOfPage()
    for (const [name, { environment = {}, secrets = [] }] of ours) {
      expect([
        name,
        environmentProblems(
          Object.keys(environment).map((one) => ({ name: one })),
          known,
        ),
      ]).toEqual([name, []])
      const files = Object.entries(environment).filter(([, path]) => path.startsWith("/run/secrets/"))
      expect(files.map(([, path]) => path.slice("/run/secrets/".length)).sort()).toEqual(
        secrets.filter((secret) => `${secret}_FILE` in environment).sort(),
      )
      if (environment.ROLES !== undefined) expect(files.length).toBe(secrets.length)
    }
  })

  it("has a file for each secret, which infra/compose-secrets.mjs makes", () => {
    const made = composeSecrets()
    expect(Object.keys(compose.secrets).sort()).toEqual(Object.keys(made).sort())
    for (const [name, { file }] of Object.entries(compose.secrets))
      expect(file).toBe(`../.atlaspay/compose/${name}`)
    expect(made).toMatchObject(sandboxCallbackSecrets())
    expect(composeSecrets().MASTER_KEYS).not.toBe(made.MASTER_KEYS)
  })

  it("mounts files that there are, and volumes that are declared", () => {
    const sources = services.flatMap(([, { volumes = [] }]) =>
      volumes.map((volume) => volume.split(":")[0] ?? ""),
    )
    for (const source of sources)
      expect([
        source,
        source.startsWith("./") ? existsSync(join(infra, source)) : source in compose.volumes,
      ]).toEqual([source, true])
  })

  it("opens ports on the loopback interface alone", () => {
    const ports = services.flatMap(([, service]) => service.ports ?? [])
    expect(ports.length).toBeGreaterThan(5)
    expect(ports.filter((port) => !port.startsWith("127.0.0.1:"))).toEqual([])
    expect(new Set(ports.map((port) => port.split(":")[1])).size).toBe(ports.length)
  })

  it("leaves the service no rights, and nothing that it can write but /tmp and the bank's folder", () => {
    for (const [name, service] of ours) {
      expect([name, service.cap_drop]).toEqual([name, ["ALL"]])
      if (name === "folders") continue
      expect([name, service.read_only, service.cap_add]).toEqual([name, true, undefined])
      const written = (service.volumes ?? []).filter((volume) => !volume.endsWith(":ro"))
      expect(written).toEqual(["sandbox", "bank-files"].includes(name) ? ["clearing:/var/lib/atlaspay"] : [])
    }
  })

  it("has the Redis that the service needs: what is acknowledged is on the disk", () => {
    expect(compose.services.redis?.command).toMatch(
      /--appendonly yes --appendfsync always --maxmemory-policy noeviction/,
    )
  })

  it("calls the sandbox at the ports that it listens on", () => {
    const { banks, compliance, ledger } = JSON.parse(read("compose/providers.json"))
    const port = (url: string) => Number(new URL(url).port) - 7000
    expect([port(compliance.url), port(ledger.url)]).toEqual([0, 3])
    expect(
      banks.slice(0, 3).map(({ name, url }: { name: string; url: string }) => [name, port(url)]),
    ).toEqual([
      ["north", 1],
      ["south", 2],
      ["west", 4],
    ])
    const command = compose.services.sandbox?.command ?? []
    expect(command).toContain("7000")
    expect(command[command.indexOf("--clearing-folder") + 1]).toBe(banks[3].folder)
  })

  it("has Prometheus collect from every process", () => {
    const [{ targets }] = parse(read("prometheus/compose-targets.yml"))
    expect([...targets].sort()).toEqual(withRole.map(([name]) => `${name}:9464`).sort())
  })

  it("provisions Grafana with the files that it mounts", () => {
    const volumes = compose.services.grafana?.volumes ?? []
    const [provider] = parse(read("grafana/provisioning/dashboards/atlaspay.yaml")).providers
    expect(volumes).toContain(`./grafana/dashboards:${provider.options.path}:ro`)
    const [source] = parse(read("grafana/provisioning/datasources/prometheus.yaml")).datasources
    expect(source).toMatchObject({ uid: "prometheus", url: "http://prometheus:9090" })
  })

  it("lets nobody change what Grafana shows, by the administrator that everybody knows either", () => {
    expect(compose.services.grafana?.environment).toMatchObject({
      GF_AUTH_ANONYMOUS_ENABLED: "true",
      GF_AUTH_DISABLE_LOGIN_FORM: "true",
      GF_AUTH_BASIC_ENABLED: "false",
    })
    expect(compose.services.grafana?.environment).not.toHaveProperty("GF_AUTH_ANONYMOUS_ORG_ROLE")
  })

  it("waits for the Postgres that stays, not for the one that sets up its volume", () => {
    expect(compose.services.postgres?.healthcheck?.test).toEqual(
      expect.arrayContaining(["pg_isready", "--host", "127.0.0.1"]),
    )
  })

  it("sends traces to the collector, which takes them", () => {
    const { receivers, service } = parse(read("compose/collector.yaml"))
    const endpoint = compose.services.worker?.environment?.OTEL_EXPORTER_OTLP_ENDPOINT ?? ""
    expect(receivers.otlp.protocols.http.endpoint).toBe(`0.0.0.0:${new URL(endpoint).port}`)
    expect(new URL(endpoint).hostname in compose.services).toBe(true)
    expect(service.pipelines.traces.receivers).toEqual(["otlp"])
  })
})
