/** Holds the pages to what they speak of: files, settings and commands that exist. */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { dirname, join, posix } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { settings } from "../src/config.ts"
import { Failure, mappedCodes } from "../src/domain/failure-codes.ts"
import { itemStates } from "../src/domain/item-state.ts"
import { ITEMS_MAX } from "../src/http/payout-batches/payout-batch-request.ts"
import { apiRoutes, openApiDocument } from "../src/http/routes.ts"
import { endpointEventTypes, TEST_EVENT_TYPE } from "../src/publisher/endpoint-event.ts"
import { publicEventTypes } from "../src/publisher/public-event.ts"
import { settingsIn } from "../src/settings/setting.ts"
import { pageWithTables } from "../src/settings/tables.ts"

const root = join(dirname(fileURLToPath(import.meta.url)), "..")
const read = (path: string): string => readFileSync(join(root, path), "utf8")

const markdownIn = (folder: string, recursive = false): ReadonlyArray<string> =>
  readdirSync(join(root, folder), { recursive, encoding: "utf8" })
    .filter((path) => path.endsWith(".md") && !path.split("/").includes("node_modules"))
    .map((path) => posix.join(folder, path))

const pages = [
  ...markdownIn("."),
  ...["docs", "bench", "examples", "infra"].flatMap((folder) => markdownIn(folder, true)),
]

/** Without code blocks, where brackets mean something else. */
const prose = (text: string): string => text.replace(/^```[\s\S]*?^```/gm, "")

const linksIn = (text: string): ReadonlyArray<string> =>
  [...prose(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target)

/** The anchors that headings get: lower case, hyphens for spaces, no punctuation. */
const anchorsIn = (text: string): ReadonlyArray<string> =>
  [...prose(text).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s-]/gu, "")
      .replace(/\s/g, "-"),
  )

const brokenLinks = (page: string): ReadonlyArray<string> =>
  linksIn(read(page)).filter((link) => {
    if (/^(https?|mailto):/.test(link)) return false
    const [file = "", anchor] = link.split("#")
    const target = file === "" ? page : posix.join(posix.dirname(page), file)
    if (!existsSync(join(root, target))) return true
    return anchor !== undefined && !anchorsIn(read(target)).includes(anchor)
  })

const scripts: ReadonlyArray<string> = Object.keys(JSON.parse(read("package.json")).scripts)

/** `npm run X` for a script X, and the ones that npm knows by themselves. */
const scriptsIn = (text: string): ReadonlyArray<string> =>
  [...text.matchAll(/\bnpm (?:run ([a-z][a-z:-]*)|(test|start)\b)/g)].map(([, run, own]) => run ?? own ?? "")

/** The variables that a page lists in the first column of its tables, between two headings of the second level. */
const variablesListed = (page: string, heading: string): ReadonlyArray<string> => {
  const section = read(page)
    .split(/^## /m)
    .find((text) => text.startsWith(`${heading}\n`))
  if (section === undefined) throw new Error(`${page} has no section "${heading}"`)
  return [...section.matchAll(/^\| `([A-Z0-9_]+)` \|/gm)].map(([, name = ""]) => name)
}

const sorted = (names: Iterable<string>): ReadonlyArray<string> => [...new Set(names)].sort()

describe("a page", () => {
  it.each(pages)("has only links that lead somewhere: %s", (page) => {
    expect(brokenLinks(page)).toEqual([])
  })

  it.each(pages)("names only scripts that package.json has: %s", (page) => {
    expect(scriptsIn(read(page)).filter((script) => !scripts.includes(script))).toEqual([])
  })
})

describe("the README", () => {
  it("begins with the two commands that are enough for a start", () => {
    const [, block = ""] = /^```sh\n([\s\S]*?)^```/m.exec(read("README.md")) ?? []
    const commands = block.split("\n").map((line) => line.replace(/#.*/, "").trim())
    expect(commands.filter((command) => command !== "")).toEqual(["npm run demo", "npm test"])
  })
})

describe("docs/CONFIGURATION.md", () => {
  it("tells of every setting of the service, and of no other", () => {
    const listed = variablesListed("docs/CONFIGURATION.md", "The service")
    const declared = settingsIn(settings).map(({ name }) => name)
    expect([...listed].sort()).toEqual(declared.sort())
    expect(listed.length).toBe(new Set(listed).size)
  })

  it("has the tables that `npm run configuration` makes of the declarations", () => {
    const page = read("docs/CONFIGURATION.md")
    expect(pageWithTables(page)).toBe(page)
  })

  it("does not leave a table out, or make one twice", () => {
    const page = read("docs/CONFIGURATION.md")
    expect(() => pageWithTables(page.replace("<!-- settings: nats -->", ""))).toThrow("no place for: nats")
    expect(() => pageWithTables(page.replace("settings: nats", "settings: nuts"))).toThrow("nuts")
    expect(() => pageWithTables(page.replace("settings: nats", "settings: redis"))).toThrow("redis")
  })

  it("tells of every variable that the command line reads by itself", () => {
    const settings = variablesListed("docs/CONFIGURATION.md", "The service")
    const own = readdirSync(join(root, "src/cli"))
      .flatMap((file) => [
        ...read(`src/cli/${file}`).matchAll(/\b(?:process\.env|given)\.([A-Z][A-Z0-9_]*)/g),
      ])
      .map(([, name = ""]) => name)
      .filter((name) => !settings.includes(name))
    expect(sorted(variablesListed("docs/CONFIGURATION.md", "The command line"))).toEqual(sorted(own))
  })
})

describe("docs/API.md", () => {
  it("lists every route of the OpenAPI document, and no other", () => {
    const [section = ""] = read("docs/API.md").split("These routes have their own listener")
    const cells = section.split("\n").flatMap((line) => /^\| (`.*?`) \| /.exec(line)?.[1] ?? [])
    const listed = cells.flatMap((cell) =>
      [...cell.matchAll(/`(?:([A-Z]+) )?(\/\S*)`/g)].map(([, method = "GET", path]) => `${method} ${path}`),
    )
    const described = apiRoutes.map(({ definition: { method, path } }) => `${method} ${path}`)
    expect(sorted(listed)).toEqual(sorted(described))
    expect(listed.length).toBe(described.length)
  })

  it("permits as many items as the OpenAPI document and the service", () => {
    const [, told = ""] = /^- \*\*Size\*\*: 1 to ([\d,]+) items/m.exec(read("docs/API.md")) ?? []
    expect(Number(told.replaceAll(",", ""))).toBe(ITEMS_MAX)
    expect(openApiDocument.components.schemas.NewPayoutBatch).toMatchObject({
      properties: { items: { minItems: 1, maxItems: ITEMS_MAX } },
    })
  })
})

describe("docs/EVENTS.md", () => {
  it("tells of every public event, by its name and type, and of no other", () => {
    const listed = [...read("docs/EVENTS.md").matchAll(/^\| (\w+) \| `(com\.atlaspay\.[\w.-]+)` \|/gm)]
    expect(Object.fromEntries(listed.map(([, name, type]) => [name, type]))).toEqual({
      ...publicEventTypes,
      ...endpointEventTypes,
      WebhookEndpointTest: TEST_EVENT_TYPE,
    })
  })
})

describe("docs/FAILURE-CODES.md", () => {
  const rows = read("docs/FAILURE-CODES.md").split("\n")

  it("has every code as the service knows it, and no other", () => {
    const known = mappedCodes.map(
      ({ code, meaning, category, nextAction, retryable }) =>
        `| \`${code}\` | ${meaning} | ${category} | \`${nextAction}\` | ${retryable ? "yes" : "no"} |`,
    )
    expect(rows.filter((row) => /^\| `\w+` \|.*\| (?:yes|no) \|$/.test(row))).toEqual(known)
  })

  it("says what each next action asks for", () => {
    const listed = rows.flatMap((row) => /^\| `([a-z-]+)` \| [A-Z]/.exec(row)?.[1] ?? [])
    expect(listed).toEqual(Failure.fields.nextAction.literals)
  })
})

describe("docs/architecture/item-states.md", () => {
  it("draws every state of an item, and no other", () => {
    const page = read("docs/architecture/item-states.md")
    const drawing = /^stateDiagram-v2\n([\s\S]*?)^```/m.exec(page)?.[1] ?? ""
    const drawn = [...drawing.matchAll(/^ *(\S+) --> ([^\s:]+)/gm)].flatMap(([, from = "", to = ""]) => [
      from,
      to,
    ])
    expect(sorted(drawn.filter((state) => state !== "[*]"))).toEqual(sorted(itemStates))
  })
})

describe("docs/ARCHITECTURE.md", () => {
  it("says what lives in each room of src", () => {
    const section = /^## Rooms\n([\s\S]*?)^## /m.exec(read("docs/ARCHITECTURE.md"))?.[1] ?? ""
    const rooms = readdirSync(join(root, "src"), { withFileTypes: true })
      .filter(({ name }) => !name.endsWith(".d.ts"))
      .map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name))
    expect(rooms.filter((room) => !section.includes(`\`${room}\``))).toEqual([])
  })
})

describe("docs/SECURITY.md", () => {
  it("names only tests that are there", () => {
    const named = [...read("docs/SECURITY.md").matchAll(/`([a-z0-9-]+(?:\/[a-z0-9-]+)+)`/g)].map(
      ([, test]) => test,
    )
    expect(named.length).toBeGreaterThan(20)
    const missing = named.filter(
      (test) => !existsSync(join(root, `test/${test}.test.ts`)) && !existsSync(join(root, `test/${test}`)),
    )
    expect(missing).toEqual([])
  })
})

describe("docs/adr/README.md", () => {
  it("lists every decision", () => {
    const decisions = markdownIn("docs/adr").filter((page) => /\/\d{4}-/.test(page))
    const listed = linksIn(read("docs/adr/README.md")).map((link) => posix.join("docs/adr", link))
    expect(sorted(listed)).toEqual(sorted(decisions))
  })
})

describe("these checks", () => {
  it("see links, anchors and scripts", () => {
    expect(linksIn("see [a](a.md#b) and\n```\n[x](y)\n```\n")).toEqual(["a.md#b"])
    expect(anchorsIn("## A crash, between any two steps\n")).toEqual(["a-crash-between-any-two-steps"])
    expect(scriptsIn("`npm run bench:accept`, `npm test`, npm install")).toEqual(["bench:accept", "test"])
  })
})
