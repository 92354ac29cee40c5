/** `atlaspay reconcile` against a whole platform, whose outside world is then tampered with. */
import { mkdtempSync, readFileSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { jetstreamManager } from "@nats-io/jetstream"
import { connect } from "@nats-io/transport-node"
import { Effect, Layer } from "effect"
import postgres from "postgres"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { BatchId, parseTransferReference, transferReference } from "../../src/domain/identifiers.ts"
import { serversIn } from "../../src/platform/nats-address.ts"
import { showLast } from "../../src/reconciliation/discrepancy-gauge.ts"
import { layer as resultsInPostgres } from "../../src/reconciliation/results-postgres.ts"
import { freshMetrics, Metrics } from "../../src/telemetry/metrics.ts"
import { databaseLayer } from "../database.ts"
import { payout } from "../http/payout-batches/payout-batch-body.ts"
import { API_KEY, type BankBooks, eventually, PlatformUnderTest } from "../platform-under-test.ts"
import { settings } from "../settings.ts"
import { atlaspay } from "./atlaspay-process.ts"

const names = ["Erika Mustermann", "Ralf Returned", "Clara Closed"]

let platform: PlatformUnderTest
let batch: string
let day: string
const folder = mkdtempSync(join(tmpdir(), "reconcile-"))
const csv = join(folder, "discrepancies.csv")

const reconcile = async (environment: Readonly<Record<string, string>> = {}, asked = day) => {
  const run = atlaspay(
    { ...platform.environment, ATLASPAY_DATA: folder, ...environment },
    ...["reconcile", "--day", asked, "--json", "--csv", csv],
  )
  const { status, lines } = await run.end()
  return {
    status,
    output: run.output(),
    json: JSON.parse(lines.findLast((line) => line.startsWith("{")) ?? "{}"),
  }
}

const kindsOf = ({ json }: Awaited<ReturnType<typeof reconcile>>) =>
  json.discrepancies.map(({ kind, item }: { kind: string; item?: number }) => `${kind} ${item ?? "-"}`).sort()

const post = (url: string, key: string, body: unknown) =>
  fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", "idempotency-key": key },
    body: JSON.stringify(body),
  })

const north = () => /north=([^,]+)/.exec(platform.environment.BANKS ?? "")?.[1] ?? ""
const ledger = () => platform.environment.LEDGER_URL ?? ""

/** Pays at the bank, behind the back of everybody. */
const payDirectly = (reference: string) =>
  post(`${north()}/instant-transfer`, `direct-${reference}`, {
    reference,
    amount: { currency: "EUR", value: "12.34" },
    beneficiary: { name: "Mallory", account: { iban: "DE89370400440532013000" } },
  })

const banksAtRest = () =>
  eventually("the banks are at rest", async () =>
    (await platform.books()).every(({ outstanding }: BankBooks) => outstanding === 0),
  )

const rowsStored = async () => {
  const sql = postgres(platform.environment.DATABASE_URL ?? "", { max: 1 })
  const rows = await sql`select kind, item from reconciliation_discrepancies order by kind, item`
  const [run] = await sql`select discrepancies from reconciliation_runs`
  await sql.end()
  return { rows: rows.map(({ kind, item }) => `${kind} ${item ?? "-"}`).sort(), noted: run?.discrepancies }
}

const eventsTold = async () => {
  const connection = await connect(serversIn(platform.environment.NATS_URL ?? ""))
  const manager = await jetstreamManager(connection)
  const { state } = await manager.streams.info(`${platform.environment.NATS_STREAM}_RECONCILIATION`, {
    subjects_filter: ">",
  })
  await connection.close()
  return { count: state.messages, subjects: Object.keys(state.subjects ?? {}) }
}

/** What `/metrics` shows of the last run, without the kinds that were not found. */
const gauge = () =>
  Effect.gen(function* () {
    yield* showLast
    const { discrepancies } = yield* Metrics
    const { values } = yield* Effect.promise(() => discrepancies.get())
    return Object.fromEntries(
      values.filter(({ value }) => value > 0).map(({ labels, value }) => [labels.kind, value]),
    )
  }).pipe(
    Effect.provide(resultsInPostgres.pipe(Layer.provide(Layer.fresh(databaseLayer)))),
    Effect.provide([settings({ DATABASE_URL: platform.environment.DATABASE_URL ?? "" }), freshMetrics]),
    Effect.runPromise,
  )

beforeAll(async () => {
  platform = await PlatformUnderTest.open({}, { returnAfterMs: 50 })
  await platform.start()
  batch = await platform.submit("reconciled", {
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
  await banksAtRest()
  day = new Date().toISOString().slice(0, 10)
}, 60_000)
afterAll(() => platform[Symbol.asyncDispose]())

it("finds that all agree", async () => {
  const run = await reconcile()
  expect(run.status, run.output).toBe(0)
  expect(run.json).toMatchObject({ day, discrepancies: [] })
  expect(run.json.compared).toMatchObject({ batches: 1, statementEntries: 3 })
  expect(await rowsStored()).toEqual({ rows: [], noted: 0 })
  expect(await gauge()).toEqual({})
  expect(readFileSync(csv, "utf8").split("\r\n")).toHaveLength(2)
})

it("is beside `batches item`, which shows what banks reported of an item", async () => {
  const reference = transferReference({ batch: BatchId.make(batch), item: 2, attempt: 1 })
  const sql = postgres(platform.environment.DATABASE_URL ?? "", { max: 1 })
  await sql`insert into bank_remarks (bank, digest, reference, kind, remark)
    values ('north', 'x', ${reference}, 'charge', '1.50 EUR (10.84 EUR for 12.34 EUR)')`
  await sql.end()
  const show = async (item: string, ...flags: ReadonlyArray<string>) => {
    const run = atlaspay(
      { ATLASPAY_URL: platform.url, ATLASPAY_API_KEY: API_KEY, ATLASPAY_DATA: folder },
      ...["batches", "item", batch, item, ...flags],
    )
    const { status } = await run.end()
    return { status, output: run.output() }
  }
  const shown = await show("2")
  expect(shown.status, shown.output).toBe(0)
  expect(shown.output).toContain("12.34 EUR  returned")
  expect(shown.output).toContain("1.50 EUR (10.84 EUR for 12.34 EUR)")
  expect((await show("1")).output).toContain("no bank reported reasons, charges or rates")
  const { output } = await show("2", "--json")
  expect(JSON.parse(output.split("\n").find((line) => line.startsWith("{")) ?? "{}")).toMatchObject({
    item: 2,
    bankRemarks: [{ bank: "north", attempt: 1, kind: "charge", amount: { currency: "EUR", value: "1.50" } }],
  })
  expect((await show("4")).status).toBe(1)
})

describe("after somebody has tampered with the world", () => {
  const expected = [
    "paid-twice 1",
    "payment-unknown -",
    "payment-unknown -",
    "reversed-not-returned 1",
    "settled-not-posted 1",
  ]

  /** The ledger, as one would see it that has lost what it posted for item 1. */
  const forgetful = createServer(async (request, response) => {
    const books = (await (await fetch(`${ledger()}${request.url}`)).json()) as {
      postings: ReadonlyArray<{ kind: string; lines: ReadonlyArray<{ item: number }> }>
    }
    const postings = books.postings.map((posting) =>
      posting.kind === "post"
        ? { ...posting, lines: posting.lines.filter(({ item }) => item !== 1) }
        : posting,
    )
    response
      .setHeader("content-type", "application/json")
      .end(JSON.stringify({ ...books, postings: postings.filter(({ lines }) => lines.length > 0) }))
  })
  let environment: Readonly<Record<string, string>>

  beforeAll(async () => {
    const paid = (await platform.books())
      .flatMap(({ transfers }) => transfers)
      .find(({ reference }) => parseTransferReference(reference)?.item === 1)
    const key = parseTransferReference(paid?.reference ?? "")
    if (paid === undefined || key === undefined) throw new Error("item 1 was paid")
    await payDirectly(paid.reference)
    await payDirectly("=1+1")
    await payDirectly(transferReference({ ...key, item: 3, attempt: 9 }))
    await post(`${ledger()}/postings`, "direct", {
      kind: "reverse",
      partner: "acme",
      batch,
      lines: [{ item: 1, amount: paid.amount }],
    })
    await banksAtRest()
    await new Promise<void>((listening) => forgetful.listen(0, "127.0.0.1", listening))
    environment = { LEDGER_URL: `http://127.0.0.1:${(forgetful.address() as AddressInfo).port}` }
  })
  afterAll(() => new Promise((closed) => forgetful.close(closed)))

  it("ends with 1 and names each difference: on the screen, as rows, in a file, as events", async () => {
    const run = await reconcile(environment)
    expect(run.status, run.output).toBe(1)
    expect(kindsOf(run)).toEqual(expected)
    expect(await rowsStored()).toEqual({ rows: expected, noted: expected.length })
    const { count, subjects } = await eventsTold()
    expect(count).toBe(expected.length)
    expect(subjects.map((subject) => subject.split(".")[3]).sort()).toEqual(
      expected.map((row) => row.split(" ")[0]),
    )
    expect(subjects.every((subject) => subject.includes(`.reconciliation.${day}.`))).toBe(true)
    expect(await gauge()).toMatchObject({ "payment-unknown": 2, "paid-twice": 1 })
    const file = readFileSync(csv, "utf8")
    expect(file.split("\r\n")).toHaveLength(expected.length + 2)
    expect(file, "a spreadsheet runs nothing of it").toContain(",'=1+1,")
    expect(run.output).not.toContain("DE89370400440532013000")
  })

  it("can be repeated: the rows are the same, and nothing is told twice", async () => {
    const before = await eventsTold()
    const run = await reconcile(environment)
    expect(kindsOf(run)).toEqual(expected)
    expect(await rowsStored()).toEqual({ rows: expected, noted: expected.length })
    expect(await eventsTold()).toEqual(before)
  })

  it("ends with 2 when a source cannot be read, and keeps what is known", async () => {
    const run = await reconcile({ LEDGER_URL: "http://127.0.0.1:9" })
    expect(run.status, run.output).toBe(2)
    expect(run.output).toContain("ledger cannot be read")
    expect(await rowsStored()).toEqual({ rows: expected, noted: expected.length })
  })

  it("ends with 2 for a day that no calendar has", async () => {
    expect((await reconcile({}, "2026-02-30")).status).toBe(2)
  })

  it("forgets what is mended", async () => {
    const run = await reconcile()
    const left = expected.filter((row) => row !== "settled-not-posted 1")
    expect(kindsOf(run)).toEqual(left)
    expect(await rowsStored()).toEqual({ rows: left, noted: left.length })
  })
})
