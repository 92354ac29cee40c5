/** `atlaspay/client` as partners install it: what it loads, where it runs, and how it is typed. */
import { execFileSync, spawnSync } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"

const root = join(import.meta.dirname, "../..")
const modules = join(root, "node_modules")
const tsc = join(modules, ".bin/tsc")
const folder = mkdtempSync(join(tmpdir(), "client-"))
afterAll(() => rmSync(folder, { recursive: true }))

/** What a process prints, as JSON. */
const printed = (node: string, ...args: ReadonlyArray<string>) =>
  JSON.parse(execFileSync(node, args, { cwd: folder, encoding: "utf8", env: { PATH: process.env.PATH } }))

describe("importing it", () => {
  it("loads the client and what verifies webhooks, and nothing of the service", () => {
    writeFileSync(
      join(folder, "loaded.mjs"),
      `import { registerHooks } from "node:module"
       const loaded = []
       registerHooks({
         resolve: (specifier, context, next) => {
           const found = next(specifier, context)
           loaded.push(found.url)
           return found
         },
       })
       await import(${JSON.stringify(join(root, "src/client/client.ts"))})
       console.log(JSON.stringify(loaded))`,
    )
    const loaded: ReadonlyArray<string> = printed(process.execPath, join(folder, "loaded.mjs"))
    const own = loaded.filter((url) => url.includes("/src/"))
    expect(own.length).toBeGreaterThan(10)
    expect(own.filter((url) => !url.includes("/src/client/"))).toEqual([])
    const packages = loaded.map((url) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1])
    expect([...new Set(packages.filter((name) => name !== undefined))].sort()).toEqual([
      "@stablelib/base64",
      "fast-sha256",
      "standardwebhooks",
    ])
    expect(loaded.filter((url) => url.startsWith("node:"))).toEqual([])
  })
})

describe("in a partner's project", () => {
  beforeAll(() => {
    const installed = join(folder, "node_modules/atlaspay")
    mkdirSync(installed, { recursive: true })
    execFileSync(tsc, [
      "-p",
      join(root, "infra/client.tsconfig.json"),
      "--outDir",
      join(installed, "dist/client"),
    ])
    cpSync(join(root, "package.json"), join(installed, "package.json"))
    for (const name of ["standardwebhooks", "@types"])
      symlinkSync(join(modules, name), join(folder, "node_modules", name))
    writeFileSync(join(folder, "package.json"), '{ "type": "module" }')
  })

  /** The Node of this test, and the one that is installed on the machine, if it is another. */
  const installedNodes = (): ReadonlyArray<string> => {
    const path = (process.env.PATH ?? "").split(delimiter).filter((one) => !one.includes("node_modules"))
    const version = spawnSync("node", ["--version"], {
      env: { PATH: path.join(delimiter) },
      encoding: "utf8",
    })
    const major = Number(/^v([0-9]+)/.exec(version.stdout ?? "")?.[1] ?? 0)
    if (major < 20 || version.stdout.trim() === process.version) return [process.execPath]
    const found = spawnSync("node", ["-p", "process.execPath"], {
      env: { PATH: path.join(delimiter) },
      encoding: "utf8",
    })
    return [process.execPath, found.stdout.trim()]
  }

  it.each(installedNodes())("runs in %s", (node) => {
    writeFileSync(
      join(folder, "use.js"),
      `import { atlasPay, NoAnswer, verifyWebhook, WebhookRefused } from "atlaspay/client"
       const client = atlasPay({ url: "http://127.0.0.1:9", apiKey: "acme-key", triesMax: 1 })
       const said = []
       await client.post({ items: [] }).catch((error) => said.push(error instanceof NoAnswer, error.call))
       try {
         verifyWebhook("{}", {}, "whsec_dGVzdC1zZWNyZXQtb2YtdGhlLWNvbXBsaWFuY2UtZW5naW5l")
       } catch (error) {
         said.push(error instanceof WebhookRefused)
       }
       console.log(JSON.stringify(said))`,
    )
    expect(printed(node, "use.js")).toEqual([true, "POST /payout-batches", true])
  })

  const compiled = (source: string) => {
    writeFileSync(join(folder, "use.ts"), source)
    const options = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2022", "--types", "node"]
    return spawnSync(tsc, [...options, "use.ts"], { cwd: folder, encoding: "utf8" }).stdout
  }

  it("is typed as docs/CLIENT.md uses it", () => {
    const blocks = readFileSync(join(root, "docs/CLIENT.md"), "utf8").matchAll(/^```ts\n([\s\S]*?)^```/gm)
    const [first = ""] = [...blocks].map(([, source]) => source)
    expect(first).toContain("atlasPay({")
    expect(compiled(first)).toBe("")
  })

  it("knows the types of bodies, filters, answers and events", () => {
    expect(
      compiled(`import { atlasPay, verifyWebhook } from "atlaspay/client"
        const client = atlasPay({ url: "", apiKey: "" })
        const { itemCount, warnings = [] } = await client.post({ mode: "strict", items: [] })
        const shown: ReadonlyArray<string | number> = [itemCount, ...warnings.map(({ detail }) => detail)]
        for await (const { failure } of client.items("pb_1", { state: ["failed"] })) console.log(failure?.nextAction, shown)
        const event = verifyWebhook("", {}, [])
        if (event.type === "com.atlaspay.payout.failed.v1") console.log(event.data.reason)
        // @ts-expect-error there is no such mode
        await client.post({ mode: "perhaps", items: [] })
        // @ts-expect-error there is no such state of items
        client.items("pb_1", { state: ["nonsense"] })
        // @ts-expect-error totals are texts by currency
        console.log((await client.batch("pb_1")).totals.toFixed())
        // @ts-expect-error not every type of event has a reason
        console.log(event.data.reason)`),
    ).toBe("")
  })
})
