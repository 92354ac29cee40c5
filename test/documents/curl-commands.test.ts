/** Runs the `curl` commands of the pages, in their order, against a service with the sandbox, as `npm start` starts it. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { clearingFolder } from "../../src/dev/clearing-files.ts"
import { localProofKey } from "../../src/dev/local-proof-key.ts"
import { writeLocalProviders } from "../../src/dev/local-providers.ts"
import { definitions } from "../../src/http/routes.ts"
import { PlatformUnderTest } from "../platform-under-test.ts"
import { type CurlAnswer, hasCurl, runCurl } from "./curl.ts"
import { blocksIn, commandsOf, type DocumentedAnswer, type DocumentedCommand } from "./documented-commands.ts"
import { differencesOf, differencesOfText, type Placeholders } from "./shown-answer.ts"

const root = join(import.meta.dirname, "../..")
const read = (page: string): string => readFileSync(join(root, page), "utf8")

/** Those with `curl` commands, in the order in which a reader comes to them. */
const pages = ["README.md", "docs/API.md", "docs/SANDBOX.md"]

/** Where the pages have the service. */
const DOCUMENTED_URL = "http://127.0.0.1:8080"
/** A read is asked again until it is as shown: read models follow the log. */
const AS_SHOWN_MS_MAX = 20_000
const POLL_MS = 100

const timeInDays = (days: number): string => new Date(Date.now() + days * 86_400_000).toISOString()

let dataDir: string
let platform: PlatformUnderTest
let program: "curl" | "standIn"
/** What answers gave, and times that a reader chooses. */
const placeholders: Placeholders = new Map([
  ["NEXT_WEEK…", timeInDays(7)],
  ["IN_TWO_WEEKS…", timeInDays(14)],
])

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), "atlaspay-documents-"))
  program = (await hasCurl()) ? "curl" : "standIn"
  platform = await PlatformUnderTest.open(settingsOf(read("docs/API.md")), {
    clearingFolder: clearingFolder(dataDir),
  })
  const { banks, ...urls } = platform.sandbox
  const { clearing = "" } = banks
  const local = { ...urls, banks: { ...banks, clearing } }
  await platform.start({
    PROVIDERS_FILE: writeLocalProviders(dataDir, local),
    PROOF_SIGNING_KEY: localProofKey(dataDir),
    PROOF_EVERY_MS: "500",
  })
})
afterAll(async () => {
  await platform[Symbol.asyncDispose]()
  rmSync(dataDir, { recursive: true })
})

/** The settings with which a page starts the service, before `npm start`. */
const settingsOf = (page: string): Readonly<Record<string, string>> => {
  const { text = "" } = blocksIn(page).find(({ text }) => /npm start$/m.test(text)) ?? {}
  return Object.fromEntries(
    [...text.matchAll(/([A-Z_]+)='?([^\s']+)'?/g)].map(([, name, value]) => [name, value]),
  )
}

/** What a reader does with a command: puts in what earlier answers gave. */
const filledIn = (text: string): string =>
  text.replaceAll(DOCUMENTED_URL, platform.url).replaceAll(/\w+…/g, (name) => {
    const value = placeholders.get(name)
    if (value === undefined) throw new Error(`no answer before gave ${name}`)
    return value
  })

const variables = () => {
  const { compliance, ledger, banks } = platform.sandbox
  return { COMPLIANCE: compliance, LEDGER: ledger, NORTH: banks.north, WEST: banks.west }
}

/** How an answer differs from all that the page shows for its command. */
const differences = ({ answers }: DocumentedCommand, answer: CurlAnswer): ReadonlyArray<string> => {
  const { status, text } = answer
  if (!answers.some((shown) => shown.status !== undefined) && (status < 200 || status > 299))
    return [`the status is ${status}: ${text}`]
  const found = answers.map((shown) => differencesOfAnswer(shown, answer))
  return found.some((one) => one.length === 0) ? [] : found.flat()
}

const differencesOfAnswer = (
  { status = 0, shown, lines }: DocumentedAnswer,
  answer: CurlAnswer,
): ReadonlyArray<string> => {
  if (status !== 0 && status !== answer.status) return [`the status is ${answer.status}: ${answer.text}`]
  if (lines !== undefined) return differencesOfText(lines, answer.text)
  if (shown === undefined) return []
  if (!/[/+]json$/.test(answer.contentType)) return [`the answer is ${answer.contentType}`]
  return differencesOf(shown, JSON.parse(answer.text), placeholders)
}

const isRead = ({ text }: DocumentedCommand): boolean => !/\s(-X|-d|--request|--data\S*)\s/.test(text)

const run = async (command: DocumentedCommand): Promise<ReadonlyArray<string>> => {
  const filled = filledIn(command.text)
  const until = Date.now() + AS_SHOWN_MS_MAX
  for (;;) {
    const found = differences(command, await runCurl(filled, variables(), program))
    if (found.length === 0 || !isRead(command) || Date.now() > until) return found
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

describe.each(pages)("the commands of %s", (page) => {
  const commands = commandsOf(page, read(page))

  it.each(commands.map((command) => [command.place, command] as const))(
    "get what it shows: %s",
    async (_, command) => {
      expect(await run(command)).toEqual([])
    },
  )

  it("are all that it has", () => {
    const lines = read(page)
      .split("\n")
      .flatMap((line, index) => (/\bcurl [^`]/.test(line) ? [`${page}:${index + 1}`] : []))
    expect(commands.map(({ place }) => place)).toEqual(lines)
  })
})

describe("docs/API.md", () => {
  /** A resolution needs an item whose outcome is in doubt, which the sandbox's banks leave only in bad weather. */
  const without = ["resolveItem"]

  it("shows a command for each operation that partners and people call", () => {
    const called = commandsOf("docs/API.md", read("docs/API.md")).map(({ text }) => {
      const [, path = ""] = new RegExp(`${DOCUMENTED_URL}([^\\s'?]*)`).exec(text) ?? []
      const [, method = /\s(-d|--data\S*)\s/.test(text) ? "POST" : "GET"] = /\s-X (\w+)/.exec(text) ?? []
      return `${method} ${path}`
    })
    const missing = definitions.filter(({ method, path, guard }) => {
      const pattern = new RegExp(`^${method} ${path.replaceAll(/:\w+/g, "[^/]+")}$`)
      return typeof guard.access === "object" && !called.some((one) => pattern.test(one))
    })
    expect(missing.map(({ operationId }) => operationId)).toEqual(without)
  })
})
