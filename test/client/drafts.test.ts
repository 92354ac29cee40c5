/** Drafts through the client: what is sent again, under which key and version, and what the service makes of it. */
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Problem } from "../../src/client/errors.ts"
import { type AtlasPay, partnerClient } from "../../src/client/partner-client.ts"
import { API_KEY, PlatformUnderTest } from "../platform-under-test.ts"
import { drop, json, problem, ScriptedService } from "./scripted-service.ts"

const added = json(201, { draft: "pd_1", page: 1, firstItem: 1, itemCount: 1, version: 2 })
const accepted = json(202, { id: "pb_1", itemCount: 1, state: "received", totals: {}, receivedAt: "" })
const overloaded = problem(503, "overloaded")
const item = (reference: string) => ({
  reference,
  amount: { currency: "EUR", value: "12.34" },
  beneficiary: {
    name: "Erika Mustermann",
    account: { scheme: "iban" as const, iban: "DE89370400440532013000" },
  },
})

describe("a service that answers now and then", () => {
  let service: ScriptedService
  let client: AtlasPay
  beforeAll(async () => {
    service = await ScriptedService.open()
    client = partnerClient({ url: service.url, apiKey: "a-key", totalMs: 10_000 })
  })
  afterAll(() => service[Symbol.asyncDispose]())

  const versions = () => service.received.map(({ headers }) => headers["if-match"])

  it("adds a page under one key and version, however often it is sent", async () => {
    service.answer(drop, overloaded, added)
    const { idempotencyKey } = await client.drafts.addItems("pd_1", 1, [item("a")])
    expect(service.received.map(({ key }) => key)).toEqual(Array(3).fill(idempotencyKey))
    expect(versions()).toEqual(Array(3).fill('"1"'))
    expect(new Set(service.received.map(({ body }) => body)).size).toBe(1)
  })

  it("submits the version that was looked at, however often it is sent", async () => {
    service.answer(drop, overloaded, accepted)
    expect((await client.drafts.submit("pd_1", 7)).id).toBe("pb_1")
    expect(versions()).toEqual(Array(3).fill('"7"'))
  })

  it("sends other changes once, and none without a version", async () => {
    service.answer(drop)
    await expect(client.drafts.create()).rejects.toMatchObject({ mayBeDone: true, tries: 1 })
    await expect(client.drafts.removeItem("pd_1", 2, 1)).rejects.toMatchObject({ mayBeDone: true, tries: 1 })
    expect(service.received).toHaveLength(2)
    await expect(client.drafts.submit("pd_1", Number.NaN)).rejects.toThrow(TypeError)
    expect(service.received).toHaveLength(2)
  })

  it("takes no batch that was accepted for the answer to a dry run", async () => {
    service.answer(accepted)
    await expect(client.drafts.dryRun("pd_1", 1)).rejects.toMatchObject({ name: "UnusableAnswer" })
  })
})

describe("a platform", () => {
  let platform: PlatformUnderTest
  beforeAll(async () => {
    platform = await PlatformUnderTest.open()
    await platform.start()
  })
  afterAll(() => platform?.[Symbol.asyncDispose]())

  it("makes one batch of a draft that was put together page by page", async () => {
    const { drafts, settled } = partnerClient({ url: platform.url, apiKey: API_KEY })
    const { id, version } = await drafts.create({ reference: "draft" })
    const named = { idempotencyKey: "page-1" }
    const first = await drafts.addItems(id, version, [item("d-1"), item("d-2")], named)
    const again = await drafts.addItems(id, version, [item("d-1"), item("d-2")], named)
    expect([first.isReplayed, again.isReplayed, again.version]).toEqual([false, true, first.version])
    const rows = "reference,currency,amount,name,iban\nd-3,EUR,1.00,Erika Mustermann,DE89370400440532013000\n"
    const second = await drafts.addFile(id, first.version, rows, { contentType: "text/csv" })
    const stale = await drafts.removeItem(id, first.version, 2).catch((error: unknown) => error)
    expect(stale).toBeInstanceOf(Problem)
    expect(stale).toMatchObject({ status: 412, mayBeDone: false })
    await drafts.removeItem(id, second.version, 2)
    const { version: looked } = await drafts.show(id)
    const terms = await drafts.replaceTerms(id, looked, { reference: "draft of the week" })
    const items = await Array.fromAsync(drafts.items(id, { limit: 1 }))
    expect(items.map(({ reference }) => reference)).toEqual(["d-1", "d-3"])
    expect((await drafts.dryRun(id, terms.version)).itemCount).toBe(2)
    await expect(drafts.submit(id, looked)).rejects.toMatchObject({ status: 412 })
    const batch = await drafts.submit(id, terms.version)
    const repeated = await drafts.submit(id, terms.version)
    expect([repeated.id, batch.isReplayed, repeated.isReplayed]).toEqual([batch.id, false, true])
    expect(await settled(batch.id)).toMatchObject({ reference: "draft of the week", itemCount: 2 })

    const other = await drafts.create()
    const page = await drafts.addItems(other.id, other.version, [item("e-1")])
    await drafts.removePage(other.id, page.version, page.page)
    await drafts.remove(other.id, (await drafts.show(other.id)).version)
    const left = await Array.fromAsync(drafts.list({ limit: 1 }))
    expect(left.map((draft) => [draft.id, draft.state])).toEqual([[id, "submitted"]])
  })
})
