/** One invoice in two batches, on the real service: what is refused is not paid, by the banks' own books. */
import { readFileSync } from "node:fs"
import { afterAll, beforeAll, expect, it } from "vitest"
import { atlaspay } from "../cli/atlaspay-process.ts"
import { API_KEY, eventually, freePort, PlatformUnderTest, type Service } from "../platform-under-test.ts"
import { isPublishedDataThere, publishedFile } from "../published-data.ts"
import { SetBackServer } from "./set-back-server.ts"

const refusing = { DUPLICATE_PAYOUTS: "acme=refuse:30" }

const post = async ({ url }: { readonly url: string }, key: string, body: string) => {
  const response = await fetch(`${url}/payout-batches`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${API_KEY}`,
      "idempotency-key": key,
      "content-type": "application/json",
    },
    body,
  })
  const json = (await response.json()) as { readonly id: string; readonly type?: string }
  return { status: response.status, json }
}

/** How often money left a bank in an amount. */
const paid = async (platform: PlatformUnderTest, value: string): Promise<number> => {
  const books = await platform.books()
  return books
    .flatMap(({ transfers }) => transfers)
    .filter(({ amount }) => amount.value === value)
    .reduce((sum, { payments }) => sum + payments, 0)
}

const invoice = (reference: string, value: string) =>
  JSON.stringify({
    items: [
      {
        reference,
        amount: { currency: "EUR", value },
        beneficiary: {
          name: "Ada Lovelace",
          account: { scheme: "iban", iban: "NL91ABNA0417164300" },
        },
      },
    ],
  })

/** Two services that refuse duplicates, for tests whose invoices are their own. */
let platform: PlatformUnderTest
let services: ReadonlyArray<Service>
beforeAll(async () => {
  platform = await PlatformUnderTest.open(refusing)
  services = [await platform.start(), await platform.start({ PORT: String(await freePort()) })]
})
afterAll(() => platform?.[Symbol.asyncDispose]())

it.skipIf(!isPublishedDataThere)(
  "an invoice that is posted under two keys is paid once",
  {
    timeout: 90_000,
  },
  async () => {
    const d1 = readFileSync(publishedFile("../cases/json/d1-same-invoice-in-two-batches.json"), "utf8")
    const first = await post(platform, "one", d1)
    const second = await post(platform, "two", d1)
    expect([first.status, second.status, second.json.type]).toEqual([202, 409, "/problems/duplicate-payouts"])
    expect((await platform.closed(first.json.id)).state).toBe("settled")
    expect((await post(platform, "three", d1)).status, "also once it is paid").toBe(409)
    expect(await paid(platform, "77.77")).toBe(1)
  },
)

it("an invoice that is posted to two services under many keys at a time is paid once", {
  timeout: 90_000,
}, async () => {
  const body = invoice("INV-2", "66.66")
  const answers = await Promise.all(
    services.flatMap((service, number) =>
      Array.from({ length: 5 }, (_, key) => post(service, `at-a-time-${number}-${key}`, body)),
    ),
  )
  const accepted = answers.filter(({ status }) => status === 202)
  expect(accepted).toHaveLength(1)
  expect(answers.filter(({ status }) => status === 409)).toHaveLength(9)
  expect((await platform.closed(accepted[0]?.json.id ?? "")).state).toBe("settled")
  expect(await paid(platform, "66.66")).toBe(1)
})

it("one that failed is paid when it is posted again", { timeout: 90_000 }, async () => {
  const failing = invoice("INV-3", "55.55").replace("Ada Lovelace", "Clara Closed")
  const first = await post(platform, "failing", failing)
  expect((await platform.closed(first.json.id)).state).toBe("failed")
  const corrected = await post(platform, "corrected", invoice("INV-3", "55.55"))
  expect(corrected.status).toBe(202)
  expect((await platform.closed(corrected.json.id)).state).toBe("settled")
  expect(await paid(platform, "55.55")).toBe(1)
})

it("a Postgres that was set back lets none pass that it forgot, until an operator accepts it", {
  timeout: 120_000,
}, async () => {
  await using database = await SetBackServer.start("postgres")
  await using platform = await PlatformUnderTest.open({ ...refusing, DATABASE_URL: database.url })
  const service = await platform.start()
  expect((await post(platform, "before", invoice("INV-4", "44.44"))).status).toBe(202)
  await service.stop()
  await database.remember()
  const later = await platform.start()
  const first = await post(platform, "one", invoice("INV-5", "33.33"))
  expect((await platform.closed(first.json.id)).state).toBe("settled")
  await later.stop()

  await database.setBack()
  await platform.start()
  const again = await post(platform, "two", invoice("INV-5", "33.33"))
  expect([again.status, again.json.type]).toEqual([503, "/problems/duplicates-unknown"])
  expect(await paid(platform, "33.33")).toBe(1)

  const accept = ["history", "accept-claims", "--partner", "acme"]
  const asked = atlaspay(platform.environment, ...accept)
  expect((await asked.end()).status).toBe(1)
  expect((await post(platform, "three", invoice("INV-6", "22.22"))).status).toBe(503)
  const accepted = atlaspay(platform.environment, ...accept, "--by", "olga", "--reason", "compared by hand")
  expect((await accepted.end()).status).toBe(0)
  expect((await post(platform, "three", invoice("INV-6", "22.22"))).status).toBe(202)
  await eventually("it is paid", async () => (await paid(platform, "22.22")) === 1)
})
