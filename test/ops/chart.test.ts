/** The chart, rendered with its defaults and each of its examples: what Kubernetes would be given, and what the chart refuses. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { roles } from "../../src/service-roles.ts"
import { environmentProblems, settingsOfPage } from "../infra/deployed-settings.ts"
import { lastOf, stagesOf, textOf, variablesOf } from "./dockerfile.ts"
import { schemaProblems, typeProblems } from "./kubernetes-objects.ts"
import { ChartRenderer, examples, type Labels, type Manifest } from "./rendered-chart.ts"

const minimal = "minimal.yaml"
/** What each example is laid over: the colors of a roll-out are for who has the rest. */
const valuesOf = (example: string): ReadonlyArray<string> =>
  example.startsWith("colors-") ? [minimal, example] : [example]

let folder: string
let chart: ChartRenderer
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "chart-"))
  chart = ChartRenderer.build(folder)
}, 200_000)
afterAll(() => rmSync(folder, { recursive: true }))

const of = (manifests: ReadonlyArray<Manifest>, kind: string) => manifests.filter((one) => one.kind === kind)
const named = (manifests: ReadonlyArray<Manifest>, kind: string, name: string): Manifest => {
  const found = of(manifests, kind).find(({ metadata }) => metadata.name === name)
  if (found === undefined) throw new Error(`there is no ${kind} ${name}`)
  return found
}
const fits = (selector: Labels, labels: Labels = {}) =>
  Object.entries(selector).every(([name, value]) => labels[name] === value)
const podsOf = (manifests: ReadonlyArray<Manifest>) =>
  of(manifests, "Deployment").map(({ spec }) => spec.template)
/** Those that a Service sends requests to. */
const reached = (manifests: ReadonlyArray<Manifest>, service: string): ReadonlyArray<string> => {
  const { selector } = named(manifests, "Service", service).spec
  return of(manifests, "Deployment")
    .filter(({ spec }) => fits(selector, spec.template.metadata.labels))
    .map(({ metadata }) => metadata.name)
}

describe.each(examples)("the objects of %s", (example) => {
  let manifests: ReadonlyArray<Manifest>
  beforeAll(() => {
    manifests = chart.manifests(...valuesOf(example))
  })

  it("have the form that Kubernetes knows", () => {
    expect(schemaProblems(manifests)).toEqual([])
    expect(typeProblems(manifests, folder)).toEqual([])
  })

  it("have names of their own, in the namespace of the release", () => {
    const names = manifests.map(({ kind, metadata }) => `${kind} ${metadata.name}`)
    expect(new Set(names).size).toBe(names.length)
    expect(names.filter((name) => (name.split(" ")[1] ?? "").length > 63)).toEqual([])
    expect(manifests.filter(({ metadata }) => metadata.namespace !== "payouts")).toEqual([])
  })

  it("select pods that are there, and Deployments each only their own", () => {
    const pods = podsOf(manifests).map(({ metadata }) => metadata.labels)
    for (const { metadata, spec } of of(manifests, "Deployment")) {
      expect(fits(spec.selector.matchLabels, spec.template.metadata.labels)).toBe(true)
      expect([
        metadata.name,
        pods.filter((labels) => fits(spec.selector.matchLabels, labels)).length,
      ]).toEqual([metadata.name, 1])
    }
    for (const { metadata, spec } of of(manifests, "PodDisruptionBudget"))
      expect([
        metadata.name,
        pods.filter((labels) => fits(spec.selector.matchLabels, labels)).length,
      ]).toEqual([metadata.name, 1])
    for (const { metadata, spec } of of(manifests, "Service"))
      expect([metadata.name, pods.some((labels) => fits(spec.selector, labels))]).toEqual([
        metadata.name,
        true,
      ])
    for (const { spec } of of(manifests, "HorizontalPodAutoscaler")) {
      const { spec: scaled } = named(manifests, "Deployment", spec.scaleTargetRef.name)
      // Both would otherwise say how many there are, and each upgrade would undo what the scaler did.
      expect(scaled.replicas).toBeUndefined()
    }
    for (const { spec } of of(manifests, "ServiceMonitor")) {
      const services = of(manifests, "Service").filter(({ metadata }) =>
        fits(spec.selector.matchLabels, metadata.labels),
      )
      expect(services.map(({ metadata }) => metadata.name)).toEqual(["pay-operations"])
    }
  })

  it("lead to ports that are listened on, and to routes that answer", () => {
    const exposed = lastOf(stagesOf(textOf("Dockerfile")).at(-1) ?? fail(), "EXPOSE")
      .split(" ")
      .map(Number)
    for (const { spec } of podsOf(manifests)) {
      const [{ ports, livenessProbe, readinessProbe, startupProbe }] = spec.containers
      const byName = new Map(
        ports.map(({ name, containerPort }: { name: string; containerPort: number }) => [
          name,
          containerPort,
        ]),
      )
      for (const port of byName.values()) expect(exposed).toContain(port)
      for (const { httpGet } of [livenessProbe, startupProbe]) expect(httpGet.path).toBe("/healthz")
      expect(readinessProbe.httpGet.path).toBe("/readyz")
      for (const { httpGet } of [livenessProbe, readinessProbe, startupProbe])
        expect(byName.get(httpGet.port)).toBe(9464)
    }
    for (const { spec } of of(manifests, "Service"))
      for (const { targetPort } of spec.ports)
        for (const pod of podsOf(manifests).filter(({ metadata }) => fits(spec.selector, metadata.labels)))
          expect(pod.spec.containers[0].ports.map(({ name }: { name: string }) => name)).toContain(targetPort)
    const { OPERATIONS_PORT, PORT } = variablesOf(stagesOf(textOf("Dockerfile")).at(-1) ?? fail())
    expect([Number(PORT), Number(OPERATIONS_PORT)]).toEqual(exposed)
  })

  it("set only what there is to set, and no secret but by a file", () => {
    const known = settingsOfPage()
    const containers = [
      ...podsOf(manifests),
      ...of(manifests, "Job").map(({ spec }) => spec.template),
    ].flatMap(({ spec }) => spec.containers)
    expect(containers.length).toBeGreaterThan(1)
    for (const { env, volumeMounts } of containers) {
      expect(environmentProblems(env, known)).toEqual([])
      const mounted = volumeMounts.map(({ mountPath }: { mountPath: string }) => mountPath)
      const paths = env.flatMap(({ name, value }: { name: string; value?: string }) =>
        /(_FILE|_CERTS)$/.test(name) ? [value ?? ""] : [],
      )
      for (const path of paths)
        expect(mounted.some((mount: string) => path.startsWith(`${mount}/`))).toBe(true)
      expect(new Set(env.map(({ name }: { name: string }) => name)).size).toBe(env.length)
    }
    expect(of(manifests, "Secret")).toEqual([])
  })

  it("mount what is a volume, and only have volumes that are mounted", () => {
    for (const { spec } of [...podsOf(manifests), ...of(manifests, "Job").map(({ spec }) => spec.template)]) {
      const mounts = spec.containers[0].volumeMounts.map(({ name }: { name: string }) => name)
      const volumes = spec.volumes.map(({ name }: { name: string }) => name)
      expect([...mounts].sort()).toEqual([...volumes].sort())
    }
  })

  it("run with the rights that the standard `restricted` leaves, as the user of the image", () => {
    const [uid, gid] = lastOf(stagesOf(textOf("Dockerfile")).at(-1) ?? fail(), "USER")
      .split(":")
      .map(Number)
    for (const { spec } of [...podsOf(manifests), ...of(manifests, "Job").map(({ spec }) => spec.template)]) {
      expect(spec.automountServiceAccountToken).toBe(false)
      expect(spec.securityContext).toMatchObject({
        runAsNonRoot: true,
        runAsUser: uid,
        runAsGroup: gid,
        seccompProfile: { type: "RuntimeDefault" },
      })
      for (const { securityContext } of spec.containers)
        expect(securityContext).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ["ALL"] },
        })
      for (const volume of spec.volumes) expect(volume).not.toHaveProperty("hostPath")
    }
  })

  it("let nobody reach the operational port but who collects metrics", () => {
    const policies = of(manifests, "NetworkPolicy")
    const open = policies.flatMap(({ metadata, spec }) =>
      (spec.ingress ?? []).flatMap((rule: { ports?: ReadonlyArray<{ port: number }>; from?: unknown }) => {
        const ports = rule.ports?.map(({ port }) => port)
        return ports === undefined || ports.includes(9464) ? [[metadata.name, ports, rule.from]] : []
      }),
    )
    const monitoring = { namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "monitoring" } } }
    expect(open).toEqual([["pay", [9464], [monitoring]]])
    for (const { metadata } of podsOf(manifests))
      expect(
        policies.some(
          ({ spec }) => spec.policyTypes.length === 2 && fits(spec.podSelector.matchLabels, metadata.labels),
        ),
      ).toBe(true)
  })
})

describe("an object that Kubernetes would refuse", () => {
  const changed = (change: (deployment: Manifest) => Manifest) =>
    [named(chart.manifests(minimal), "Deployment", "pay-blue-api")].map(change)

  it("is seen if a field does not exist, by its type", () => {
    const misspelt = changed((one) => ({ ...one, spec: { ...one.spec, replica: 2 } }))
    expect(typeProblems(misspelt, folder).join()).toMatch(/replica.* does not exist/)
  })

  it("is seen if a value cannot be, by its schema", () => {
    expect(
      schemaProblems(changed((one) => ({ ...one, spec: { ...one.spec, replicas: "two" } }))),
    ).toHaveLength(1)
    expect(schemaProblems(changed((one) => ({ ...one, kind: "Deploiment" })))).toHaveLength(1)
  })
})

describe("the steps from a color to the other", () => {
  const step = (example: string) => chart.manifests(...valuesOf(example))
  const imagesOf = (manifests: ReadonlyArray<Manifest>) =>
    Object.fromEntries(
      of(manifests, "Deployment").map(({ metadata, spec }) => [
        metadata.name,
        spec.template.spec.containers[0].image.split(":").at(-1),
      ]),
    )
  const all = (color: string) => roles.map((role) => `pay-${color}-${role}`)

  it("1: green's api starts beside blue, and nobody is sent to it", () => {
    const manifests = step("colors-1-prepare.yaml")
    expect(Object.keys(imagesOf(manifests)).sort()).toEqual([...all("blue"), "pay-green-api"].sort())
    expect(reached(manifests, "pay")).toEqual(["pay-blue-api"])
    expect(reached(manifests, "pay-green")).toEqual(["pay-green-api"])
    expect(named(manifests, "Job", "pay-migrate").spec.template.spec.containers[0].image).toMatch(/:0\.2\.0$/)
  })

  it("3: both colors work, each with its own image", () => {
    const manifests = step("colors-3-together.yaml")
    const images = imagesOf(manifests)
    expect(Object.keys(images).sort()).toEqual([...all("blue"), ...all("green")].sort())
    expect(all("blue").map((name) => images[name])).toEqual(roles.map(() => "0.1.0"))
    expect(all("green").map((name) => images[name])).toEqual(roles.map(() => "0.2.0"))
    expect(reached(manifests, "pay")).toEqual(["pay-blue-api"])
  })

  it("4: the Service changes, and nothing that runs does", () => {
    const [before, after] = [step("colors-3-together.yaml"), step("colors-4-switch.yaml")]
    expect(reached(after, "pay")).toEqual(["pay-green-api"])
    const withoutSwitch = (manifests: ReadonlyArray<Manifest>) =>
      manifests.filter(
        ({ kind, metadata }) => kind !== "Job" && !(kind === "Service" && metadata.name === "pay"),
      )
    expect(withoutSwitch(after)).toEqual(withoutSwitch(before))
  })

  it("6: blue is gone, and green is as it was", () => {
    const [before, after] = [step("colors-4-switch.yaml"), step("colors-6-let-go.yaml")]
    expect(Object.keys(imagesOf(after)).sort()).toEqual([...all("green")].sort())
    const green = (manifests: ReadonlyArray<Manifest>) =>
      of(manifests, "Deployment").filter(({ metadata }) => metadata.name.includes("green"))
    expect(green(after)).toEqual(green(before))
  })

  describe("on a cluster that sends requests to blue", () => {
    const refusalOf = (example: string, readyReplicas: number | undefined) =>
      chart.texts(valuesOf(example), [
        {
          apiVersion: "v1",
          kind: "Service",
          metadata: { namespace: "payouts", name: "pay" },
          spec: { selector: { "atlaspay.io/color": "blue" } },
        },
        {
          apiVersion: "apps/v1",
          kind: "Deployment",
          metadata: { namespace: "payouts", name: "pay-green-api" },
          status: { readyReplicas },
        },
      ]).error

    it("refuse to send them to green while nothing of its api is ready", () => {
      expect(refusalOf("colors-4-switch.yaml", undefined)).toMatch(/of whose api nothing is ready/)
      expect(refusalOf("colors-6-let-go.yaml", 0)).toMatch(/of whose api nothing is ready/)
    })

    it("go on otherwise", () => {
      expect(refusalOf("colors-4-switch.yaml", 1)).toBeUndefined()
      expect(refusalOf("colors-3-together.yaml", undefined)).toBeUndefined()
    })
  })

  it("starts no pod anew for another version of the chart", () => {
    for (const { metadata } of podsOf(step("colors-3-together.yaml")))
      expect(Object.values<string>(metadata.labels).filter((value) => /\d\.\d/.test(value))).toEqual([])
  })
})

describe("the migrations", () => {
  it("come before everything else, at an install and at an upgrade, and need nothing that is not there yet", () => {
    const { metadata, spec } = named(chart.manifests(minimal), "Job", "pay-migrate")
    expect(metadata.annotations).toMatchObject({ "helm.sh/hook": "pre-install,pre-upgrade" })
    expect(spec.template.spec.serviceAccountName).toBeUndefined()
    expect(spec.template.spec.containers[0].args).toEqual(["atlaspay", "migrate"])
  })

  it("may have a user of their own in the database", () => {
    const { spec } = named(chart.manifests("production.yaml"), "Job", "pay-migrate")
    const { sources } = spec.template.spec.volumes.find(
      ({ name }: { name: string }) => name === "secrets",
    ).projected
    expect(sources).toEqual([
      { secret: { name: "payouts-postgres-owner", items: [{ key: "url", path: "DATABASE_URL" }] } },
    ])
  })
})

describe("settings", () => {
  const environmentOf = (
    manifests: ReadonlyArray<Manifest>,
    name: string,
  ): Readonly<Record<string, string>> =>
    Object.fromEntries(
      named(manifests, "Deployment", name).spec.template.spec.containers[0].env.map(
        ({ name, value }: { name: string; value: string }) => [name, value],
      ),
    )

  it("of a role go before those of a color, and these before those of all", () => {
    const manifests = chart.manifests(minimal, {
      settings: { WORKER_BATCHES: 1, CLAIM_MS: 1, SWEEP_MS: 1 },
      colors: { blue: { settings: { WORKER_BATCHES: 2, CLAIM_MS: 2 } } },
      roles: { worker: { settings: { WORKER_BATCHES: 3 } } },
    })
    const inForce = { WORKER_BATCHES: "3", CLAIM_MS: "2", SWEEP_MS: "1" }
    expect(environmentOf(manifests, "pay-blue-worker")).toMatchObject(inForce)
    expect(environmentOf(manifests, "pay-blue-api")).toMatchObject({ ...inForce, WORKER_BATCHES: "2" })
  })

  it("are written as they are meant, however large and of whatever type", () => {
    const settings = {
      CLEARANCE_MAX_AGE_MS: 31_622_400_000,
      DURABILITY_VOUCHED: true,
      PROOF_ORIGIN: 'a "b": {{ c }}',
    }
    expect(environmentOf(chart.manifests(minimal, { settings }), "pay-blue-worker")).toMatchObject({
      CLEARANCE_MAX_AGE_MS: "31622400000",
      DURABILITY_VOUCHED: "true",
      PROOF_ORIGIN: 'a "b": {{ c }}',
      NODE_ENV: "production",
    })
  })

  it("that are secret reach only the roles that are named", () => {
    const manifests = chart.manifests("production.yaml")
    const having = of(manifests, "Deployment")
      .filter(({ metadata }) => environmentOf(manifests, metadata.name).PROOF_SIGNING_KEY_FILE !== undefined)
      .map(({ metadata }) => metadata.name)
    expect(having).toEqual(["pay-blue-archiver"])
  })
})

describe("the monitoring", () => {
  it("has all rules and dashboards of the project, as they are", () => {
    const manifests = chart.manifests("production.yaml")
    const rules = of(manifests, "PrometheusRule").flatMap(({ spec }) => spec.groups)
    const alerts = rules.flatMap(({ rules }) => rules).filter(({ alert }) => alert !== undefined)
    expect(alerts.length).toBeGreaterThan(20)
    for (const { annotations } of alerts) expect(JSON.stringify(annotations)).not.toContain("<no value>")
    for (const { data } of of(manifests, "ConfigMap"))
      for (const text of Object.values<string>(data)) expect(JSON.parse(text)).toHaveProperty("panels")
  })
})

describe("nothing is rendered", () => {
  it.each<[string, RegExp, object]>([
    ["without an image", /where is the image/, { image: { repository: "" } }],
    ["without a Secret", /which Secret has the settings/, { secrets: { existingSecret: "" } }],
    [
      "if the active color does not run",
      /active is green, which is not enabled/,
      { colors: { active: "green" } },
    ],
    [
      "if the active color has no api",
      /does not run the role api/,
      { colors: { blue: { roles: ["worker", "projector", "publisher", "webhooks"] } } },
    ],
    ["if nobody pays", /no enabled color runs the role worker/, { colors: { blue: { roles: ["api"] } } }],
    [
      "if a release may change by itself beside the other color",
      /colors\.blue\.image needs a tag or a digest/,
      { colors: { green: { enabled: true, image: { tag: "0.2.0" } } } },
    ],
    [
      "if requests would be cut at the end",
      /less than READINESS_NOTICE_MS/,
      { roles: { api: { settings: { READINESS_NOTICE_MS: 25_000 } } } },
    ],
    [
      "if requests would be cut at the end of a color",
      /less than READINESS_NOTICE_MS/,
      { colors: { blue: { settings: { READINESS_NOTICE_MS: 25_000 } } } },
    ],
    [
      "if a color migrates that does not run",
      /migrations\.color is green/,
      { migrations: { color: "green" } },
    ],
  ])("%s", (_, reason, values) => {
    expect(chart.refusal(minimal, values)).toMatch(reason)
  })
})

const fail = (): never => {
  throw new Error("the Dockerfile has no stage")
}
