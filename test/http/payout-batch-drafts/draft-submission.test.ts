/** A draft becomes one batch, of the version that was named, whoever dies when and whoever comes at the same time. */
import { Effect, Layer } from "effect"
import postgres from "postgres"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import type { BatchId } from "../../../src/domain/identifiers.ts"
import { batchOfDraft } from "../../../src/http/payout-batch-drafts/own-draft.ts"
import { RedisConnections } from "../../../src/platform/redis.ts"
import { PartnerKeys } from "../../../src/vault/partner-keys.ts"
import { layer as partnerKeysOnRedis } from "../../../src/vault/partner-keys-redis.ts"
import { type OwnDatabase, ownDatabase } from "../../database.ts"
import { ClaimsInMemory } from "../../register/claims-in-memory.ts"
import { ownPrefix, settings } from "../../settings.ts"
import { ApiUnderTest, acme, globex, supervisor } from "../api-under-test.ts"
import { payout } from "../payout-batches/payout-batch-body.ts"
import { callDraft, die, draftsLayer, draftWith, Steps } from "./drafts-under-test.ts"

const steps = new Steps()
const claims = new ClaimsInMemory()
let database: OwnDatabase
let sql: postgres.Sql
let api: ApiUnderTest
beforeAll(async () => {
  database = await ownDatabase()
  sql = postgres(database.url, { max: 1 })
  api = await ApiUnderTest.open({
    environment: { DATABASE_URL: database.url, DUPLICATE_PAYOUTS: "globex=refuse:30" },
    drafts: steps.drafts,
    streams: steps.streams,
    claims,
  })
})
afterEach(() => {
  steps.clear()
  claims.isAway = false
})
afterAll(async () => {
  await api[Symbol.asyncDispose]()
  await sql.end()
  await database.drop()
})

const submit = (path: string, version: number, apiKey = acme) =>
  callDraft(api, "POST", `${path}/submission`, { version, apiKey })

const show = async (path: string, apiKey = acme) => (await callDraft(api, "GET", path, { apiKey })).json

/** The first event of the batch of a draft; nothing if there is none. */
const received = async (id: string, partner = "acme") => {
  const batch = batchOfDraft({ id, partner })
  const [first] = await Effect.runPromise(api.log.read(batch as BatchId, 0, 1))
  return first?.event._tag === "BatchReceived" ? { batch, ...first.event } : undefined
}

describe("a submission", () => {
  it("makes a batch of all terms and items, in their order, submitted by the key that submits", async () => {
    const terms = {
      reference: "week 12",
      mode: "strict",
      requireApproval: true,
      executeAt: "2030-01-04T09:00:00+01:00",
    }
    const { json: refused } = await callDraft(api, "POST", "", { body: terms })
    expect(refused.type).toBe("/problems/invalid-body")
    const soon = new Date(Date.now() + 3_600_000).toISOString()
    const pages = [[payout("a"), payout("b", { remittance: "Müller 1" })], [payout("c")]]
    const { path, id, version } = await draftWith(api, pages, { ...terms, executeAt: soon })
    const { status, json, headers } = await submit(path, version, supervisor)
    expect([status, json.state, json.itemCount, json.totals]).toEqual([202, "received", 3, { EUR: "37.02" }])
    expect(headers.get("location")).toBe(`/payout-batches/${json.id}`)
    const event = await received(id)
    expect(event).toMatchObject({
      batch: json.id,
      reference: "week 12",
      mode: "strict",
      executeAt: Date.parse(soon),
      credential: "partner:acme/supervisor",
      idempotencyKey: `draft → ${id}`,
      itemCount: 3,
    })
    const log = await Effect.runPromise(api.log.read(json.id as BatchId, 0, 10))
    const chunk = log.flatMap(({ event }) => (event._tag === "ItemsReceived" ? event.items : []))
    expect(chunk.map(({ item, reference }) => [item, reference])).toEqual([
      [1, "a"],
      [2, "b"],
      [3, "c"],
    ])
    expect(await show(path)).toMatchObject({ state: "submitted", version, batch: json.id })
  })

  it("that is repeated is answered with the same batch", async () => {
    const { path, version } = await draftWith(api, [[payout("a")]])
    const first = await submit(path, version)
    const second = await submit(path, version)
    expect([first.status, second.status, second.json]).toEqual([202, 202, first.json])
    expect(first.headers.get("idempotent-replayed")).toBeNull()
    expect(second.headers.get("idempotent-replayed")).toBe("true")
  })

  it("of another version than the draft has, or had, is refused", async () => {
    const { path, id, version } = await draftWith(api, [[payout("a")], [payout("b")]])
    for (const other of [version - 1, version + 1]) {
      const { status, json } = await submit(path, other)
      expect([status, json.type, json.version]).toEqual([412, "/problems/draft-changed", version])
    }
    expect(await received(id)).toBeUndefined()
    const { json: batch } = await submit(path, version)
    const { status, json } = await submit(path, version - 1)
    expect([status, json.type, json.version, json.batch]).toEqual([
      409,
      "/problems/draft-not-open",
      version,
      batch.id,
    ])
  })

  it.each([undefined, "*", 'W/"2"', '"2", "1"', "2"])("with If-Match %s pays nothing", async (named) => {
    const { path, id } = await draftWith(api, [[payout("a")]])
    const { status } = await callDraft(
      api,
      "POST",
      `${path}/submission`,
      named === undefined ? {} : { version: named },
    )
    expect(status).toBe(named === undefined || named === "*" ? 428 : 412)
    expect(await received(id)).toBeUndefined()
  })

  it("of a draft without items, or with a reference twice, is refused, and the draft stays open", async () => {
    const empty = await draftWith(api, [])
    expect((await submit(empty.path, 1)).json).toMatchObject({ status: 400, errors: [{ pointer: "/items" }] })
    const { path, version } = await draftWith(api, [
      [payout("a"), payout("b")],
      [payout("c"), payout("b")],
    ])
    const removed = await callDraft(api, "DELETE", `${path}/items/1`, { version })
    expect([removed.status, removed.headers.get("etag")]).toEqual([204, `"${version + 1}"`])
    const { status, json } = await submit(path, version + 1)
    expect([status, json.errors]).toEqual([
      400,
      [{ pointer: "/items/3/reference", item: 4, field: "reference", detail: "already used by item 2" }],
    ])
    expect((await callDraft(api, "DELETE", `${path}/items/4`, { version: version + 1 })).status).toBe(204)
    expect((await submit(path, version + 2)).json).toMatchObject({ itemCount: 2 })
  })

  it("is only tried with dryRun: it stays open, and nothing is stored", async () => {
    const { path, id, version } = await draftWith(api, [[payout("a"), payout("b")]])
    const tried = await callDraft(api, "POST", `${path}/submission?dryRun=true`, { version })
    expect([tried.status, tried.json.itemCount, tried.json.totals]).toEqual([200, 2, { EUR: "24.68" }])
    const other = await callDraft(api, "POST", `${path}/submission?dryRun=true`, { version: version - 1 })
    expect(other.status).toBe(412)
    expect([await received(id), (await show(path)).state]).toEqual([undefined, "open"])
  })

  it("is tried of one version: not with dryRun, if somebody changes the draft meanwhile", async () => {
    const { path, version } = await draftWith(api, [[payout("a")]])
    steps.after.items = async () => {
      steps.clear()
      await callDraft(api, "PUT", path, { version, body: { requireApproval: true } })
    }
    const { status, json } = await callDraft(api, "POST", `${path}/submission?dryRun=true`, { version })
    expect([status, json.type, json.version]).toEqual([412, "/problems/draft-changed", version + 1])
  })

  it("is checked for duplicates, which are named by their numbers in the draft", async () => {
    await api.post("before", { items: [payout("INV-1")] }, globex)
    const { path, version } = await draftWith(api, [[payout("x"), payout("INV-1")]], {}, globex)
    await callDraft(api, "DELETE", `${path}/items/1`, { version, apiKey: globex })
    const { status, json } = await submit(path, version + 1, globex)
    expect([status, json.count, json.errors]).toMatchObject([409, 1, [{ pointer: "/items/1", item: 2 }]])
    expect((await show(path, globex)).state).toBe("open")
  })
})

describe("a process that dies", () => {
  it("before the version is fixed leaves the draft open", async () => {
    const { path, id, version } = await draftWith(api, [[payout("a")]])
    steps.before.beginSubmission = die
    expect((await submit(path, version)).status).toBe(500)
    expect([(await show(path)).state, await received(id)]).toEqual(["open", undefined])
    steps.clear()
    expect((await submit(path, version)).status).toBe(202)
  })

  it.each([
    ["after the version was fixed", "after", "beginSubmission"],
    ["before the batch is opened", "before", "open"],
  ] as const)(
    "%s leaves a draft that takes no changes, and becomes a batch when it is submitted again",
    async (_, when, step) => {
      const { path, id, version } = await draftWith(api, [[payout("a")]])
      steps[when][step] = die
      expect((await submit(path, version)).status).toBe(500)
      steps.clear()
      expect([(await show(path)).state, await received(id)]).toEqual(["submitting", undefined])
      const more = { version, key: "more", body: { items: [payout("b")] } }
      for (const [method, at, asked] of [
        ["POST", "/items", more],
        ["DELETE", "/items/1", { version }],
        ["DELETE", "/pages/1", { version }],
        ["PUT", "", { version, body: {} }],
        ["DELETE", "", { version }],
      ] as const) {
        const { status, json } = await callDraft(api, method, `${path}${at}`, asked)
        expect([method, at, status, json.state]).toEqual([method, at, 409, "submitting"])
      }
      expect((await submit(path, version + 1)).status).toBe(409)
      const { status, headers } = await submit(path, version)
      expect([status, headers.get("idempotent-replayed")]).toEqual([202, null])
      expect((await received(id))?.itemCount).toBe(1)
    },
  )

  it.each([
    ["after the batch was opened", "after", "open"],
    ["before the draft says so", "before", "submitted"],
    ["before it answers", "after", "submitted"],
  ] as const)("%s leaves one batch, which the draft and its next submission show", async (_, when, step) => {
    for (const look of ["show", "submit"]) {
      const { path, id, version } = await draftWith(api, [[payout(`${step} ${look}`)]])
      steps[when][step] = die
      expect((await submit(path, version)).status).toBe(500)
      steps.clear()
      const event = await received(id)
      expect(event?.itemCount).toBe(1)
      if (look === "show") expect(await show(path)).toMatchObject({ state: "submitted", batch: event?.batch })
      const again = await submit(path, version)
      expect([again.status, again.json.id, again.headers.get("idempotent-replayed")]).toEqual([
        202,
        event?.batch,
        "true",
      ])
      expect(await show(path)).toMatchObject({ state: "submitted", batch: event?.batch })
    }
  })

  it("is waited for until it can open nothing any more; then the draft is open again", async () => {
    const { path, id, version } = await draftWith(api, [[payout("a")]])
    steps.after.beginSubmission = die
    await submit(path, version)
    steps.clear()
    const attempts = (at: number) =>
      sql`update payout_batch_drafts set attempts = ${JSON.stringify([{ id: "x", openBy: at }])}::text::jsonb where id = ${id}`
    // The clocks of two servers may differ by a minute.
    await attempts(Date.now() - 50_000)
    expect((await show(path)).state).toBe("submitting")
    await attempts(Date.now() - 70_000)
    expect(await show(path)).toMatchObject({ state: "open", version })
    const more = { version, key: "more", body: { items: [payout("b")] } }
    expect((await callDraft(api, "POST", `${path}/items`, more)).status).toBe(201)
    expect((await submit(path, version + 1)).json.itemCount).toBe(2)
  })
})

describe("at the same time", () => {
  it("two submissions make one batch", async () => {
    for (let round = 0; round < 5; round += 1) {
      const { path, id, version } = await draftWith(api, [[payout(`a${round}`)], [payout(`b${round}`)]])
      const answers = await Promise.all([submit(path, version), submit(path, version), submit(path, version)])
      const event = await received(id)
      expect(event?.itemCount).toBe(2)
      for (const { status, json } of answers) expect([status, json.id]).toEqual([202, event?.batch])
      expect(answers.filter(({ headers }) => !headers.has("idempotent-replayed"))).toHaveLength(1)
    }
  })

  it("a page and a submission never pay what was not looked at", async () => {
    const seen = new Set<string>()
    for (let round = 0; round < 12; round += 1) {
      const { path, id, version } = await draftWith(api, [[payout(`a${round}`)]])
      const more = { version, key: "more", body: { items: [payout(`b${round}`)] } }
      const adding = () => callDraft(api, "POST", `${path}/items`, more)
      const [added, submitted] = await (round % 2 === 0
        ? Promise.all([adding(), submit(path, version)])
        : Promise.all([submit(path, version), adding()]).then(([one, other]) => [other, one] as const))
      seen.add(`${added.status} ${submitted.status}`)
      const event = await received(id)
      // Who submits a version gets its one item, or nothing.
      expect(event?.itemCount).toBe(submitted.status === 202 ? 1 : undefined)
      expect([added.status === 201, submitted.status === 202]).toEqual([
        submitted.status === 412,
        added.status === 409,
      ])
    }
    for (const one of seen) expect(["201 412", "409 202"]).toContain(one)
  })

  it("a page that waited for a submission is refused", async () => {
    const { path, version } = await draftWith(api, [[payout("a")]])
    let batch: unknown
    steps.before.addPage = async () => {
      batch = (await submit(path, version)).json.id
    }
    const more = { version, key: "more", body: { items: [payout("b")] } }
    const { status, json } = await callDraft(api, "POST", `${path}/items`, more)
    expect([status, json.type, json.batch]).toEqual([409, "/problems/draft-not-open", batch])
  })

  it("a refused submission does not open a draft that another one may still make a batch of", async () => {
    const { path, id, version } = await draftWith(api, [[payout("race")]], {}, globex)
    let refused: Awaited<ReturnType<typeof submit>> | undefined
    let changed: Awaited<ReturnType<typeof callDraft>> | undefined
    steps.before.open = async () => {
      claims.isAway = true
      refused = await submit(path, version, globex)
      const more = { version, key: "more", body: { items: [payout("more")] }, apiKey: globex }
      changed = await callDraft(api, "POST", `${path}/items`, more)
    }
    const { status } = await submit(path, version, globex)
    expect([status, refused?.json.type]).toEqual([202, "/problems/duplicates-unknown"])
    expect([changed?.status, changed?.json.state]).toEqual([409, "submitting"])
    expect((await received(id, "globex"))?.itemCount).toBe(1)
  })

  it("a refused submission that is alone opens the draft", async () => {
    const { path, version } = await draftWith(api, [[payout("alone")]], {}, globex)
    claims.isAway = true
    expect((await submit(path, version, globex)).status).toBe(503)
    expect((await show(path, globex)).state).toBe("open")
  })
})

it("opens nothing after the time that it gave itself", async () => {
  const { path, id, version } = await draftWith(api, [[payout("a")]])
  steps.openBy.length = 0
  const before = Date.now()
  steps.openByInstead = before - 1_000
  expect((await submit(path, version)).status).toBe(503)
  expect([await received(id), (await show(path)).state]).toEqual([undefined, "submitting"])
  const [openBy = 0] = steps.openBy
  // Redis runs on this machine.
  expect(openBy).toBeGreaterThan(before)
  expect(openBy).toBeLessThanOrEqual(Date.now() + 60_000)
  steps.clear()
  expect((await submit(path, version)).status).toBe(202)
})

it("never takes a key of a partner for that of a draft", async () => {
  const { id } = await draftWith(api, [[payout("a")]])
  const key = `draft → ${id}`
  const bytes = Buffer.from(key, "utf8").toString("latin1")
  expect((await api.post(bytes, { items: [payout("a")] })).status).toBe(400)
})

describe("a store that was set back", () => {
  const tables = ["payout_batch_drafts", "payout_batch_draft_pages", "payout_batch_draft_items"] as const

  it("makes no second batch of a draft: not of the same items, and not of others", async () => {
    const { path, id, version } = await draftWith(api, [[payout("a")]])
    for (const table of tables) await sql.unsafe(`create table backup_${table} as table ${table}`)
    const { json: batch } = await submit(path, version)
    const restore = async () => {
      for (const table of tables)
        await sql.unsafe(`truncate ${table}; insert into ${table} select * from backup_${table}`)
    }
    await restore()
    expect((await show(path)).state).toBe("open")
    const same = await submit(path, version)
    expect([same.status, same.json.id, same.headers.get("idempotent-replayed")]).toEqual([
      202,
      batch.id,
      "true",
    ])
    await restore()
    const more = { version, key: "more", body: { items: [payout("b")] } }
    expect((await callDraft(api, "POST", `${path}/items`, more)).status).toBe(201)
    const { status, json } = await submit(path, version + 1)
    expect([status, json.type, json.batch]).toEqual([422, "/problems/idempotency-key-reused", batch.id])
    expect([(await received(id))?.itemCount, (await show(path)).state]).toEqual([1, "open"])
    for (const table of tables) await sql.unsafe(`drop table backup_${table}`)
  })

  it("does not open a draft again whose batch the log has lost", async () => {
    const { path, version } = await draftWith(api, [[payout("a")]])
    const { json: batch } = await submit(path, version)
    await using forgetful = await ApiUnderTest.open({
      environment: { DATABASE_URL: database.url },
      drafts: draftsLayer,
    })
    const { status, json } = await callDraft(forgetful, "POST", `${path}/submission`, { version })
    expect([status, json.state, json.batch]).toEqual([409, "submitted", batch.id])
    expect((await callDraft(forgetful, "GET", path)).json).toMatchObject({
      state: "submitted",
      batch: batch.id,
    })
  })
})

it("is refused once the partner's keys are forgotten, as is a look at the items", async () => {
  const environment = { DATABASE_URL: database.url, STREAM_PREFIX: ownPrefix() }
  const { path, version } = await ApiUnderTest.open({ environment, drafts: draftsLayer }).then(
    async (first) => {
      const draft = await draftWith(first, [[payout("a")]])
      await first[Symbol.asyncDispose]()
      return draft
    },
  )
  await Effect.runPromise(
    Effect.flatMap(PartnerKeys, (keys) =>
      Effect.andThen(keys.forget("acme"), keys.rotate("acme", "anew")),
    ).pipe(
      Effect.provide(
        Layer.fresh(partnerKeysOnRedis).pipe(
          Layer.provide(Layer.fresh(RedisConnections.layer)),
          Layer.provide(settings(environment)),
        ),
      ),
      Effect.scoped,
    ),
  )
  await using later = await ApiUnderTest.open({ environment, drafts: draftsLayer })
  for (const [method, at] of [
    ["GET", "/items"],
    ["POST", "/submission"],
    ["POST", "/submission?dryRun=true"],
    ["DELETE", "/items/1"],
  ] as const) {
    const { status, json } = await callDraft(later, method, `${path}${at}`, { version })
    expect([method, at, status, json.type]).toEqual([method, at, 403, "/problems/keys-forgotten"])
  }
  // What cannot be read any more can be removed, and others can be made.
  expect((await callDraft(later, "GET", path)).json.state).toBe("open")
  expect((await callDraft(later, "DELETE", path, { version })).status).toBe(204)
  const other = await draftWith(later, [[payout("a")]])
  expect((await callDraft(later, "POST", `${other.path}/submission`, { version: 2 })).status).toBe(202)
})
