/** The whole service before providers that want to know who calls; their own books say what was paid. */
import { mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Agent, fetch as fetchBy } from "undici"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { newAuthority } from "../certificates.ts"
import { atlaspay } from "../cli/atlaspay-process.ts"
import {
  type BankBooks,
  type BatchView,
  eventually,
  PlatformUnderTest,
  type Service,
} from "../platform-under-test.ts"

/** What may be seen nowhere. */
const canary = "canary-2b7d90e4c1f84a35"
const secrets = {
  compliance: `${canary}-compliance`,
  ledger: `${canary}-ledger`,
  north: `${canary}-north`,
  south: Buffer.from(`${canary}-south`).toString("base64"),
  west: `${canary}-west`,
}

const folder = mkdtempSync(join(tmpdir(), "access-"))
const file = (name: string, text: string) => {
  const path = join(folder, name)
  writeFileSync(path, text)
  return { file: path }
}

const authority = newAuthority("The bank's own authority")
const atBank = authority.issue("north", ["127.0.0.1"])
const ours = authority.issue("atlaspay")
const dispatcher = new Agent({ connect: { ca: authority.cert, ...ours } })

const doors = {
  compliance: { bearer: secrets.compliance },
  ledger: { basic: { user: "atlas", password: secrets.ledger } },
  north: {
    oauth2: { clientId: "atlas", clientSecret: secrets.north, scope: "payments", lifetimeS: 2 },
    tls: { ...atBank, clientCa: authority.cert },
  },
  south: { hmac: { keyId: "atlas-1", secret: secrets.south } },
  west: { header: { name: "X-Api-Key", value: secrets.west } },
}

let platform: PlatformUnderTest
let service: Service
let environment: Readonly<Record<string, string>>
beforeAll(async () => {
  platform = await PlatformUnderTest.open({}, { doors })
  const { compliance, ledger, banks } = platform.sandbox
  const tls = { ca: file("ca", authority.cert), cert: file("crt", ours.cert), key: file("key", ours.key) }
  const document = {
    version: "test",
    compliance: {
      url: compliance,
      auth: { kind: "bearer", token: file("compliance", `${secrets.compliance}\n`) },
    },
    ledger: { url: ledger, auth: { kind: "basic", user: "atlas", password: { env: "LEDGER_PASSWORD" } } },
    banks: [
      {
        name: "north",
        kind: "instant",
        url: banks.north,
        tls,
        auth: {
          kind: "oauth2",
          tokenUrl: `${banks.north}/oauth/token`,
          clientId: "atlas",
          clientSecret: file("north", secrets.north),
          scope: "payments",
        },
      },
      {
        name: "south",
        kind: "instant",
        url: banks.south,
        auth: { kind: "hmac", keyId: "atlas-1", secret: { env: "SOUTH_KEY" } },
      },
      {
        name: "west",
        kind: "synchronous",
        url: banks.west,
        auth: { kind: "header", name: "X-Api-Key", value: file("west", secrets.west) },
      },
    ],
    routes: [
      { rule: "euros", when: { currency: ["EUR"] }, banks: ["north"] },
      { rule: "pounds", when: { currency: ["GBP"] }, banks: ["south"] },
      { rule: "rest", banks: ["west"] },
    ],
  }
  environment = {
    PROVIDERS_FILE: file("providers.json", JSON.stringify(document)).file,
    LEDGER_PASSWORD: secrets.ledger,
    SOUTH_KEY: secrets.south,
  }
  service = await platform.start(environment)
}, 60_000)
afterAll(async () => {
  await dispatcher.close()
  await platform[Symbol.asyncDispose]()
})

const account = { scheme: "iban", iban: "DE89370400440532013000" }
const currencies = ["EUR", "GBP", "SEK"]
const payouts = (names: ReadonlyArray<string>, of = currencies) => ({
  items: names.flatMap((name, index) =>
    of.map((currency) => ({
      reference: `${name}-${index}-${currency}`,
      amount: { currency, value: `${index + 1}.00` },
      beneficiary: { name, account },
    })),
  ),
})

/** North's own books, behind its door as they are. */
const northBooks = async (): Promise<BankBooks> => {
  const { north } = platform.sandbox.banks
  const basic = Buffer.from(`atlas:${secrets.north}`).toString("base64")
  const granted = await fetchBy(`${north}/oauth/token`, {
    method: "POST",
    dispatcher,
    headers: { authorization: `Basic ${basic}` },
    body: new URLSearchParams({ grant_type: "client_credentials", scope: "payments" }),
  })
  const { access_token } = (await granted.json()) as { access_token: string }
  const books = await fetchBy(`${north}/books`, {
    dispatcher,
    headers: { authorization: `Bearer ${access_token}` },
  })
  return (await books.json()) as BankBooks
}

const westBooks = async (): Promise<BankBooks> => {
  const books = await fetch(`${platform.sandbox.banks.west}/books`, {
    headers: { "x-api-key": secrets.west },
  })
  return (await books.json()) as BankBooks
}

const isQuiet = (text: string) =>
  [canary, ...Object.values(secrets)].every((secret) => !text.includes(secret)) &&
  !/Bearer |Basic /.test(text)

describe("providers that want to know who calls", () => {
  it("pay a batch once, with a token that ends many times meanwhile, and agree with the log", async () => {
    const id = await platform.submit("known", payouts(["Ada Lovelace", "Tim Timeout"]))
    expect((await platform.closed(id)).state).toBe("settled")
    const again = await platform.submit("known-again", payouts(["Ada Lovelace"], ["EUR"]))
    expect((await platform.closed(again)).state).toBe("settled")
    const north = await northBooks()
    expect(north.paidTwice).toBe(0)
    expect(north.transfers.map(({ payments }) => payments)).toEqual([1, 1, 1])
    expect((await westBooks()).transfers.map(({ payments }) => payments)).toEqual([1, 1])
    // South knows a nonce once, so whoever reads its books has to sign anew: the command does.
    await eventually("the banks are at rest", async () => (await northBooks()).outstanding === 0)
    const day = new Date().toISOString().slice(0, 10)
    const run = atlaspay(
      { ...platform.environment, ...environment, ATLASPAY_DATA: folder },
      ...["reconcile", "--day", day, "--json"],
    )
    const { status, lines } = await run.end()
    expect(run.output()).toSatisfy(isQuiet)
    expect(status, run.output()).toBe(0)
    const { compared } = JSON.parse(lines.findLast((line) => line.startsWith("{")) ?? "{}")
    expect(compared).toMatchObject({ batches: 2, statementEntries: 7 })
  }, 60_000)

  it("take nothing when the token's server refuses us; what waits is paid once it does not", async () => {
    writeFileSync(join(folder, "north"), `${canary}-wrong`)
    let id: string | undefined
    const stateOf = async (batch: string) => (await platform.get<BatchView>(`/payout-batches/${batch}`)).state
    await eventually("the token has ended", async () => {
      if (id === undefined || (await stateOf(id)) === "settled")
        id = await platform.submit(`while-${Date.now()}`, payouts(["Ada Lovelace"], ["EUR"]))
      const answer = await fetch(`${service.operationsUrl}/providers`)
      const { providers } = (await answer.json()) as {
        providers: ReadonlyArray<{
          name: string
          workers: ReadonlyArray<{ lastFailure: { kind: string } | null }>
        }>
      }
      const north = providers.find(({ name }) => name === "north")
      return north?.workers[0]?.lastFailure?.kind === "no-credentials"
    })
    const { transfers } = await northBooks()
    const refused = await platform.submit("refused", payouts(["Grace Hopper", "Alan Turing"], ["EUR"]))
    writeFileSync(join(folder, "north"), secrets.north)
    expect((await platform.closed(refused)).state).toBe("settled")
    await eventually("all is paid", async () => (await northBooks()).outstanding === 0)
    const after = await northBooks()
    expect(after.paidTwice).toBe(0)
    expect(after.transfers.length).toBeGreaterThanOrEqual(transfers.length + 2)
    expect(after.transfers.every(({ payments }) => payments === 1)).toBe(true)
  }, 60_000)

  it("leave nothing of their secrets in logs, metrics, reports and the environment of what is told", async () => {
    const told = [
      ...service.lines,
      await (await fetch(`${service.operationsUrl}/metrics`)).text(),
      await (await fetch(`${service.operationsUrl}/providers`)).text(),
    ].join("\n")
    expect(told).toContain("no-credentials")
    expect(told).toSatisfy(isQuiet)
  })
})
