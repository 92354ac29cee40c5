/** Two banks on real servers: what the first one refuses the second one pays, and what it leaves open it does not. */
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest"
import type { BatchEvent } from "../../src/domain/events.ts"
import type { BatchId } from "../../src/domain/identifiers.ts"
import { type Sandbox, startSandbox } from "../../src/sandbox/sandbox.ts"
import { eventually } from "../platform-under-test.ts"
import { type Behaviour, json, MisbehavingServer } from "../providers/calling/misbehaving-server.ts"
import { EngineUnderTest } from "./engine-under-test.ts"

let sandbox: Sandbox
let first: MisbehavingServer
let engine: EngineUnderTest
let folder: string

beforeAll(async () => {
  sandbox = await startSandbox()
  first = await MisbehavingServer.open()
  folder = await mkdtemp(join(tmpdir(), "failover-"))
  const { compliance, ledger, banks } = sandbox.urls
  const document = {
    version: "2026-11-26",
    compliance: { url: compliance },
    ledger: { url: ledger },
    banks: [
      { name: "first", kind: "instant", url: first.url },
      { name: "south", kind: "instant", url: banks.south },
    ],
    routes: [{ rule: "euros", when: { currency: ["EUR"], partner: ["acme"] }, banks: ["first", "south"] }],
  }
  const path = join(folder, "providers.json")
  await writeFile(path, JSON.stringify(document))
  engine = await EngineUnderTest.open({
    environment: { PROVIDERS_FILE: path, INQUIRY_DELAYS_MS: Array(20).fill("200").join(), CLAIM_MS: "500" },
    outside: true,
  })
  await engine.start()
})
beforeEach(() => {
  first.asked.length = 0
})
afterAll(async () => {
  await engine[Symbol.asyncDispose]()
  await Promise.all([first.close(), sandbox.close(), rm(folder, { recursive: true })])
})

const eventsOf = async (id: BatchId): Promise<ReadonlyArray<BatchEvent>> =>
  (await engine.onLog((log) => log.read(id, 0, 500))).map(({ event }) => event)

const reaches = (id: BatchId, state: string) =>
  eventually(`item 1 is ${state}`, async () => (await engine.batch(id)).items.get(1)?.state === state)

const paidAtSouth = async (id: BatchId) => {
  const books = (await (await fetch(`${sandbox.urls.banks.south}/books`)).json()) as {
    readonly transfers: ReadonlyArray<{ readonly reference: string; readonly payments: number }>
  }
  return books.transfers.filter(({ reference }) => reference.startsWith(id.slice(3).toUpperCase()))
}

/** Refuses an order, and says so again when it is asked, as `standing` has it. */
const refusing =
  (standing: Behaviour): Behaviour =>
  (response, asked) =>
    asked.method === "POST"
      ? json(422, { status: "rejected", code: "AG03" })(response, asked)
      : standing(response, asked)

const rejected = json(200, { status: "rejected", transferId: "t-1", code: "AG03" })
const neverSeen = json(404, { code: "never-seen" })

it("pays at the second bank what the first one refused, under a key of its own, after the release", async () => {
  first.behaviour = refusing(rejected)
  const id = await engine.submit("acme", "refused")
  await reaches(id, "settled")
  expect(await paidAtSouth(id)).toMatchObject([{ reference: expect.stringMatching(/-1-2$/), payments: 1 }])
  expect(
    first.asked.map(({ method }) => method),
    "the first bank was ordered once, and asked whether it means it",
  ).toEqual(["POST", "GET"])
  const story = (await eventsOf(id)).flatMap((event): ReadonlyArray<unknown> => {
    if (event._tag === "TransfersRequested")
      return event.transfers.map(({ bank, route }) => ({ bank, ...route }))
    if (event._tag === "PostingRequested") return [event.kind]
    return event._tag.startsWith("Transfer") || event._tag === "RerouteRequested" ? [event._tag] : []
  })
  expect(story.slice(0, 9)).toEqual([
    "hold",
    { bank: "first", rule: "euros", version: "2026-11-26", others: ["south"] },
    "TransferUnknown",
    "TransferFailed",
    "release",
    "RerouteRequested",
    "hold",
    { bank: "south", rule: "euros", version: "2026-11-26", others: [] },
    "TransferAccepted",
  ])
})

it("goes on from a bank that does not keep what it refuses, once nothing can be on its way there", async () => {
  first.behaviour = refusing(neverSeen)
  const id = await engine.submit("acme", "not-kept")
  await reaches(id, "settled")
  expect(await paidAtSouth(id)).toMatchObject([{ payments: 1 }])
  expect(first.asked.filter(({ method }) => method === "POST")).toHaveLength(1)
})

it("does not go on from a bank that has what it refused", async () => {
  const accepted = json(200, { status: "accepted", transferId: "t-1" })
  first.behaviour = refusing(accepted)
  const id = await engine.submit("acme", "has-it")
  await reaches(id, "pending")
  first.behaviour = json(200, { status: "settled", transferId: "t-1" })
  await reaches(id, "settled")
  expect(await paidAtSouth(id)).toEqual([])
})

it("leaves with the first bank what that may have paid, until it has said that it did not", async () => {
  first.behaviour = (response) => response.socket?.resetAndDestroy()
  const id = await engine.submit("acme", "reset")
  await eventually("the bank was asked what became of it", async () =>
    first.asked.some(({ method }) => method === "GET"),
  )
  expect(await paidAtSouth(id)).toEqual([])
  expect((await engine.batch(id)).items.get(1)).toMatchObject({ state: "unknown", earlier: [] })
  const reference = (await engine.batch(id)).items.get(1)?.attempt?.reference
  first.behaviour = json(200, { status: "rejected", transferId: "t-1", reference, code: "AB08" })
  await reaches(id, "settled")
  expect(await paidAtSouth(id)).toMatchObject([{ reference: expect.stringMatching(/-1-2$/), payments: 1 }])
})

it("does not go on from a refusal that is the beneficiary's", async () => {
  first.behaviour = json(422, { status: "rejected", code: "AC04" })
  const id = await engine.submit("acme", "closed")
  await eventually("the batch is closed", async () => (await engine.batch(id)).closed === "failed")
  expect(await paidAtSouth(id)).toEqual([])
})

it("parks what no rule leads to a bank, with an alarm, and calls none", async () => {
  const id = await engine.submit("globex", "nowhere")
  await reaches(id, "parked")
  expect((await engine.batch(id)).items.get(1)).toMatchObject({
    ledger: "held",
    reason: "no rule of version 2026-11-26 leads to a bank",
  })
  expect(engine.lines.some((line) => line.includes('"error"') && line.includes("no rule leads"))).toBe(true)
  expect(first.asked).toEqual([])
})
