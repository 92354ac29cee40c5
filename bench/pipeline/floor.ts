/**
 * The floor of `npm run bench:pipeline`: the same exchanges with the outside as the service, by bare libraries in one
 * process. Per batch one clearance, one hold and one posting; per payout one order, its callback, one row in Postgres, one
 * message on JetStream and one signed webhook, each when the one before it is done. It keeps no log and no state, repeats
 * nothing, and ends if anything fails. Reads the environment; OPERATIONS_PORT answers when it is ready.
 */
import { randomUUID } from "node:crypto"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { jetstream, jetstreamManager, StorageType } from "@nats-io/jetstream"
import { connect } from "@nats-io/transport-node"
import postgres from "postgres"
import { Pool } from "undici"
import { serversIn } from "../../src/platform/nats-address.ts"
import { isSigned, keyOf, signedHeaders } from "./signature.ts"

interface Amount {
  readonly currency: string
  readonly value: string
}
interface Payout {
  readonly reference: string
  readonly amount: Amount
  readonly beneficiary: {
    readonly name: string
    readonly account: { readonly scheme: string; readonly iban?: string }
  }
}

/** As many requests to a bank at a time as BANK_CONCURRENCY allows by default, and Postgres connections likewise. */
const BANK_CONNECTIONS = 32
const POSTGRES_CONNECTIONS = 10
const WEBHOOK_CONNECTIONS = 16
const PARTNER = "demo"
const CALLBACK_PATH = "/bank-callbacks/"

const given = (name: string): string => {
  const value = process.env[name]
  if (value === undefined) throw new Error(`${name} is not set`)
  return value
}
const pairs = (name: string): ReadonlyArray<readonly [string, string]> =>
  given(name)
    .split(",")
    .map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)])

const stream = given("NATS_STREAM")
const subjects = stream.toLowerCase()
const origin = `http://127.0.0.1:${given("PORT")}`
const poolOf = (url: string, connections: number) => new Pool(new URL(url).origin, { connections })
const compliance = poolOf(given("COMPLIANCE_URL"), BANK_CONNECTIONS)
const ledger = poolOf(given("LEDGER_URL"), BANK_CONNECTIONS)
const banks = new Map(pairs("BANKS").map(([name, url]) => [name, poolOf(url, BANK_CONNECTIONS)]))
const bankKeys = new Map(pairs("BANK_CALLBACK_SECRET").map(([name, secret]) => [name, keyOf(secret)]))
const webhookUrl = new URL(given("WEBHOOK_URL"))
const webhooks = poolOf(webhookUrl.href, WEBHOOK_CONNECTIONS)
const webhookKey = keyOf(given("WEBHOOK_SECRET"))
const sql = postgres(given("DATABASE_URL"), { max: POSTGRES_CONNECTIONS, onnotice: () => {} })
const nats = await connect({ name: "floor", ...serversIn(given("NATS_URL")) })
await (await jetstreamManager(nats)).streams.add({
  name: stream,
  subjects: [`${subjects}.events.>`],
  storage: StorageType.File,
})
const events = jetstream(nats)
await sql`
  create table floor_payouts (
    batch text not null, item integer not null, reference text not null, beneficiary_name text not null,
    currency text not null, amount numeric not null, state text not null, updated_at timestamptz not null,
    primary key (batch, item))`

/** Orders whose callback is still to come, by reference. */
const awaited = new Map<string, () => void>()

const post = async (
  pool: Pool,
  path: string,
  text: string,
  headers: Readonly<Record<string, string>>,
): Promise<void> => {
  const { statusCode, body } = await pool.request({
    method: "POST",
    path,
    body: text,
    headers: { "content-type": "application/json", ...headers },
  })
  const answer = await body.text()
  if (statusCode >= 300) throw new Error(`${path} answered ${statusCode}: ${answer.slice(0, 200)}`)
}

const order = async (pool: Pool, bank: string, reference: string, payout: Payout): Promise<void> => {
  const paid = new Promise<void>((resolve) => awaited.set(reference, resolve))
  const { amount, beneficiary } = payout
  const callbackUrl = `${origin}${CALLBACK_PATH}${bank}`
  const text = JSON.stringify({ reference, amount, beneficiary, callbackUrl })
  await post(pool, "/instant-transfer", text, { "idempotency-key": reference })
  await paid
}

const settle = async (batch: string, item: number, payout: Payout): Promise<void> => {
  const { reference, amount, beneficiary } = payout
  const bank = amount.currency === "EUR" || amount.currency === "GBP" ? "north" : "south"
  const pool = banks.get(bank)
  if (pool === undefined) throw new Error(`there is no bank ${bank}`)
  await order(pool, bank, `${batch.slice(0, 28)}${item}`, payout)
  const at = new Date()
  await sql`
    insert into floor_payouts values (
      ${batch}, ${item}, ${reference}, ${beneficiary.name}, ${amount.currency}, ${amount.value}, 'settled', ${at})`
  const id = `${batch}:${item}`
  const event = JSON.stringify({
    specversion: "1.0",
    id,
    source: "/floor",
    subject: `${batch}/${item}`,
    time: at.toISOString(),
    datacontenttype: "application/json",
    partner: PARTNER,
    type: "com.atlaspay.payout.settled.v1",
    data: {
      batchId: batch,
      partner: PARTNER,
      item,
      itemReference: reference,
      amount,
      bank,
      state: "settled",
    },
  })
  await events.publish(`${subjects}.events.${PARTNER}.${batch}.PayoutSettled`, event, { msgID: id })
  await post(webhooks, webhookUrl.pathname, event, signedHeaders(webhookKey, id, Date.now(), event))
}

const pay = async (batch: string, payouts: ReadonlyArray<Payout>): Promise<void> => {
  const items = payouts.map(({ amount, beneficiary: { name, account } }, item) => ({
    item,
    name,
    amount,
    account: { scheme: account.scheme, lastFour: "0000" },
  }))
  const about = { partner: PARTNER, batch }
  const clearance = JSON.stringify({ clearanceId: batch, ...about, items })
  await post(compliance, "/clearance", clearance, { "idempotency-key": batch })
  const lines = payouts.map(({ amount }, item) => ({ item, amount }))
  const book = (kind: string) =>
    post(ledger, "/postings", JSON.stringify({ kind, ...about, lines }), {
      "idempotency-key": `${batch}.${kind}`,
    })
  await book("hold")
  await Promise.all(payouts.map((payout, item) => settle(batch, item, payout)))
  await book("post")
  const closed = JSON.stringify({ type: "com.atlaspay.payout-batch.closed.v1", data: { batchId: batch } })
  await events.publish(`${subjects}.events.${PARTNER}.${batch}.PayoutBatchClosed`, closed)
}

const bodyOf = async (request: IncomingMessage): Promise<Buffer> =>
  Buffer.concat((await request.toArray()) as Array<Buffer>)

const receiveCallback = (bank: string, { headers }: IncomingMessage, body: Buffer): number => {
  const key = bankKeys.get(bank)
  if (key === undefined || !isSigned(key, headers, body)) return 401
  const { reference, status } = JSON.parse(body.toString("utf8")) as { reference: string; status: string }
  if (status !== "settled") throw new Error(`${bank} reports ${status}`)
  awaited.get(reference)?.()
  awaited.delete(reference)
  return 202
}

const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
  const body = await bodyOf(request)
  const { url = "" } = request
  if (url.startsWith(CALLBACK_PATH)) {
    response.writeHead(receiveCallback(url.slice(CALLBACK_PATH.length), request, body)).end()
    return
  }
  const { items } = JSON.parse(body.toString("utf8")) as { items: ReadonlyArray<Payout> }
  const id = randomUUID().replaceAll("-", "")
  response.writeHead(202, { "content-type": "application/json" }).end(JSON.stringify({ id }))
  await pay(id, items)
}

const listening = (port: string, server: ReturnType<typeof createServer>) =>
  server.listen(Number(port), "127.0.0.1")
// A failure ends the process: Node ends on a rejection that nobody handles.
listening(
  given("PORT"),
  createServer((request, response) => void answer(request, response)),
)
listening(
  given("OPERATIONS_PORT"),
  createServer((_request, response) => response.end("ready")),
)
