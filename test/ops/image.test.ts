/** The image's own steps, carried out without a container: what is built, and that all roles work from it on a tree that nobody can write. */
import { randomBytes } from "node:crypto"
import { once } from "node:events"
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import release from "../../package.json" with { type: "json" }
import { roles } from "../../src/service-roles.ts"
import { settingsOfPage } from "../infra/deployed-settings.ts"
import { eventually, freePort, PlatformUnderTest, playMoney } from "../platform-under-test.ts"
import { filesBelow, lastOf, textOf, wordsOf } from "./dockerfile.ts"
import { closeTree, ImageUnderTest, openTree, type Started } from "./image-under-test.ts"

/** Seven processes start at once; on a machine that is busy with other things a minute was not enough. */
const START_MS_MAX = 180_000

let folder: string
let image: ImageUnderTest
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "image-"))
  image = ImageUnderTest.build(folder)
  closeTree(image.folder)
}, 240_000)
afterAll(() => {
  openTree(folder)
  rmSync(folder, { recursive: true })
})

const inImage = (path: string) => join(image.folder, "opt/atlaspay", path)

describe("the image", () => {
  it("has what the service imports, and nothing that only tests need", () => {
    const installed = (path: string) => existsSync(inImage(path))
    const needed = Object.keys(release.dependencies).map((name) => `node_modules/${name}`)
    expect(needed.filter((path) => !installed(path))).toEqual([])
    // What only development dependencies need is marked so in the lock file.
    const packages: Readonly<Record<string, { readonly dev?: boolean }>> = JSON.parse(
      textOf("package-lock.json"),
    ).packages
    const forTests = Object.keys(packages).filter((path) => packages[path]?.dev === true)
    expect(forTests.length).toBeGreaterThan(100)
    expect(forTests.filter(installed)).toEqual([])
  })

  it("has no other part of the project", () => {
    const top = readdirSync(inImage("")).sort()
    expect(top).toEqual(["LICENSE", "compiled", "infra", "node_modules", "package.json", "src"])
    expect(readdirSync(inImage("infra"))).toEqual(["image"])
  })

  it("has what Node compiled for its user", () => {
    const [version = ""] = readdirSync(inImage("compiled"))
    expect(version.split("-").at(-1)).toMatch(/^\d+$/)
    expect(readdirSync(inImage(`compiled/${version}`)).length).toBeGreaterThan(500)
    // Node says what it takes from there, and from where it could not.
    const { output } = image.run({ NODE_DEBUG_NATIVE: "COMPILE_CACHE" }, wordsOf(lastOf(image.stage, "CMD")))
    const reads = output.split("\n").filter((line) => line.includes("reading cache from"))
    expect(reads.filter((line) => line.includes("success")).length).toBeGreaterThan(500)
    expect(reads.filter((line) => line.includes("permission denied"))).toEqual([])
  })

  it("has the command line", () => {
    const { status, output } = image.run({}, ["atlaspay", "--version"])
    expect({ status, output }).toEqual({ status: 0, output: expect.stringContaining(release.version) })
  })

  it("does not start without its settings, and names them", () => {
    const { status, output } = image.run({}, wordsOf(lastOf(image.stage, "CMD")))
    expect(status).toBe(1)
    for (const name of ["REDIS_URL", "DATABASE_URL", "NATS_URL", "MASTER_KEYS"])
      expect(output).toContain(name)
  })
})

describe("the roles of the image, each in a process of its own", () => {
  const known = settingsOfPage()
  let platform: PlatformUnderTest
  const started = new Map<string, Started & { readonly environment: Readonly<Record<string, string>> }>()
  let before: ReadonlyMap<string, string>

  beforeAll(async () => {
    platform = await PlatformUnderTest.open({
      NODE_ENV: "production",
      VOUCH_FOR: playMoney,
      PROOF_SIGNING_KEY: `prsk_${randomBytes(32).toString("base64")}`,
    })
    // As the chart and Compose do it: no secret is in the environment of a process.
    const isSecret = ([name]: readonly [string, string]) => known.get(name)?.isSecret === true
    const given = Object.entries(platform.environment)
    const files = image.mountSecrets(Object.fromEntries(given.filter(isSecret)))
    expect(Object.keys(files)).toEqual(expect.arrayContaining(["MASTER_KEYS_FILE", "DATABASE_URL_FILE"]))
    const common = { ...Object.fromEntries(given.filter((one) => !isSecret(one))), ...files }
    before = filesBelow(image.folder)
    for (const role of roles) {
      const port = role === "api" ? new URL(platform.url).port : String(await freePort())
      const environment = {
        ...common,
        ROLES: role,
        PORT: port,
        OPERATIONS_PORT: String(await freePort()),
      }
      started.set(role, { ...image.start(environment), environment })
    }
  })

  afterAll(async () => {
    for (const { process } of started.values()) {
      if (process.exitCode !== null || process.signalCode !== null) continue
      process.kill("SIGKILL")
      await once(process, "exit")
    }
    await platform?.[Symbol.asyncDispose]()
  })

  const healthOf = (role: string, path: string) => {
    const environment = started.get(role)?.environment ?? {}
    const words = wordsOf(lastOf(image.stage, "HEALTHCHECK"))
    return image.run(environment, [...words.slice(0, -1), path])
  }

  it.each(roles)("%s becomes ready, as the check of the image says", async (role) => {
    await eventually(
      `${role} is ready`,
      async () => {
        const { process, output } = started.get(role) ?? {}
        if (process?.exitCode !== null) throw new Error(`it ended: ${output?.()}`)
        return healthOf(role, "/readyz").status === 0
      },
      START_MS_MAX,
    )
    expect(healthOf(role, "/healthz")).toMatchObject({ status: 0 })
  })

  it("leave nothing to do to the hook of the chart, which has the address of the database in a file and nothing else", () => {
    const { DATABASE_URL_FILE = "" } = started.get("api")?.environment ?? {}
    const { status, output } = image.run({ DATABASE_URL_FILE }, ["atlaspay", "migrate"])
    expect({ status, output }).toEqual({ status: 0, output: expect.stringContaining("Nothing to do") })
  })

  it("run as the image's user", () => {
    const [uid] = lastOf(image.stage, "USER").split(":")
    const seen = image.run({}, ["id", "--user"])
    // Without root, nobody here can become another user: it is the caller's own then.
    expect(seen.output.trim()).toBe(process.getuid?.() === 0 ? uid : "0")
  })

  it("cannot write where they are, and can where they may", () => {
    const write = (path: string) => image.run({}, ["sh", "-c", `echo x > ${path}`]).status === 0
    expect(
      ["/opt/atlaspay/a", "/opt/atlaspay/src/a", "/opt/atlaspay/compiled/a", "/tmp/a"].map(write),
    ).toEqual([false, false, false, true])
  })

  it("pay a batch", async () => {
    const item = (reference: string, value: string) => ({
      reference,
      amount: { currency: "EUR", value },
      beneficiary: { name: "Erika Mustermann", account: { scheme: "iban", iban: "DE89370400440532013000" } },
    })
    const id = await platform.submit("image-1", { items: [item("a", "10.00"), item("b", "20.00")] })
    expect((await platform.closed(id)).state).toBe("settled")
    const paid = (await platform.books())
      .flatMap(({ transfers }) => transfers)
      .map(({ reference }) => reference)
    expect(paid).toHaveLength(2)
  })

  it("are told to stop, and end in good order", async () => {
    const ends = [...started].map(async ([role, { process }]) => {
      const ended = once(process, "exit")
      process.kill("SIGTERM")
      const [code, signal] = await ended
      return [role, signal ?? code]
    })
    expect(Object.fromEntries(await Promise.all(ends))).toEqual(
      Object.fromEntries(roles.map((role) => [role, 0])),
    )
    expect(healthOf("api", "/healthz").status).toBe(1)
  })

  it("have changed nothing in the image", () => {
    expect(filesBelow(image.folder)).toEqual(before)
  })
})
