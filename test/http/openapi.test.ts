/** Calls every operation, and validates each answer against the document: its status, its headers and its body. */
import { Webhook } from "standardwebhooks"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { asyncApiDocument } from "../../src/contract/asyncapi.ts"
import { eventSchemas } from "../../src/contract/event-schemas.ts"
import { definitions, openApiDocument } from "../../src/http/routes.ts"
import { mediaTypesOf } from "../../src/http/routing/reply.ts"
import { operatorActs } from "../../src/identity/access.ts"
import { ownDatabase } from "../database.ts"
import { AccessUnderTest, accessLayer, anna } from "../identity/access-under-test.ts"
import { ownPrefix } from "../settings.ts"
import { type Answer, ApiUnderTest } from "./api-under-test.ts"
import { deadEvent } from "./deliveries-in-memory.ts"
import { definitionOf, problemsOf } from "./openapi-validation.ts"
import { draftsLayer } from "./payout-batch-drafts/drafts-under-test.ts"
import { payout } from "./payout-batches/payout-batch-body.ts"
import { shown } from "./shown-batch.ts"

const secret = "whsec_dGVzdC1zZWNyZXQtb2YtdGhlLWNvbXBsaWFuY2UtZW5naW5l"
const environment = {
  DATABASE_URL: "",
  STREAM_PREFIX: ownPrefix(),
  ACTS_PER_SECOND: "100000",
  COMPLIANCE_CALLBACK_SECRET: secret,
  LEDGER_CALLBACK_SECRET: "whsec_dGVzdC1zZWNyZXQtb2YtdGhlLWxlZGdlcg==",
}

let database: Awaited<ReturnType<typeof ownDatabase>>
let office: AccessUnderTest
let api: ApiUnderTest
let operator = ""
let partner = ""
/** The operations that were called, with the statuses of their answers. */
const called = new Map<string, Set<number>>()

beforeAll(async () => {
  database = await ownDatabase()
  environment.DATABASE_URL = database.url
  office = new AccessUnderTest(environment)
  await office.administer(({ createPartner }) => createPartner(anna, { id: "acme", name: "Acme" }))
  const asked = { scopes: [...operatorActs], networks: [], expiresAt: undefined }
  const owner = { kind: "operator", name: "zoe" } as const
  operator = (await office.administer(({ createKey }) => createKey(anna, { owner, ...asked }))).text
  partner = (await office.key("acme")).text
  api = await ApiUnderTest.open({ environment, access: accessLayer, queries: shown, drafts: draftsLayer })
}, 60_000)
afterAll(async () => {
  await api[Symbol.asyncDispose]()
  await office[Symbol.asyncDispose]()
  await database.drop()
})

/** Checks an answer against its operation, and gives it back. */
const checked = (operation: string, answer: Answer): Answer => {
  expect(problemsOf(operation, answer)).toEqual([])
  called.set(operation, (called.get(operation) ?? new Set()).add(answer.status))
  return answer
}

interface Asked {
  readonly key?: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** Calls an operation at a path, and checks the answer. */
const call = async (operation: string, path: string, { key, body, headers }: Asked = {}): Promise<Answer> => {
  const { method, listener } = definitionOf(operation)
  const init = {
    method,
    headers: {
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  }
  const answer = listener === "operations" ? await api.ask(path, init) : await api.call(path, init)
  return checked(operation, answer)
}

const signed = (body: unknown): Asked => {
  const text = JSON.stringify(body)
  const at = new Date()
  return {
    body: text,
    headers: {
      "webhook-id": "msg",
      "webhook-timestamp": String(Math.floor(at.getTime() / 1_000)),
      "webhook-signature": new Webhook(secret).sign("msg", at, text),
    },
  }
}

describe("each answer is as the document says", () => {
  it("of partners", async () => {
    const key = partner
    const named = (name: string) => ({ "idempotency-key": name })
    const batch = { items: [payout("a"), payout("b")] }
    const { json } = await call("acceptPayoutBatch", "/payout-batches", {
      key,
      body: batch,
      headers: named("one"),
    })
    await call("acceptPayoutBatch", "/payout-batches", { key, body: batch, headers: named("one") })
    await call("acceptPayoutBatch", "/payout-batches", { key, body: batch })
    await call("acceptPayoutBatch", "/payout-batches", { key, body: {}, headers: named("two") })
    await call("acceptPayoutBatch", "/payout-batches", {
      key,
      body: { items: [payout("c")] },
      headers: named("one"),
    })
    await call("acceptPayoutBatch", "/payout-batches", { key, body: batch, headers: named("warned") })
    const at = `/payout-batches/${json.id}`
    await call("listPayoutBatches", "/payout-batches", { key })
    await call("listPayoutBatches", "/payout-batches?limit=0", { key })
    await call("listPayoutBatches", "/payout-batches", { key: operator })
    await call("showPayoutBatch", at, { key })
    await call("showPayoutBatch", `${at}?atLeast=999`, { key })
    await call("showPayoutBatch", "/payout-batches/pb_none", { key })
    const page = await call("listPayoutItems", `${at}/items`, { key })
    const known = { "if-none-match": String(page.headers.get("etag")) }
    expect((await call("listPayoutItems", `${at}/items`, { key, headers: known })).status).toBe(304)
    await call("listPayoutItems", `${at}/items?atLeast=999`, { key })
    await call("searchPayoutItems", "/payout-items", { key })
    await call("searchPayoutItems", "/payout-items?state=settled,lost", { key })
    for (const type of ["text/csv", "application/x-ndjson"])
      for (const [operation, path] of [
        ["listPayoutItems", `${at}/items`],
        ["searchPayoutItems", "/payout-items"],
      ] as const) {
        const { headers } = await call(operation, path, { key, headers: { accept: type } })
        expect(headers.get("content-type")).toContain(type)
      }
    const stream = { key, headers: { accept: "text/event-stream", "last-event-id": "999" } }
    await call("listBatchEvents", `${at}/events`, stream)
    await call("showPayoutItem", `${at}/items/1`, { key })
    await call("showListMatches", `${at}/items/1/matches`, { key: operator })
    await call("provePayoutItem", `${at}/items/1/proof`, { key })
    await call("listBatchEvents", `${at}/events`, { key })
    await call("listBatchActs", `${at}/acts`, { key })
    const days = "from=2026-11-01&to=2026-11-30"
    await call("listDailyTotals", `/reports/daily-totals?${days}`, { key })
    await call("listDailyTotals", "/reports/daily-totals", { key })
    await call("countFailures", `/reports/failures?${days}`, { key })
    await call("countFailures", "/reports/failures?from=2026-11-02&to=2026-11-01", { key })
    await call("retryItem", `${at}/items/1/retry`, { key, body: {} })
    await call("approveBatch", `${at}/approval`, { key, body: { hash: "x" } })
    await call("declineBatch", `${at}/decline`, { key, body: { hash: "x", reason: "by mistake" } })
    await call("rescheduleBatch", `${at}/schedule`, { key, body: { executeAt: "2000-01-02T03:04:05Z" } })
    const later = new Date(Date.now() + 86_400_000).toISOString()
    const due = { ...batch, executeAt: new Date(Date.now() + 3_600_000).toISOString() }
    const scheduled = await call("acceptPayoutBatch", "/payout-batches", {
      key,
      body: due,
      headers: named("scheduled"),
    })
    const schedule = `/payout-batches/${scheduled.json.id}/schedule`
    await call("rescheduleBatch", schedule, { key, body: { executeAt: later } })
    await call("cancelBatch", `${at}/cancellation`, { key, body: { reason: "by mistake", items: [2] } })
    await call("reviewItem", `${at}/items/1/review`, { key, body: {} })
    await call("reviewItem", `${at}/items/1/review`, {
      key: operator,
      body: { reason: "x", decision: "released" },
    })
    const resolved = { outcome: "settled", evidence: { text: "seen", reference: "statement" } }
    await call("resolveItem", `${at}/items/1/resolution`, { key: operator, body: resolved })
    expect([...(called.get("acceptPayoutBatch") ?? [])].sort()).toEqual([202, 400, 422])
    expect([...(called.get("cancelBatch") ?? [])]).toEqual([202])
  })

  it("of partners who send files, as the document shows them", async () => {
    const { body } = definitionOf("acceptPayoutBatch")
    const file = (query: string, type: string, text: unknown, headers = {}) =>
      call("acceptPayoutBatch", `/payout-batches${query}`, {
        key: partner,
        body: text,
        headers: { "content-type": type, ...headers },
      })
    const tomorrow = new Date(Date.now() + 86_400_000).toISOString().slice(0, 10)
    for (const [type, { example: shown }] of Object.entries(body?.media ?? {})) {
      const example = typeof shown === "string" ? shown.replace("2026-11-30", tomorrow) : shown
      const tried = await file("?dryRun=true", type, example)
      expect([type, tried.status, tried.json.itemCount]).toEqual([type, 200, 1])
      const named = { "idempotency-key": type }
      for (const replayed of [null, "true"]) {
        const { status, headers } = await file("", type, example, named)
        expect([type, status, headers.get("idempotent-replayed")]).toEqual([type, 202, replayed])
      }
      expect((await file("", type, example)).status).toBe(400)
      expect((await file("?dryrun=true", type, example, named)).status).toBe(400)
      expect((await file("", type, "{", named)).status).toBe(400)
    }
    const rows = {
      "text/csv": "reference,currency,amount,name,iban\na,EUR,0,Kim,x\n",
      "application/x-ndjson": "{}",
    }
    for (const [type, text] of Object.entries(rows)) {
      const { status, json } = await file("", type, text, { "idempotency-key": "rows" })
      expect([type, status, json.type]).toEqual([type, 400, "/problems/invalid-rows"])
      const rejects = await file("?rejects=file", type, text, { "idempotency-key": "rows" })
      expect([rejects.status, rejects.headers.get("content-type")?.split(";")[0]]).toEqual([400, type])
      expect(rejects.headers.get("rejected-rows")).toBe("1")
    }
    expect((await file("", "text/plain", "a", { "idempotency-key": "plain" })).status).toBe(415)
    expect([...(called.get("acceptPayoutBatch") ?? [])].sort()).toEqual([200, 202, 400, 415, 422])
  })

  it("about drafts", async () => {
    const key = partner
    const drafts = "/payout-batch-drafts"
    const created = await call("createPayoutBatchDraft", drafts, { key, body: { reference: "week 13" } })
    await call("createPayoutBatchDraft", drafts, { key, body: { items: [] } })
    const at = `${drafts}/${created.json.id}`
    const version = (number: number) => ({ "if-match": `"${number}"` })
    const page = { items: [payout("d"), payout("e"), payout("f")] }
    const named = { "idempotency-key": "page", ...version(1) }
    for (const replayed of [null, "true"]) {
      const { headers } = await call("addDraftItems", `${at}/items`, { key, body: page, headers: named })
      expect([headers.get("etag"), headers.get("idempotent-replayed")]).toEqual(['"2"', replayed])
    }
    await call("addDraftItems", `${at}/items`, { key, body: { items: [payout("g")] }, headers: named })
    const csv = "reference,currency,amount,name,iban\nx,EUR,1.00,Kim,DE89370400440532013000\n"
    const rows = { "idempotency-key": "rows", "content-type": "text/csv", ...version(2) }
    await call("addDraftItems", `${at}/items`, { key, body: csv, headers: rows })
    await call("addDraftItems", `${at}/items`, {
      key,
      body: page,
      headers: { "idempotency-key": "late", ...version(2) },
    })
    await call("listPayoutBatchDrafts", drafts, { key })
    await call("listPayoutBatchDrafts", `${drafts}?cursor=x`, { key })
    await call("showPayoutBatchDraft", at, { key })
    await call("showPayoutBatchDraft", `${drafts}/pd_none`, { key })
    await call("replacePayoutBatchDraftTerms", at, { key, body: { reference: "14" } })
    await call("replacePayoutBatchDraftTerms", at, { key, body: { mode: "partial" }, headers: version(3) })
    await call("removeDraftItem", `${at}/items/2`, { key, headers: version(4) })
    await call("removeDraftItem", `${at}/items/2`, { key, headers: version(5) })
    await call("removeDraftPage", `${at}/pages/2`, { key, headers: version(5) })
    await call("listDraftItems", `${at}/items?limit=1`, { key })
    await call("submitPayoutBatchDraft", `${at}/submission?dryRun=true`, { key, headers: version(6) })
    await call("submitPayoutBatchDraft", `${at}/submission`, { key, headers: version(5) })
    await call("submitPayoutBatchDraft", `${at}/submission`, { key, headers: version(6) })
    await call("submitPayoutBatchDraft", `${at}/submission`, { key, headers: version(6) })
    await call("removePayoutBatchDraft", at, { key, headers: version(6) })
    const { json: other } = await call("createPayoutBatchDraft", drafts, { key, body: {} })
    await call("removePayoutBatchDraft", `${drafts}/${other.id}`, { key, headers: version(1) })
    expect([...(called.get("submitPayoutBatchDraft") ?? [])]).toEqual([200, 412, 202])
    expect([...(called.get("addDraftItems") ?? [])]).toEqual([201, 422, 412])
    expect([...(called.get("removePayoutBatchDraft") ?? [])]).toEqual([409, 204])
  })

  it("about endpoints of webhooks", async () => {
    const key = partner
    const body = { url: "https://acme.example/hooks", eventTypes: ["com.atlaspay.payout.settled.v1"] }
    const { json } = await call("createWebhookEndpoint", "/webhook-endpoints", { key, body })
    await call("createWebhookEndpoint", "/webhook-endpoints", { key, body: { url: "http://acme.example" } })
    await call("createWebhookEndpoint", "/webhook-endpoints", {
      key,
      body,
      headers: { "content-type": "text/plain" },
    })
    await call("createWebhookEndpoint", "/webhook-endpoints", { key, body })
    await call("listWebhookEndpoints", "/webhook-endpoints", { key })
    const own = `/webhook-endpoints/${json.id}`
    await call("showWebhookEndpoint", own, { key })
    await call("changeWebhookEndpoint", own, { key, body: { description: "books", rateLimit: 5 } })
    await call("changeWebhookEndpoint", own, { key, body: {}, headers: { "if-match": '"1"' } })
    await call("pauseWebhookEndpoint", `${own}/pause`, { key })
    await call("resumeWebhookEndpoint", `${own}/resume`, { key })
    await call("testWebhookEndpoint", `${own}/test`, { key })
    await call("changeWebhookEndpoint", own, { key, body: { description: "busy" } })
    await call("testWebhookEndpoint", `${own}/test`, { key })
    expect([...(called.get("createWebhookEndpoint") ?? [])]).toEqual([201, 400, 415, 409])
    expect([...(called.get("changeWebhookEndpoint") ?? [])]).toEqual([200, 412])
    expect([...(called.get("testWebhookEndpoint") ?? [])]).toEqual([202, 429])
    const at = `/webhook-endpoints/${json.id}`
    await call("listWebhookDeliveries", "/webhook-deliveries?state=dead&since=2026-11-27", { key })
    await call("listWebhookDeliveries", "/webhook-deliveries?state=lost", { key })
    await call("showWebhookDelivery", `${at}/deliveries/${deadEvent.replace(":", ".")}?body=true`, { key })
    await call("showWebhookDelivery", `${at}/deliveries/none`, { key })
    await call("resendWebhook", `${at}/deliveries/${deadEvent.replace(":", ".")}/resend`, { key })
    await call("resendWebhook", `${at}/deliveries/none/resend`, { key })
    await call("redriveWebhooks", `${at}/redrive`, { key, body: { since: "2026-11-27T00:00:00Z" } })
    await call("redriveWebhooks", `${at}/redrive`, { key, body: { since: "yesterday" } })
    await call("redriveWebhooks", "/webhook-endpoints/none/redrive", { key, body: {} })
    const replays = `${at}/replays`
    await call("startWebhookReplay", replays, { key, body: {} })
    await call("startWebhookReplay", replays, { key, body: { batchId: "pb_none" } })
    const since = { since: "2026-11-27T00:00:00Z" }
    await call("startWebhookReplay", "/webhook-endpoints/none/replays", { key, body: since })
    const { json: replay } = await call("startWebhookReplay", replays, { key, body: since })
    await call("startWebhookReplay", replays, { key, body: since })
    await call("listWebhookReplays", replays, { key })
    await call("showWebhookReplay", `${replays}/${replay.id}`, { key })
    await call("showWebhookReplay", `${replays}/none`, { key })
    expect([...(called.get("startWebhookReplay") ?? [])]).toEqual([400, 404, 202, 409])
    await call("removeWebhookEndpoint", `/webhook-endpoints/${json.id}`, { key })
    await call("removeWebhookEndpoint", `/webhook-endpoints/${json.id}`, { key })
  })

  it("about what signs webhooks", async () => {
    const key = partner
    const { json } = await call("createWebhookEndpoint", "/webhook-endpoints", {
      key,
      body: { url: "https://acme.example/signed" },
    })
    const at = `/webhook-endpoints/${json.id}`
    for (const place of [at, "/webhook-endpoints/we_none"]) {
      await call("showWebhookSignatures", `${place}/signatures`, { key })
      for (const body of [{ overlapSeconds: 60 }, {}, { restart: true }, { overlapSeconds: -1 }])
        await call("rotateWebhookSecret", `${place}/secret/rotation`, { key, body })
      await call("endPreviousWebhookSecret", `${place}/secret/previous`, { key })
      await call("rotateWebhookSigningKey", `${place}/signing-key/rotation`, { key, body: {} })
      await call("addWebhookSigningKey", `${place}/signing-key`, { key })
      for (const body of [{}, {}, { overlapSeconds: "1" }])
        await call("rotateWebhookSigningKey", `${place}/signing-key/rotation`, { key, body })
    }
    await call("showWebhookPublicKeys", `/.well-known/webhook-keys/${json.id}`, {})
    await call("showWebhookPublicKeys", "/.well-known/webhook-keys/we_none", {})
    for (const place of [at, "/webhook-endpoints/we_none"]) {
      await call("endPreviousWebhookSigningKey", `${place}/signing-key/previous`, { key })
      await call("removeWebhookSigningKey", `${place}/signing-key`, { key })
    }
    await call("removeWebhookEndpoint", at, { key })
  })

  it("about proofs", async () => {
    const key = partner
    await call("showProofKeys", "/.well-known/atlaspay-proof-keys.json", {})
    await call("showProofRoot", "/proofs/root", { key })
    for (const query of ["?from=3&to=5", "?from=3&to=6", "?from=3", "?from=a&to=5"])
      await call("showProofConsistency", `/proofs/consistency${query}`, { key })
  })

  it("to administrators", async () => {
    const key = operator
    const body = { reason: "a test" }
    await call("createPartner", "/admin/partners", { key, body: { id: "globex" } })
    await call("createPartner", "/admin/partners", { key, body: { id: "globex" } })
    await call("listPartners", "/admin/partners", { key })
    const contract = { operates: ["review"] }
    await call("setPartnerContract", "/admin/partners/globex/contract", { key, body: contract })
    await call("setPartnerContract", "/admin/partners/nobody/contract", { key, body: contract })
    const settings = { currencies: ["EUR"], dayMax: { EUR: "250000.00" } }
    await call("setPartnerSettings", "/admin/partners/globex/settings", { key, body: settings })
    await call("showPartnerSettings", "/admin/partners/globex/settings", { key })
    await call("showPartnerSettings", "/admin/partners/nobody/settings", { key })
    await call("suspendPartner", "/admin/partners/globex/suspension", { key, body })
    await call("resumePartner", "/admin/partners/globex/resumption", { key, body })
    await call("suspendPartner", "/admin/partners/nobody/suspension", { key, body })
    const asked = { partner: "globex", name: "payroll", scopes: ["batches:read"] }
    const { json } = await call("createApiKey", "/admin/api-keys", { key, body: asked })
    await call("listApiKeys", "/admin/api-keys", { key })
    await call("showApiKey", `/admin/api-keys/${json.id}`, { key })
    await call("rotateApiKey", `/admin/api-keys/${json.id}/rotation`, { key, body: { overlapSeconds: 60 } })
    await call("revokeApiKey", `/admin/api-keys/${json.id}/revocation`, { key, body })
    await call("signOutPerson", "/admin/people/sso-nobody/sign-out", { key, body })
    await call("signOutPerson", "/admin/people/Nobody/sign-out", { key, body })
    await call("showAuditTrail", "/admin/audit", { key })
    await call("listActs", "/reports/acts?from=2026-11-01&to=2026-11-30", { key })
  })

  it("to providers", async () => {
    await call("hearBank", "/bank-callbacks/north", signed({ id: "1" }))
    const decided = {
      id: "1",
      clearanceId: "none",
      listVersion: "1",
      decisions: [{ item: 1, decision: "approved" }],
    }
    await call("hearComplianceEngine", "/compliance-callbacks", signed(decided))
    await call("hearOfLists", "/compliance-callbacks/lists", signed({ id: "2", listVersion: "2" }))
    await call("hearLedger", "/ledger-callbacks/funded", signed({ partner: "acme", currency: "EUR" }))
  })

  it("to those who run the service, and who read about it", async () => {
    await call("isAlive", "/healthz")
    await call("isReady", "/readyz")
    await call("showMetrics", "/metrics")
    await call("showProviders", "/providers")
    await call("showLogLevel", "/log-level")
    await call("setLogLevel", "/log-level?level=info")
    await call("showIndex", "/")
    const shown = await call("showOpenApi", "/openapi.json")
    expect(shown.json).toEqual(JSON.parse(JSON.stringify(openApiDocument)))
    const { json } = await call("showAsyncApi", "/asyncapi.json")
    expect(json).toEqual(JSON.parse(JSON.stringify(asyncApiDocument)))
    const { headers, text } = await call("showDocs", "/docs")
    expect(headers.get("content-security-policy")).toContain("default-src 'none'")
    expect(text).not.toMatch(/<script|src=|https?:\/\/(?!www\.w3)[^<]*"/)
    const linked = [...text.matchAll(/href="(\/events\/[^"]+)"/g)].map(([, path = ""]) => path)
    expect(linked).toEqual([...eventSchemas.keys()].map((name) => `/events/${name}.json`))
    for (const path of linked) expect((await call("showEventSchema", path)).status).toBe(200)
    for (const path of ["/events/PayoutSettled", "/events/payoutsettled.json", "/events/.json"])
      expect((await call("showEventSchema", path)).status).toBe(404)
  })

  it("to a caller without a key, and at an address that is not canonical", async () => {
    for (const { operationId, path, guard, listener } of definitions) {
      const place = path.replaceAll(/:(\w+)/g, "x")
      if (typeof guard.access === "object") await call(operationId, place)
      if (listener !== "operations" && path !== "/") await call(operationId, `${place}/`)
    }
  })

  it("to who accepts none of the forms that a route answers in, before it does anything", async () => {
    for (const { operationId, path, guard, answers } of definitions) {
      const { access } = guard
      const key = typeof access === "string" ? {} : { key: access.partner === undefined ? operator : partner }
      const { status, json } = await call(operationId, path.replaceAll(/:(\w+)/g, "x"), {
        ...key,
        headers: { accept: "image/png, */*;q=0" },
      })
      const mediaTypes = mediaTypesOf(answers)
      if (mediaTypes.length === 0) expect(status).not.toBe(406)
      else expect([operationId, status, json.mediaTypes]).toEqual([operationId, 406, mediaTypes])
    }
  })

  it("of every operation that there is", () => {
    expect([...called.keys()].sort()).toEqual(definitions.map(({ operationId }) => operationId).sort())
    const succeeded = [...called].filter(([, statuses]) => [...statuses].some((status) => status < 300))
    const refusedOnly = definitions
      .map(({ operationId }) => operationId)
      .filter((operation) => !succeeded.some(([name]) => name === operation))
    // What needs a batch in a later state, or the secret of a bank, is called to its end by tests of its own.
    expect(refusedOnly.sort()).toEqual(
      [
        "approveBatch",
        "declineBatch",
        "hearBank",
        "hearComplianceEngine",
        "hearLedger",
        "provePayoutItem",
        "resolveItem",
        "retryItem",
        "reviewItem",
      ].sort(),
    )
  })
})
