/** A batch through a bank that takes files, with a service that is killed meanwhile: paid once, told to the end, reconciled. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, it } from "vitest"
import { atlaspay } from "../cli/atlaspay-process.ts"
import { eventually, PlatformUnderTest } from "../platform-under-test.ts"
import { schemaProblems } from "../providers/iso20022/payment-initiation-schema.ts"
import { isPublishedDataThere } from "../published-data.ts"

const names = [
  "Ada Lovelace",
  "Grace Hopper",
  "Clara Closed",
  "Ralf Returned",
  "Ivo Insufficient",
  "Ада Лавлейс",
]

const payouts = {
  items: Array.from({ length: 30 }, (_, index) => ({
    reference: `invoice-${index + 1}`,
    amount: { currency: "EUR", value: `${index + 1}.00` },
    beneficiary: {
      name: `${names[index % names.length]}`,
      account: { scheme: "iban", iban: "DE89370400440532013000" },
    },
  })),
}

it("a batch is paid once through files, also when the service is killed meanwhile", {
  timeout: 90_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), "clearing-"))
  await using platform = await PlatformUnderTest.open({}, { clearingFolder: folder })
  const { COMPLIANCE_URL: compliance, LEDGER_URL: ledger } = platform.environment
  const providers = join(folder, "providers.json")
  const debtor = { name: "Atlas Marketplace", account: { scheme: "iban", iban: "NL91ABNA0417164300" } }
  const clearing = { name: "clearing", kind: "files", folder, debtor, everyMs: 300, ordersMax: 4, pollMs: 50 }
  const document = {
    version: "test",
    compliance: { url: compliance },
    ledger: { url: ledger },
    banks: [clearing],
    routes: [{ rule: "all", banks: ["clearing"] }],
  }
  writeFileSync(providers, JSON.stringify(document))
  const environment = { PROVIDERS_FILE: providers }

  const doomed = await platform.start(environment)
  const id = await platform.submit("through-files", payouts)
  await eventually("files are taken", async () => readdirSync(join(folder, "taken")).length > 0)
  doomed.signal("SIGKILL")
  await doomed.ended
  await platform.start(environment)
  expect((await platform.closed(id)).state).toBe("partially-settled")
  await eventually("the bank has nothing more to tell", async () => {
    const log = await platform.get<{ readonly events: ReadonlyArray<{ readonly type: string }> }>(
      `/payout-batches/${id}/events?after=0&limit=500`,
    )
    return log.events.filter(({ type }) => type === "TransferReturned").length === 5
  })

  const books = (await platform.books()).find(({ transfers }) => transfers.length > 0)
  const statuses = Map.groupBy(books?.transfers ?? [], ({ status }) => status)
  expect(Object.fromEntries([...statuses].map(([status, rows]) => [status, rows.length]))).toEqual({
    settled: 15,
    rejected: 10,
    returned: 5,
  })
  expect(books?.paidTwice).toBe(0)
  expect(readdirSync(join(folder, "quarantine"))).toEqual([])
  const files = readdirSync(join(folder, "taken")).map((name) =>
    readFileSync(join(folder, "taken", name), "utf8"),
  )
  if (isPublishedDataThere) expect(await schemaProblems(files)).toEqual([])

  await eventually("what came back is reversed", async () => {
    const { items } = await platform.get<{ readonly items: ReadonlyArray<{ readonly ledger: string }> }>(
      `/payout-batches/${id}/items?limit=100`,
    )
    return items.filter(({ ledger }) => ledger === "reversed").length === 5
  })
  await platform.endDay()
  const statement = await statementIn(join(folder, "archive"))
  const reconciled = (content: string) => reconcile({ ...platform.environment, ...environment }, content)
  expect(await reconciled(statement)).toMatchObject({ discrepancies: [], compared: { statementEntries: 25 } })
  const paid = statuses.get("settled")?.[0]?.reference ?? ""
  const withoutOne = statement.replace(/<Ntry>.*?<\/Ntry>/gs, (entry) => (entry.includes(paid) ? "" : entry))
  const { discrepancies } = await reconciled(withoutOne)
  expect(discrepancies.map(({ kind }) => kind)).toEqual(["settled-not-paid"])
})

const statementIn = async (archive: string): Promise<string> => {
  const find = () => readdirSync(archive).find((name) => name.endsWith(".camt.053.xml"))
  await eventually("the statement is there", async () => find() !== undefined)
  return readFileSync(join(archive, find() ?? ""), "utf8")
}

interface Reconciled {
  readonly compared: Readonly<Record<string, number>>
  readonly discrepancies: ReadonlyArray<{ readonly kind: string }>
}

/** Reconciles today with a statement of the bank that takes files. */
const reconcile = async (environment: Readonly<Record<string, string>>, statement: string) => {
  const folder = mkdtempSync(join(tmpdir(), "statements-"))
  mkdirSync(join(folder, "clearing"))
  writeFileSync(join(folder, "clearing", "today.xml"), statement)
  const today = new Date().toISOString().slice(0, 10)
  const run = atlaspay(
    { ...environment, ATLASPAY_DATA: folder },
    ...["reconcile", "--day", today, "--statements", folder, "--json"],
  )
  const { lines } = await run.end()
  const json = lines.findLast((line) => line.startsWith("{"))
  if (json === undefined) throw new Error(run.output())
  return JSON.parse(json) as Reconciled
}
