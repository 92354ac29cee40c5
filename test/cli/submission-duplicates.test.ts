/** `atlaspay batches submit` against a service that refuses duplicates: what is paid again, and what is set aside. */
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, it } from "vitest"
import { API_KEY, eventually, PlatformUnderTest } from "../platform-under-test.ts"
import { batchesHere } from "./command-here.ts"

const folder = mkdtempSync(join(tmpdir(), "submission-duplicates-"))
const header = "reference,currency,amount,name,iban,remittance"

let platform: PlatformUnderTest

const fileOf = (name: string, ...rows: ReadonlyArray<string>): string => {
  const file = join(folder, name)
  writeFileSync(file, [header, ...rows].join("\n"))
  return file
}

const rowOf = (reference: string, amount: string, remittance = ""): string =>
  `${reference},EUR,${amount},Ada Lovelace,NL91ABNA0417164300,${remittance}`

const submit = async (...args: ReadonlyArray<string>) => {
  const settings = { ATLASPAY_URL: platform.url, ATLASPAY_API_KEY: API_KEY, ATLASPAY_DATA: folder }
  const { status, output } = await batchesHere(settings, "submit", ...args)
  return { status, output, batch: /^(pb_[a-z2-7]{22}): /m.exec(output)?.[1] ?? "" }
}

const listed = (id: string): Promise<void> =>
  eventually("the batch is in the list", async () => {
    const { payoutBatches } = await platform.get<{ payoutBatches: ReadonlyArray<{ readonly id: string }> }>(
      "/payout-batches",
    )
    return payoutBatches.some((batch) => batch.id === id)
  })

/** How often money left a bank in an amount. */
const paid = async (value: string): Promise<number> =>
  (await platform.books())
    .flatMap(({ transfers }) => transfers)
    .filter(({ amount }) => amount.value === value)
    .reduce((sum, { payments }) => sum + payments, 0)

beforeAll(async () => {
  platform = await PlatformUnderTest.open({ DUPLICATE_PAYOUTS: "acme=refuse:30" })
  await platform.start()
}, 60_000)
afterAll(() => platform[Symbol.asyncDispose]())

it("--again pays once more on purpose, and says why in the log", { timeout: 90_000 }, async () => {
  const file = fileOf("again.csv", rowOf("again-1", "71.11"), rowOf("again-2", "72.22"))
  const first = await submit(file)
  expect(first.status, first.output).toBe(0)
  await listed(first.batch)
  const second = await submit(file, "--again", "bank lost it")
  expect(second.status, second.output).toBe(0)
  expect(second.output).toContain(`Pays again what ${first.batch} pays`)
  expect(second.batch).not.toBe(first.batch)
  const repeated = await submit(file, "--again", "bank lost it")
  expect([repeated.status, repeated.batch], repeated.output).toEqual([0, second.batch])
  for (const { batch } of [first, second]) expect((await platform.closed(batch)).state).toBe("settled")
  expect([await paid("71.11"), await paid("72.22")]).toEqual([2, 2])
  const { events } = await platform.get<{ events: ReadonlyArray<{ readonly duplicates?: unknown }> }>(
    `/payout-batches/${second.batch}/events?limit=1`,
  )
  expect(events[0]?.duplicates).toMatchObject({ count: 2, reason: "bank lost it" })
})

it("--rejects sets aside rows that another file paid, and pays the new ones", {
  timeout: 90_000,
}, async () => {
  const first = await submit(fileOf("first.csv", rowOf("inv-1", "73.33", "May"), rowOf("inv-2", "74.44")))
  expect(first.status, first.output).toBe(0)
  const changed = [rowOf("inv-1", "73.33", "May again"), rowOf("inv-2", "74.44", "new remark")]
  const whole = await submit(fileOf("whole.csv", ...changed))
  expect(whole.status).toBe(1)
  expect(whole.output).toContain(`whole.csv, line 2: pays the same as item 1 of ${first.batch}`)
  const rejects = join(folder, "rejects.csv")
  const some = await submit(
    fileOf("some.csv", ...changed, rowOf("inv-3", "75.55")),
    ...["--rejects", rejects],
  )
  expect(some.status, some.output).toBe(2)
  expect(some.output).toContain("1 items accepted")
  const [, ...rows] = readFileSync(rejects, "utf8").trim().split("\r\n")
  expect(rows).toEqual(
    changed.map((row, index) => `${row},pays the same as item ${index + 1} of ${first.batch}`),
  )
  for (const { batch } of [first, some]) expect((await platform.closed(batch)).state).toBe("settled")
  const none = await submit(rejects, "--rejects", join(folder, "none.csv"))
  expect(none.status).toBe(1)
  expect(none.output).toContain("nothing was submitted")
  expect([await paid("73.33"), await paid("74.44"), await paid("75.55")]).toEqual([1, 1, 1])
})
