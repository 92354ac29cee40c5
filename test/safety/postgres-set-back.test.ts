/** A Postgres that comes back older than it was: no file is written again, and nobody is paid twice by the bank's books. */
import { mkdtempSync, readdirSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import postgres from "postgres"
import { expect, it } from "vitest"
import { type BankBooks, eventually, PlatformUnderTest } from "../platform-under-test.ts"
import { SetBackServer } from "./set-back-server.ts"

const payouts = (names: ReadonlyArray<string>) => ({
  items: names.map((name, index) => ({
    reference: `invoice-${index + 1}`,
    amount: { currency: "EUR", value: `${index + 1}.00` },
    beneficiary: { name, account: { scheme: "iban", iban: "DE89370400440532013000" } },
  })),
})

/** The settings of a service whose one bank takes files from a folder. */
const throughFiles = (platform: PlatformUnderTest, folder: string) => {
  const { COMPLIANCE_URL: compliance, LEDGER_URL: ledger } = platform.environment
  const debtor = { name: "Atlas Marketplace", account: { scheme: "iban", iban: "NL91ABNA0417164300" } }
  const clearing = { name: "clearing", kind: "files", folder, debtor, everyMs: 100, pollMs: 50 }
  const file = join(folder, "providers.json")
  writeFileSync(
    file,
    JSON.stringify({
      version: "test",
      compliance: { url: compliance },
      ledger: { url: ledger },
      banks: [clearing],
      routes: [{ rule: "all", banks: ["clearing"] }],
    }),
  )
  return { PROVIDERS_FILE: file }
}

const ordersWaiting = async (url: string): Promise<number> => {
  const sql = postgres(url, { max: 1, onnotice: () => {} })
  try {
    const [row] = await sql`select count(*)::int as waiting from file_orders where file is null`
    return row?.waiting ?? 0
  } finally {
    await sql.end()
  }
}

it("a file that was written before Postgres was set back is not written again", {
  timeout: 120_000,
}, async () => {
  await using database = await SetBackServer.start("postgres")
  const folder = mkdtempSync(join(tmpdir(), "clearing-"))
  await using platform = await PlatformUnderTest.open(
    { DATABASE_URL: database.url },
    { clearingFolder: folder },
  )
  const environment = throughFiles(platform, folder)
  const taken = () => readdirSync(join(folder, "taken")).filter((name) => name.includes("pain.001"))

  // Nobody writes files until the store is copied with the orders that wait for theirs.
  const worker = await platform.start({ ...environment, ROLES: "api,worker" })
  const first = await platform.submit("first", payouts(["Ada Lovelace", "Grace Hopper"]))
  await eventually("both orders wait", async () => (await ordersWaiting(database.url)) === 2)
  await worker.stop()
  await database.remember()
  const writer = await platform.start({ ...environment, ROLES: "api,bank-files" })
  await eventually("the bank has paid", async () =>
    (await platform.books()).some(({ transfers }) => transfers.filter(isPaid).length === 2),
  )
  const written = taken()
  await writer.stop()

  await database.setBack()
  expect(await ordersWaiting(database.url)).toBe(2)
  const service = await platform.start(environment)
  await eventually("it is said", async () =>
    service.lines.some((line) => line.includes("the store of orders is older than it was")),
  )
  const second = await platform.submit("second", payouts(["Emmy Noether"]))
  expect((await platform.closed(second)).state).toBe("settled")
  expect((await platform.closed(first)).state).toBe("settled")

  expect(written).toHaveLength(1)
  expect(taken()).toHaveLength(2)
  const books = (await platform.books()).find(({ transfers }) => transfers.length > 0)
  expect(books?.transfers.map(({ payments }) => payments)).toEqual([1, 1, 1])
  expect(books?.paidTwice).toBe(0)
})

const isPaid = ({ payments }: BankBooks["transfers"][number]): boolean => payments === 1
