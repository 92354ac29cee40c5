/** A bank's word counts only for what went to it, under its own secret: whatever another one says, everybody is paid once. */
import { mkdtempSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Webhook } from "standardwebhooks"
import { expect, it } from "vitest"
import { sandboxSecretOf } from "../../src/sandbox/sandbox.ts"
import { eventually, PlatformUnderTest } from "../platform-under-test.ts"

const PAYOUTS = 6

const payouts = {
  items: Array.from({ length: PAYOUTS }, (_, index) => ({
    reference: `invoice-${index + 1}`,
    amount: { currency: "EUR", value: `${index + 1}.00` },
    beneficiary: {
      name: `Ada Lovelace ${index}`,
      account: { scheme: "iban", iban: "DE89370400440532013000" },
    },
  })),
}

/** Both banks may pay everything: what north refuses as a matter of its own goes to south. */
const providersOf = ({ sandbox: { compliance, ledger, banks } }: PlatformUnderTest): string => {
  const path = join(mkdtempSync(join(tmpdir(), "liars-")), "providers.json")
  const document = {
    version: "liars",
    compliance: { url: compliance },
    ledger: { url: ledger },
    banks: [
      { name: "north", kind: "instant", url: banks.north },
      { name: "south", kind: "instant", url: banks.south },
      { name: "west", kind: "synchronous", url: banks.west },
    ],
    routes: [{ rule: "all", banks: ["north", "south"] }],
  }
  writeFileSync(path, JSON.stringify(document))
  return path
}

/** A rejection that another bank may mend, as `signer` signs it and `bank` is said to have sent it. */
const reject = async (
  { url }: PlatformUnderTest,
  reference: string,
  {
    path,
    bank,
    signer,
  }: { readonly path: string; readonly bank: string; readonly signer: "north" | "south" },
): Promise<number> => {
  const now = new Date()
  const id = `forged-${path}-${bank}-${signer}-${reference}`
  const said = { id, bank, reference, transferId: "t-1", status: "rejected", code: "AG03" }
  const text = JSON.stringify({ ...said, at: now.toISOString() })
  const answer = await fetch(`${url}/bank-callbacks/${path}`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "webhook-id": id,
      "webhook-timestamp": String(Math.floor(now.getTime() / 1_000)),
      "webhook-signature": new Webhook(sandboxSecretOf(signer)).sign(id, now, text),
    },
    body: text,
  })
  await answer.arrayBuffer()
  return answer.status
}

it("a bank that rejects another's transfers is not believed, on whatever route, and all are paid once", {
  timeout: 60_000,
}, async () => {
  await using platform = await PlatformUnderTest.open({}, { paymentDelayMs: 2_000 })
  await platform.start({ PROVIDERS_FILE: providersOf(platform) })
  const id = await platform.submit("liars", payouts)
  const orders = async () => (await platform.books()).flatMap(({ transfers }) => transfers)
  await eventually("north has the orders", async () => (await orders()).length === PAYOUTS)

  for (const { reference } of await orders()) {
    const south = { signer: "south" } as const
    expect(await reject(platform, reference, { ...south, path: "north", bank: "north" })).toBe(401)
    expect(await reject(platform, reference, { ...south, path: "south", bank: "north" })).toBe(400)
    expect(await reject(platform, reference, { ...south, path: "west", bank: "west" })).toBe(401)
    // Under its own name it may speak of anything; the batch knows whom it asked.
    expect(await reject(platform, reference, { ...south, path: "south", bank: "south" })).toBe(202)
  }
  expect((await platform.closed(id)).state).toBe("settled")
  const [north, south, west] = await platform.books()
  expect(north?.transfers.map(({ payments }) => payments)).toEqual(Array(PAYOUTS).fill(1))
  expect([south?.transfers, west?.transfers]).toEqual([[], []])
})

it("a service whose banks would share a secret does not start", { timeout: 30_000 }, async () => {
  await using platform = await PlatformUnderTest.open()
  const started = platform.start({ BANK_CALLBACK_SECRET: sandboxSecretOf("north") })
  await expect(started).rejects.toThrow(/north and south call back: each needs a secret of its own/)
})
