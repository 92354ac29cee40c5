/** What the chart gives each process, held against what a start in production wants: by `atlaspay config`, which connects to nothing. */
import { spawnSync } from "node:child_process"
import { randomBytes } from "node:crypto"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { roles } from "../../src/service-roles.ts"
import { newAuthority } from "../certificates.ts"
import { stagesOf, textOf, variablesOf } from "./dockerfile.ts"
import { ChartRenderer } from "./rendered-chart.ts"

const root = join(import.meta.dirname, "../..")
const key = () => randomBytes(32).toString("base64url")
const signing = () => `whsec_${randomBytes(32).toString("base64")}`

/** A Secret as the README has it made. */
const secrets = {
  REDIS_URL: `rediss://atlaspay:${key()}@redis.stores.svc:6379`,
  DATABASE_URL: `postgres://atlaspay:${key()}@postgres.stores.svc:5432/atlaspay?sslmode=verify-full`,
  NATS_URL: `tls://atlaspay:${key()}@nats.stores.svc:4222`,
  MASTER_KEYS: `k1=${randomBytes(32).toString("base64")}`,
  API_KEYS: `acme/clerk=${key()},acme/supervisor=${key()}`,
  OPERATOR_KEYS: `olga=${key()}`,
  PROOF_SIGNING_KEY: `prsk_${randomBytes(32).toString("base64")}`,
  BANK_CALLBACK_SECRET: `north=${signing()}`,
  COMPLIANCE_CALLBACK_SECRET: signing(),
  LEDGER_CALLBACK_SECRET: signing(),
}

const provider = (name: string) => ({
  url: `https://${name}.bank.example`,
  auth: { kind: "bearer", token: { file: `/run/secrets/providers/${name}` } },
})
/** For the example that has the providers in a file. */
const providers = {
  version: "1",
  compliance: provider("compliance"),
  ledger: provider("ledger"),
  banks: [{ name: "north", kind: "instant", ...provider("north") }],
  routes: [{ rule: "all", banks: ["north"] }],
}

/** The folder that stands for the root of a container. */
let folder: string
let chart: ChartRenderer
/** Paths are those below the folder, and hosts are none that production takes for examples. */
const placed = (text: string) =>
  text
    .replaceAll(/(?<=^|[\s:="])\/(?=(run\/secrets|etc\/atlaspay)\/)/g, `${folder}/`)
    .replaceAll("bank.example", "bank.payouts.eu")

const mount = (path: string, text: string) => {
  const file = join(folder, path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, placed(text), { mode: 0o440 })
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "chart-settings-"))
  chart = ChartRenderer.build(folder)
  for (const [name, secret] of Object.entries(secrets)) mount(`run/secrets/atlaspay/${name}`, `${secret}\n`)
  for (const name of ["compliance", "ledger", "north"]) mount(`run/secrets/providers/${name}`, `${key()}\n`)
  mount("etc/atlaspay/providers/providers.json", JSON.stringify(providers))
  const authority = newAuthority("stores")
  mount("etc/atlaspay/authorities/ca.crt", authority.cert)
  for (const store of ["redis", "database", "nats"]) {
    const ours = authority.issue("atlaspay")
    mount(`run/secrets/${store}/ca.crt`, authority.cert)
    mount(`run/secrets/${store}/tls.crt`, ours.cert)
    mount(`run/secrets/${store}/tls.key`, ours.key)
  }
}, 200_000)
afterAll(() => rmSync(folder, { recursive: true }))

interface Variable {
  readonly name: string
  readonly value: string
}

/** What `atlaspay config` says of the process of a role: nothing, if it would start. */
const problemsOf = (example: string, role: string): string => {
  const name = `pay-blue-${role}`
  const deployment = chart
    .manifests(example)
    .find(({ kind, metadata }) => kind === "Deployment" && metadata.name === name)
  const variables: ReadonlyArray<Variable> = deployment?.spec.template.spec.containers[0].env
  const image = variablesOf(stagesOf(textOf("Dockerfile")).at(-1) ?? { name: "", base: "", steps: [] })
  const { status, stderr } = spawnSync(process.execPath, ["src/cli/main.ts", "config"], {
    cwd: root,
    encoding: "utf8",
    env: {
      ...image,
      ...Object.fromEntries(variables.map(({ name, value }) => [name, placed(value)])),
      PATH: process.env.PATH,
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
    },
  })
  return status === 0 ? "" : `status ${status}: ${stderr}`
}

describe.each(["minimal.yaml", "production.yaml"])("the processes of %s", (example) => {
  it.each(roles)("start in production as %s", (role) => {
    expect(problemsOf(example, role)).toBe("")
  })
})
