/**
 * Holds objects to the schemas of Kubernetes, in two ways, since each sees what the other does not: the validators of `kubernetes-models`
 * know patterns and bounds but pass fields that do not exist; the compiler, with the types of the same package, refuses these.
 */
import { spawnSync } from "node:child_process"
import { mkdtempSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Ajv } from "ajv"
import { Deployment } from "kubernetes-models/apps/v1"
import { HorizontalPodAutoscaler } from "kubernetes-models/autoscaling/v2"
import { Job } from "kubernetes-models/batch/v1"
import { Ingress, NetworkPolicy } from "kubernetes-models/networking.k8s.io/v1"
import { PodDisruptionBudget } from "kubernetes-models/policy/v1"
import { ConfigMap, Service, ServiceAccount } from "kubernetes-models/v1"
import type { Manifest } from "./rendered-chart.ts"

const root = join(import.meta.dirname, "../..")

/** What Kubernetes itself knows: the module of each kind, and its class. */
const kinds = {
  "apps/v1 Deployment": Deployment,
  "autoscaling/v2 HorizontalPodAutoscaler": HorizontalPodAutoscaler,
  "batch/v1 Job": Job,
  "networking.k8s.io/v1 Ingress": Ingress,
  "networking.k8s.io/v1 NetworkPolicy": NetworkPolicy,
  "policy/v1 PodDisruptionBudget": PodDisruptionBudget,
  "v1 ConfigMap": ConfigMap,
  "v1 Service": Service,
  "v1 ServiceAccount": ServiceAccount,
} as const
type Kind = keyof typeof kinds
const isKind = (text: string): text is Kind => Object.hasOwn(kinds, text)

const labels = { type: "object", additionalProperties: { type: "string" } }
const strict = (properties: object, required: ReadonlyArray<string> = []) => ({
  type: "object",
  additionalProperties: false,
  properties,
  required,
})
const duration = { type: "string", pattern: "^[0-9]+(ms|s|m|h)$" }

/**
 * What we use of the operator's resources, from its API reference (monitoring.coreos.com/v1). The expressions of rules are promtool's to check:
 * test/ops/alerts.test.ts does.
 */
const ofOperator: Readonly<Record<string, object>> = {
  ServiceMonitor: strict(
    {
      selector: strict({ matchLabels: labels }, ["matchLabels"]),
      endpoints: {
        type: "array",
        minItems: 1,
        items: strict(
          {
            port: { type: "string" },
            path: { type: "string" },
            interval: duration,
            scrapeTimeout: duration,
            relabelings: {
              type: "array",
              items: strict({
                targetLabel: { type: "string" },
                replacement: { type: "string" },
                sourceLabels: {
                  type: "array",
                  items: { type: "string", pattern: "^[a-zA-Z_][a-zA-Z0-9_]*$" },
                },
              }),
            },
          },
          ["port"],
        ),
      },
    },
    ["selector", "endpoints"],
  ),
  PrometheusRule: strict(
    {
      groups: {
        type: "array",
        minItems: 1,
        items: strict(
          {
            name: { type: "string", minLength: 1 },
            interval: duration,
            rules: {
              type: "array",
              minItems: 1,
              items: {
                ...strict(
                  {
                    alert: { type: "string" },
                    record: { type: "string" },
                    expr: { type: ["string", "integer"] },
                    for: duration,
                    keep_firing_for: duration,
                    labels,
                    annotations: labels,
                  },
                  ["expr"],
                ),
                oneOf: [{ required: ["alert"] }, { required: ["record"] }],
              },
            },
          },
          ["name", "rules"],
        ),
      },
    },
    ["groups"],
  ),
}

/** What the schemas have against the objects, a line each. */
export const schemaProblems = (manifests: ReadonlyArray<Manifest>): ReadonlyArray<string> =>
  manifests.flatMap(({ template, ...manifest }) => {
    const place = `${template} ${manifest.kind} ${manifest.metadata.name}`
    if (manifest.apiVersion === "monitoring.coreos.com/v1") {
      const schema = ofOperator[manifest.kind]
      if (schema === undefined) return [`${place}: no schema is known`]
      const validate = new Ajv({ allErrors: true, allowUnionTypes: true }).compile(schema)
      validate(manifest.spec)
      return (validate.errors ?? []).map(
        ({ instancePath, message }) => `${place}: ${instancePath} ${message}`,
      )
    }
    const kind = `${manifest.apiVersion} ${manifest.kind}`
    if (!isKind(kind)) return [`${place}: no schema is known of ${kind}`]
    try {
      new kinds[kind](manifest as never).validate()
      return []
    } catch (error) {
      return [`${place}: ${error instanceof Error ? error.message : error}`]
    }
  })

/** What the compiler has against the objects as literals of their types: fields that do not exist, among others. */
export const typeProblems = (manifests: ReadonlyArray<Manifest>, folder: string): ReadonlyArray<string> => {
  const work = mkdtempSync(join(folder, "types-"))
  const lines = manifests.flatMap(({ template, ...manifest }, index) => {
    const kind = `${manifest.apiVersion} ${manifest.kind}`
    if (!isKind(kind)) return []
    const type = `import("kubernetes-models/${manifest.apiVersion}").I${manifest.kind}`
    return [
      `// ${template} ${manifest.kind} ${manifest.metadata.name}`,
      `export const object${index}: ${type} = ${JSON.stringify(manifest, null, 2)}`,
    ]
  })
  writeFileSync(join(work, "objects.ts"), lines.join("\n"))
  const compilerOptions = {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    module: "ESNext",
    moduleResolution: "Bundler",
    types: [],
    paths: {
      "kubernetes-models/*": [join(root, "node_modules/kubernetes-models/*")],
      "@kubernetes-models/*": [join(root, "node_modules/@kubernetes-models/*")],
    },
  }
  writeFileSync(join(work, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["objects.ts"] }))
  const tsc = join(root, "node_modules/.bin/tsc")
  const { status, stdout } = spawnSync(tsc, ["-p", work, "--pretty", "false"], { encoding: "utf8" })
  return status === 0 ? [] : stdout.split("\n").filter((line) => line !== "")
}
