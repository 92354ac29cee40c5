/** The client, and the example that uses it, against a whole platform: what it reads is what the service has, and nothing is paid twice. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, expect, it } from "vitest"
import type { NewPayoutItem } from "../../src/client/api-types.ts"
import { KeyReused, Problem } from "../../src/client/errors.ts"
import { type AtlasPay, partnerClient } from "../../src/client/partner-client.ts"
import { API_KEY, PlatformUnderTest, SUPERVISOR_KEY } from "../platform-under-test.ts"

const root = join(import.meta.dirname, "../..")
const folder = mkdtempSync(join(tmpdir(), "partner-client-"))
const iban = "DE89370400440532013000"

let platform: PlatformUnderTest
let client: AtlasPay

beforeAll(async () => {
  platform = await PlatformUnderTest.open()
  await platform.start()
  client = partnerClient({ url: platform.url, apiKey: API_KEY })
})
afterAll(() => platform?.[Symbol.asyncDispose]())

const itemsOf = (prefix: string, count: number): ReadonlyArray<NewPayoutItem> =>
  Array.from({ length: count }, (_, index) => ({
    reference: `${prefix}-${index + 1}`,
    amount: { currency: "EUR", value: "12.34" },
    beneficiary: { name: "Erika Mustermann", account: { scheme: "iban", iban } },
  }))

it("posts a batch, follows it to its end, and reads all that the service has of it", async () => {
  const { dryRun, itemCount } = await client.dryRun({ items: itemsOf("read", 5) })
  expect({ dryRun, itemCount }).toEqual({ dryRun: true, itemCount: 5 })
  const posted = await client.post({ reference: "read", items: itemsOf("read", 5) })
  const again = await client.post(
    { reference: "read", items: itemsOf("read", 5) },
    { idempotencyKey: posted.idempotencyKey },
  )
  expect([again.id, posted.isReplayed, again.isReplayed]).toEqual([posted.id, false, true])

  const streamed = []
  for await (const event of client.eventStream(posted.id)) streamed.push(event.version)
  const batch = await client.settled(posted.id)
  expect(batch).toMatchObject({ state: "settled", itemCount: 5, idempotencyKey: posted.idempotencyKey })
  const logged = []
  for await (const event of client.events(posted.id, { limit: 2 })) logged.push(event.version)
  expect(logged).toEqual(Array.from({ length: batch.version }, (_, index) => index + 1))
  expect(streamed).toEqual(logged)

  const items = await Array.fromAsync(client.items(posted.id, { limit: 2 }))
  expect(items.map(({ item, state }) => [item, state])).toEqual(
    [1, 2, 3, 4, 5].map((item) => [item, "settled"]),
  )
  expect((await client.item(posted.id, 3)).reference).toBe("read-3")
  const found = await Array.fromAsync(
    client.searchItems({ reference: "read-4", state: ["settled", "failed"] }),
  )
  expect(found.map(({ batch, item }) => [batch, item])).toEqual([[posted.id, 4]])
  const batches = await Array.fromAsync(client.batches({ reference: "read", limit: 1 }))
  expect(batches.map(({ id }) => id)).toEqual([posted.id])

  const exported = await Array.fromAsync(client.exportItems({ batch: posted.id }))
  expect(exported.map(({ batch, reference }) => [batch, reference])).toEqual(
    items.map(({ reference }) => [posted.id, reference]),
  )
  const pieces = await Array.fromAsync(client.exportFile("csv", { batch: posted.id }))
  expect(Buffer.concat(pieces).toString().split("\r\n")).toHaveLength(7)
})

it("names the batch of a key that was used before for another one", async () => {
  const { id } = await client.post({ items: itemsOf("used", 1) }, { idempotencyKey: "used-key" })
  const failure = await client
    .post({ items: itemsOf("other", 1) }, { idempotencyKey: "used-key" })
    .catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(KeyReused)
  expect(failure).toMatchObject({ batch: id, status: 422, idempotencyKey: "used-key", mayBeDone: false })
})

it("fails with the problem and its places", async () => {
  const failure = await client
    .post({ items: itemsOf("bad", 1).map((item) => ({ ...item, reference: "" })) })
    .catch((error) => error)
  expect(failure).toBeInstanceOf(Problem)
  expect(failure).toMatchObject({ status: 400, type: "/problems/invalid-body", tries: 1, mayBeDone: false })
  expect(failure.errors[0]).toMatchObject({ pointer: "/items/0/reference", item: 1 })
})

it("approves under another key, cancels, and repeats an act under its key", async () => {
  const { id } = await client.post({ requireApproval: true, items: itemsOf("approve", 2) })
  const { approval } = await client.settled(id)
  const supervisor = partnerClient({ url: platform.url, apiKey: SUPERVISOR_KEY })
  const body = { hash: approval?.hash ?? "" }
  const { idempotencyKey, expected, isReplayed } = await supervisor.approve(id, body)
  expect([expected.map(({ type }) => type), isReplayed]).toEqual([["BatchApproved"], false])
  expect((await supervisor.approve(id, body, { idempotencyKey })).isReplayed).toBe(true)
  expect((await client.settled(id, { throughAttention: true })).state).toBe("settled")
  const refused = await client.cancel(id, { reason: "too late" }).catch((error) => error)
  expect(refused).toMatchObject({ status: 409, type: "/problems/command-refused" })
  expect(refused.members.reason).toBe("batch-closed")
})

it("adds, lists and removes a webhook endpoint", async () => {
  const { id, secret } = await client.createWebhookEndpoint({ url: "http://127.0.0.1:9/hooks" })
  expect(secret).toMatch(/^whsec_/)
  expect((await client.webhookEndpoints()).map((endpoint) => endpoint.id)).toContain(id)
  await client.removeWebhookEndpoint(id)
  expect((await client.webhookEndpoints()).map((endpoint) => endpoint.id)).not.toContain(id)
})

const fileOf = (name: string, ...rows: ReadonlyArray<string>): string => {
  const file = join(folder, name)
  writeFileSync(file, ["reference,currency,amount,name,iban", ...rows].join("\n"))
  return file
}

/** Runs the example as its first lines say. */
const fridayRun = async (...args: ReadonlyArray<string>) => {
  const child = spawn(process.execPath, ["--conditions=atlaspay-source", "examples/friday-run.ts", ...args], {
    cwd: root,
    env: { PATH: process.env.PATH, ATLASPAY_URL: platform.url, ATLASPAY_API_KEY: API_KEY },
  })
  let output = ""
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text
    })
  const [status] = await once(child, "close")
  return { status, output, batch: /pb_[a-z2-7]{22}/.exec(output)?.[0] }
}

it("pays a marketplace's Friday once, reports what was not paid, and finds its batch again", async () => {
  const file = fileOf(
    "friday.csv",
    `friday-1,EUR,10.00,Erika Mustermann,${iban}`,
    `friday-2,EUR,20.00,Clara Closed,${iban}`,
    `friday-3,EUR,30.00,Amelie Moreau,FR7630006000011234567890189`,
  )
  const first = await fridayRun(file, "2026-W48")
  expect(first.output).toContain("3 payouts of")
  expect(first.output).toMatch(/friday-2: 20\.00 EUR failed: .*account.* Next: /)
  expect(first.output).not.toMatch(/friday-[13]: /)
  expect(first.status).toBe(1)

  const second = await fridayRun(file, "2026-W48")
  expect(second).toMatchObject({ status: 1, batch: first.batch })
  expect(second.output).toContain("accepted before")
  const books = (await platform.books()).flatMap(({ transfers }) => transfers)
  expect(books.filter(({ amount, payments }) => amount.value === "30.00" && payments === 1)).toHaveLength(1)

  const other = await fridayRun(fileOf("other.csv", `friday-9,EUR,9.00,Erika Mustermann,${iban}`), "2026-W48")
  expect(other).toMatchObject({ status: 2 })
  expect(other.output).toContain(`The week was paid by ${first.batch}`)
})

it("has an example of less than 60 lines", () => {
  expect(readFileSync(join(root, "examples/friday-run.ts"), "utf8").split("\n").length).toBeLessThan(60)
})
