/** A whole platform with a Formance ledger: batches are paid through it, and `atlaspay reconcile` sees what somebody changes there. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, it, vi } from "vitest"
import { payout } from "../http/payout-batches/payout-batch-body.ts"
import { eventually, PlatformUnderTest } from "../platform-under-test.ts"
import { isPublishedDataThere, publishedFile } from "../published-data.ts"
import { atlaspay } from "./atlaspay-process.ts"

const names = ["Erika Mustermann", "Ralf Returned", "Clara Closed"]
const folder = mkdtempSync(join(tmpdir(), "formance-"))
/** Within which time all is posted, and how often the ledger is asked. */
const POSTED = { timeout: 50_000, interval: 50 }
let platform: PlatformUnderTest
let batch: string
let day: string

const ledger = () => platform.sandbox.twins?.formance ?? ""
const ask = async (path: string, method = "GET") => {
  const answer = await fetch(`${ledger()}${path}`, { method })
  return JSON.parse(await answer.text())
}
const balances = async () => {
  const { accounts } = await ask("/books?summary=true")
  return Object.fromEntries(
    accounts
      .filter(({ account, balance }: Account) => account.startsWith("partners:") && balance !== "0")
      .map(({ account, balance }: Account) => [account, balance]),
  )
}
interface Account {
  readonly account: string
  readonly balance: string
}

const reconcile = async () => {
  const run = atlaspay(
    { ...platform.environment, ATLASPAY_DATA: folder },
    ...["reconcile", "--day", day, "--json"],
  )
  const { status, lines } = await run.end()
  const { discrepancies = [] } = JSON.parse(lines.findLast((line) => line.startsWith("{")) ?? "{}")
  const kinds = discrepancies.map(
    ({ kind, item }: { kind: string; item?: number }) => `${kind} ${item ?? "-"}`,
  )
  return { status, output: run.output(), kinds: kinds.sort() }
}

beforeAll(async () => {
  const documents = isPublishedDataThere ? publishedFile("openapi") : undefined
  platform = await PlatformUnderTest.open(
    {},
    { returnAfterMs: 50, twins: ["formance"], documents, funds: 1_000n },
  )
  const { compliance, banks } = platform.sandbox
  const PROVIDERS_FILE = join(folder, "providers.json")
  const document = {
    version: "formance",
    compliance: { url: compliance },
    ledger: { kind: "formance", url: ledger(), ledger: "payouts" },
    banks: [{ name: "north", kind: "instant", url: banks.north }],
    routes: [{ rule: "all", banks: ["north"] }],
  }
  writeFileSync(PROVIDERS_FILE, JSON.stringify(document))
  const north = platform.environment.BANK_CALLBACK_SECRET?.split(",")[0] ?? ""
  Object.assign(platform.environment, { PROVIDERS_FILE, BANK_CALLBACK_SECRET: north })
  await platform.start()
  batch = await platform.submit("formance", {
    items: names.map((name, index) =>
      payout(`${index}`, { beneficiary: { ...payout("").beneficiary, name } }),
    ),
  })
  await platform.closed(batch)
  await eventually("the payment that came back is reversed", async () => {
    const { items } = await platform.get<{ items: ReadonlyArray<{ ledger: string }> }>(
      `/payout-batches/${batch}/items`,
    )
    return items[1]?.ledger === "reversed"
  })
  day = new Date().toISOString().slice(0, 10)
}, 120_000)
afterAll(async () => {
  await platform[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

it("has in the ledger what was paid, and nothing held", async () => {
  const paid = { "partners:acme:available": "98766", [`partners:acme:paid:${batch}`]: "1234" }
  // One item's money is back before the other's is posted, or what failed is released.
  await vi.waitFor(async () => expect(await balances()).toEqual(paid), POSTED)
  if (isPublishedDataThere) expect((await ask("/sandbox/breaches")).shown).toEqual([])
})

it("agrees with the ledger, until somebody reverts a transaction there", { timeout: 180_000 }, async () => {
  const before = await reconcile()
  expect(before.status, before.output).toBe(0)
  const { transactions } = await ask("/books")
  const posted = transactions.find(
    ({ metadata }: { metadata: Record<string, string> }) =>
      metadata.kind === "post" && metadata.items?.split(",").includes("1"),
  )
  await ask(`/v2/payouts/transactions/${posted.id}/revert?force=true`, "POST")
  const after = await reconcile()
  expect(after.status, after.output).not.toBe(0)
  expect(after.kinds).toEqual(expect.arrayContaining(["settled-not-posted 1", "statement-not-used -"]))
})
