/** Notifications of Adyen at the API: what comes into the mailbox of a batch, and what is kept as a stray. */
import { createHmac } from "node:crypto"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { afterAll, assert, beforeAll, describe, expect, it } from "vitest"
import { transferReference } from "../../../../src/domain/identifiers.ts"
import { batchIdOf } from "../../../../src/http/payout-batches/batch-identity.ts"
import { adyen } from "../../../../src/providers/banks/adyen/adyen.ts"
import { type Answer, ApiUnderTest } from "../../../http/api-under-test.ts"
import { payout } from "../../../http/payout-batches/payout-batch-body.ts"
import { balanceAccount, transfer } from "./published.ts"

const key = Buffer.from("the HMAC key of Adyen, for tests")
const batch = batchIdOf("acme", "notified")
const reference = transferReference({ batch, item: 1, attempt: 1 })

describe("a notification of Adyen, at the API,", () => {
  let folder: string
  let api: ApiUnderTest
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "adyen-"))
    const file = join(folder, "providers.json")
    const bank = { name: "adyen", kind: "adyen", url: "https://adyen.example", balanceAccount }
    const document = {
      version: "1",
      compliance: { url: "https://compliance.example" },
      ledger: { url: "https://ledger.example" },
      banks: [bank],
      routes: [{ rule: "all", banks: ["adyen"] }],
    }
    await writeFile(file, JSON.stringify(document))
    const environment = {
      PROVIDERS_FILE: file,
      BANK_CALLBACK_SECRET: `adyen=whsec_${key.toString("base64")}`,
    }
    api = await ApiUnderTest.open({ environment, kinds: [adyen] })
    await api.post("notified", { items: [payout("a")] })
  })
  afterAll(async () => {
    await api[Symbol.asyncDispose]()
    await rm(folder, { recursive: true })
  })

  const notify = (fields: object = {}, { environment = "test", tamper = "" } = {}): Promise<Answer> => {
    const data = {
      ...transfer(reference),
      sequenceNumber: 3,
      status: "booked",
      reason: "approved",
      ...fields,
    }
    const body = JSON.stringify({ data, environment, type: "balancePlatform.transfer.updated" })
    const hmacsignature = createHmac("sha256", key).update(body).digest("base64")
    const headers = { "content-type": "application/json", hmacsignature }
    return api.call("/bank-callbacks/adyen", { method: "POST", headers, body: body + tamper })
  }
  const mail = () => Effect.runPromise(api.log.mail(batch, 10))

  it("comes into the mailbox once, with its amount", async () => {
    for (let sent = 0; sent < 2; sent += 1) assert.strictEqual((await notify()).status, 202)
    const told = (await mail()).map(({ command }) => command)
    expect(told).toMatchObject([
      {
        _tag: "RecordTransfer",
        item: 1,
        attempt: 1,
        bank: "adyen",
        amount: { currency: "EUR", minor: "1234" },
        outcome: { _tag: "Settled", evidence: "callback" },
      },
    ])
  })

  it("is not taken for a repetition where it says another amount under the same number", async () => {
    const before = (await mail()).length
    assert.strictEqual((await notify({ amount: { currency: "EUR", value: 999 } })).status, 202)
    const told = (await mail()).map(({ command }) => command)
    assert.strictEqual(told.length, before + 1)
    expect(told.at(-1)).toMatchObject({ amount: { currency: "EUR", minor: "999" } })
  })

  it("is refused where it was changed, or is of the other environment", async () => {
    const before = (await mail()).length
    assert.strictEqual((await notify({}, { tamper: " " })).status, 401)
    assert.strictEqual((await notify({ sequenceNumber: 4 }, { environment: "live" })).status, 400)
    assert.strictEqual((await mail()).length, before)
  })

  it("is acknowledged where it is of nothing of ours", async () => {
    const before = (await mail()).length
    assert.strictEqual((await notify({ reference: "Payout of Monday" })).status, 202)
    assert.strictEqual((await notify({ type: "fee" })).status, 202)
    assert.strictEqual((await mail()).length, before)
  })

  it("is a stray where no batch of ours has its reference", async () => {
    const other = transferReference({ batch: batchIdOf("acme", "another"), item: 1, attempt: 1 })
    assert.strictEqual((await notify({ reference: other })).status, 404)
    const [stray] = await Effect.runPromise(api.strays.list(1))
    expect(stray).toMatchObject({ provider: "adyen", said: "settled", reference: other })
  })
})
