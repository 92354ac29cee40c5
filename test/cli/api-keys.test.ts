/** Partners and keys at the command line. */
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest"
import { ownDatabase } from "../database.ts"
import { masterKeys, ownPrefix } from "../settings.ts"
import { atlaspay } from "./atlaspay-process.ts"

let database: Awaited<ReturnType<typeof ownDatabase>>
let stores: Readonly<Record<string, string>>
beforeAll(async () => {
  database = await ownDatabase()
  stores = {
    REDIS_URL: inject("redisUrl"),
    DATABASE_URL: database.url,
    STREAM_PREFIX: ownPrefix(),
    MASTER_KEYS: masterKeys,
  }
})
afterAll(() => database.drop())

const run = async (...args: ReadonlyArray<string>) => {
  const process = atlaspay(stores, ...args)
  return { ...(await process.end()), output: process.output() }
}

/** The lines of a command that succeeds. */
const linesOf = async (...args: ReadonlyArray<string>) => {
  const { status, lines, output } = await run(...args)
  expect(status, output).toBe(0)
  return lines
}

describe("atlaspay partners, api-keys and audit", { timeout: 120_000 }, () => {
  it("take a key through its life", async () => {
    expect(await linesOf("partners", "create", "--partner", "acme", "--title", "Acme Ltd")).toEqual([
      "Created: acme",
    ])
    const [key = "", advice] = await linesOf(
      ...["api-keys", "create", "--partner", "acme", "--name", "payroll"],
      ...[
        "--scopes",
        "batches:read, batches:write",
        "--networks",
        "203.0.113.0/24",
        "--expires",
        "2099-01-01",
      ],
    )
    expect(key).toMatch(/^ap_[a-z]{16}_[0-9A-Za-z]{49}$/)
    expect(advice).toBe("Keep it now: it is stored nowhere, and is not shown again.")
    const id = key.slice(3, 19)
    expect((await linesOf("api-keys", "list")).join("\n")).toMatch(
      new RegExp(`^${id} +partner:acme/payroll +active +batches:read,batches:write +never used$`),
    )
    const shown = (await linesOf("api-keys", "show", id)).join("\n")
    expect(JSON.parse(shown)).toMatchObject({
      id,
      networks: ["203.0.113.0/24"],
      createdBy: expect.stringMatching(/^cli:/),
    })
    expect(shown).not.toContain(key.slice(20))

    const [rotated = ""] = await linesOf("api-keys", "rotate", id, "--overlap-hours", "1", "--json")
    expect(JSON.parse(rotated)).toMatchObject({ replaces: id, replaced: { id, endsAt: expect.any(String) } })
    await linesOf("partners", "suspend", "--partner", "acme", "--reason", "investigation")
    expect(JSON.parse((await linesOf("partners", "list", "--json"))[0] ?? "")).toMatchObject({
      id: "acme",
      name: "Acme Ltd",
      state: "suspended",
    })
    await linesOf("partners", "resume", "--partner", "acme")
    const acts = (await linesOf("audit", "--json")).map((line) => JSON.parse(line).act)
    expect(acts).toEqual([
      "partner.resume",
      "partner.suspend",
      "api-key.create",
      "api-key.rotate",
      "api-key.create",
      "partner.create",
    ])
  })

  it("take an operator's token, a partner's contract and a key of the vault through theirs", async () => {
    const [token = ""] = await linesOf(
      "api-keys",
      "create",
      "--operator",
      "olga",
      "--roles",
      "reviewer,auditor",
    )
    expect(token).toMatch(/^apo_[a-z]{16}_[0-9A-Za-z]{49}$/)
    const shown = JSON.parse((await linesOf("api-keys", "show", token.slice(4, 20))).join("\n"))
    expect(shown).toMatchObject({ credential: "operator:olga", roles: ["reviewer", "auditor"], scopes: [] })
    await linesOf("partners", "create", "--partner", "contracted")
    expect(await linesOf("partners", "contract", "--partner", "contracted", "--operates", "review")).toEqual([
      "contracted may decide about its batches: review",
    ])
    await linesOf("partners", "contract", "--partner", "contracted", "--operates", "none")
    await linesOf("keys", "rotate", "--partner", "contracted")
    const about = async (subject: string) =>
      (await linesOf("audit", "--json", "--subject", subject)).map((line) => JSON.parse(line))
    expect(await about("partner:contracted")).toMatchObject([
      { act: "partner.contract", before: { operates: ["review"] }, who: expect.stringMatching(/^cli:/) },
      { act: "partner.contract", after: { operates: ["review"] } },
      { act: "partner.create" },
    ])
    expect(await about("vault-keys:contracted")).toMatchObject([
      { act: "vault-keys.rotate", before: null, after: { keys: [{ master: expect.any(String) }] } },
      { act: "vault-keys.rotate.begin", before: null, after: null },
    ])
  })

  it.each([
    [["api-keys", "create", "--scopes", "review"], "Say whose key it is"],
    [["api-keys", "create", "--operator", "olga", "--scopes", "pay"], "scopes: expected some of approve"],
    [
      ["api-keys", "create", "--partner", "nobody", "--name", "a", "--scopes", "batches:read"],
      "There is no such partner.",
    ],
    [["api-keys", "revoke", "a".repeat(16)], "There is no such API key."],
    [["api-keys", "show", "ap_something"], "never the key itself"],
    [
      ["partners", "create", "--partner", "iban", "--title", "DE89370400440532013000"],
      "no account number, and no more than seven digits",
    ],
    [["partners", "suspend", "--partner", "acme", "--reason", ""], "expected 1 to 280 plain characters"],
  ])("refuse %j, and say why", async (args, reason) => {
    const { status, output } = await run(...args)
    expect(status).toBe(1)
    expect(output).toContain(reason)
  })
})
