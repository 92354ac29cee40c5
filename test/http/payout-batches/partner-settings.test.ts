/** A new batch is held to its partner's settings, and what was accepted stays accepted. */
import { Context, Effect, Layer } from "effect"
import { Redis } from "ioredis"
import { describe, expect, inject, it } from "vitest"
import type { BatchId } from "../../../src/domain/identifiers.ts"
import type { PartnerSettings } from "../../../src/domain/partner-settings.ts"
import { UNDER_WAY_MS } from "../../../src/http/payout-batches/earlier-payouts.ts"
import { KeyDirectory } from "../../../src/identity/key-directory.ts"
import { StoreUnavailable } from "../../../src/platform/store-unavailable.ts"
import { CorruptEntry, EventStore } from "../../../src/streams/event-store.ts"
import { ownPrefix } from "../../settings.ts"
import { ApiUnderTest, acme, globex, noStoredKeys, supervisor } from "../api-under-test.ts"
import { csv, csvRow, ndjsonLine, pain001, transfer } from "../payout-uploads/upload-bodies.ts"
import { payout } from "./payout-batch-body.ts"

const VERSION = 1_795_000_000_000

/** An API whose partner acme has settings, which a test may change; nothing: they cannot be read. */
const opened = async (
  settings: PartnerSettings,
  environment: Readonly<Record<string, string>> = {},
): Promise<{
  readonly api: ApiUnderTest
  readonly set: (settings: PartnerSettings | undefined) => void
}> => {
  let current: PartnerSettings | undefined = settings
  const access = Layer.merge(
    noStoredKeys,
    Layer.mock(KeyDirectory, {
      find: () => Effect.succeed("unknown" as const),
      isSuspended: () => false,
      settingsOf: (partner) =>
        Effect.suspend(() => {
          if (partner !== "acme") return Effect.succeed({ version: 0, settings: {} })
          return current === undefined
            ? Effect.fail(new StoreUnavailable({ store: "postgres", step: "read settings", reason: "gone" }))
            : Effect.succeed({ version: VERSION, settings: current })
        }),
    }),
  )
  const api = await ApiUnderTest.open({ access, environment })
  const set = (next: PartnerSettings | undefined) => {
    current = next
  }
  return { api, set }
}

const of = (value: string, currency = "EUR") => payout("a", { amount: { currency, value } })
const euros = (value: string, terms: object = {}) => ({ items: [of(value)], ...terms })

const status = async (api: ApiUnderTest, key: string, body: object, apiKey = acme) =>
  (await api.post(key, body, apiKey)).status

const opening = async (api: ApiUnderTest, id: unknown) => {
  const [first] = await Effect.runPromise(api.log.read(id as BatchId, 0, 1))
  return first?.event._tag === "BatchReceived" ? first.event : undefined
}

describe("a batch", () => {
  it.each<[string, PartnerSettings, object, string, string]>([
    ["a currency", { currencies: ["GBP"] }, euros("1.00"), "/items/0/amount/currency", "currencies"],
    ["a scheme", { schemes: ["ach"] }, euros("1.00"), "/items/0/beneficiary/account", "schemes"],
    ["an amount", { itemMax: { EUR: "1.00" } }, euros("1.01"), "/items/0/amount/value", "itemMax"],
    [
      "an amount in another currency",
      { itemMax: { GBP: "1.00" } },
      euros("0.01"),
      "/items/0/amount/value",
      "itemMax",
    ],
    [
      "a total",
      { batchMax: { EUR: "1.00" } },
      { items: [of("0.60"), payout("b", { amount: { currency: "EUR", value: "0.41" } })] },
      "/items",
      "batchMax",
    ],
    ["a total above a day's", { dayMax: { EUR: "1.00" } }, euros("1.01"), "/items", "dayMax"],
    ["a mode", { modes: ["strict"] }, euros("1.00", { mode: "partial" }), "/mode", "modes"],
  ])(
    "is refused for %s that a setting does not allow, with the place and the setting",
    async (_, settings, body, pointer, name) => {
      const { api } = await opened(settings)
      await using _api = api
      const answer = await api.post("refused", body)
      expect(answer.status).toBe(400)
      expect(answer.json.errors).toEqual([
        expect.objectContaining({ pointer, detail: expect.stringContaining(`setting ${name} `) }),
      ])
      expect(await status(api, "other", body, globex), "another partner").toBe(202)
    },
  )

  it("keeps the settings as terms in its opening event, and has the first mode by default", async () => {
    const settings: PartnerSettings = {
      modes: ["strict"],
      currencies: ["EUR"],
      approvalAbove: { EUR: "50.00" },
      itemMax: { EUR: "60.00" },
    }
    const { api } = await opened(settings, { APPROVAL_ABOVE: "EUR=10" })
    await using _api = api
    const within = await opening(api, (await api.post("within", euros("50.00"))).json.id)
    expect(within).toMatchObject({ mode: "strict", terms: { settingsVersion: VERSION, ...settings } })
    expect(within?.approval, "the threshold of the service is another one").toBeUndefined()
    const above = await opening(api, (await api.post("above", euros("50.01"))).json.id)
    expect(above?.approval?.reason).toBe("threshold")
    const others = await opening(api, (await api.post("others", euros("10.01"), globex)).json.id)
    expect(others?.approval?.reason, "whoever has no settings").toBe("threshold")
    expect(others).not.toHaveProperty("terms")
  })

  it("that was accepted is answered as before, whatever the settings are now", async () => {
    const { api, set } = await opened({})
    await using _api = api
    const first = await api.post("same", euros("5.00"))
    set({ currencies: ["GBP"], dayMax: { GBP: "1.00" }, backlogMax: 1, modes: ["strict"] })
    const again = await api.post("same", euros("5.00"))
    expect([again.status, again.text]).toEqual([202, first.text])
    expect(await status(api, "new", euros("5.00"))).not.toBe(202)
  })

  it("that was accepted is answered as before while the settings cannot be read, and a new one waits", async () => {
    const { api, set } = await opened({})
    await using _api = api
    const first = await api.post("same", euros("5.00"))
    set(undefined)
    const again = await api.post("same", euros("5.00"))
    expect([again.status, again.headers.get("idempotent-replayed"), again.text]).toEqual([
      202,
      "true",
      first.text,
    ])
    expect(await status(api, "same", euros("5.01")), "another request under the key").toBe(422)
    expect(await status(api, "new", euros("5.00"))).toBe(503)
  })

  it("waits where the partner has as many open batches as its setting allows", async () => {
    const { api } = await opened({ backlogMax: 1 })
    await using _api = api
    expect(await status(api, "one", euros("1.00"))).toBe(202)
    expect(await status(api, "two", euros("1.00"))).toBe(429)
    expect([
      await status(api, "1", euros("1.00"), globex),
      await status(api, "2", euros("1.00"), globex),
    ]).toEqual([202, 202])
  })

  it("is compared with earlier ones as the partner's setting says", async () => {
    const { api, set } = await opened({ duplicates: "refuse:7" })
    await using _api = api
    expect(await status(api, "one", euros("1.00"))).toBe(202)
    expect(await status(api, "two", euros("1.00"))).toBe(409)
    set({ duplicates: "off" })
    expect(await status(api, "three", euros("1.00"))).toBe(202)
  })
})

const xml = "application/xml"
const ndjson = "application/x-ndjson"
const json = "application/json"
/** Two payouts in each form, the second one of another amount. */
const forms: Readonly<Record<string, (amount: string) => string>> = {
  "text/csv": (amount) => csv(csvRow("a"), csvRow("b", { amount })),
  [ndjson]: (amount) =>
    [ndjsonLine("a"), ndjsonLine("b", { amount: { currency: "EUR", value: amount } })].join("\n"),
  [xml]: (amount) => pain001([transfer("a"), transfer("b", { amount })]),
  [json]: (amount) =>
    `{"items":[${ndjsonLine("a")},${ndjsonLine("b", { amount: { currency: "EUR", value: amount } })}]}`,
}

/** Where the second payout stands, as a problem of each form names it. */
const places: Readonly<Record<string, object>> = {
  "text/csv": { line: 3, column: "amount" },
  [ndjson]: { line: 2, column: "amount.value" },
  [xml]: { item: 2, column: "Amt/InstdAmt" },
  [json]: { item: 2, field: "amount.value" },
}

describe.each(Object.keys(forms))("a request in %s", (type) => {
  const send = (api: ApiUnderTest, key: string, amount: string, query = "") =>
    api.call(`/payout-batches${query}`, {
      method: "POST",
      headers: { authorization: `Bearer ${acme}`, "idempotency-key": key, "content-type": type },
      body: forms[type]?.(amount) ?? "",
    })

  it("is refused with the setting and the place, also in a dry run", async () => {
    const { api, set } = await opened({ itemMax: { EUR: "20.00" } })
    await using _api = api
    const errors = async (query: string) => {
      const { status, json } = await send(api, "one", "20.01", query)
      return [status, json.errors]
    }
    const refused = {
      ...places[type],
      detail: expect.stringContaining("setting itemMax allows at most 20.00 EUR"),
    }
    expect(await errors("")).toEqual([400, [expect.objectContaining(refused)]])
    expect(await errors("?dryRun=true")).toEqual([400, [expect.objectContaining(refused)]])
    set({ batchMax: { EUR: "20.00" }, modes: ["strict"] })
    const ofBatch = { detail: expect.stringContaining("setting batchMax allows at most 20.00 EUR") }
    expect(await errors("")).toEqual([400, [expect.objectContaining(ofBatch)]])
    if (type !== json) {
      const mode = { detail: "mode: the setting modes allows only strict" }
      expect(await errors("?mode=partial")).toEqual([400, [mode, expect.objectContaining(ofBatch)]])
    }
    set({ itemMax: { EUR: "20.01" } })
    expect((await send(api, "one", "20.01")).status).toBe(202)
  })

  it("looks at what is left of the day in a dry run, and uses nothing of it", async () => {
    const { api } = await opened({ dayMax: { EUR: "100.00" }, approvalAbove: { EUR: "60.00" } })
    await using _api = api
    const tried = async (key: string, amount: string) => {
      const { status, json } = await send(api, key, amount, "?dryRun=true")
      return [status, json.needsApproval ?? json.type]
    }
    expect([await tried("1", "40.00"), await tried("2", "40.00")]).toEqual([
      [200, false],
      [200, false],
    ])
    expect((await send(api, "1", "40.00")).status).toBe(202)
    expect(await tried("2", "7.66"), "above what is left of the day without approval").toEqual([200, true])
    expect(await tried("2", "47.66")).toEqual([409, "/problems/day-limit-reached"])
    expect(await tried("1", "40.00"), "was accepted, and would get its first answer").toEqual([200, false])
    expect((await send(api, "2", "35.32")).status, "all that is left").toBe(202)
    expect((await send(api, "3", "0.01")).status).toBe(409)
  })
})

/** Lets the log open nothing. */
const whileNothingOpens = async (api: ApiUnderTest, run: () => Promise<void>) => {
  const store = Context.get(api.streams, EventStore)
  const { prepare } = store
  const broken: typeof prepare = () =>
    Effect.fail(new StoreUnavailable({ store: "redis", step: "open", reason: "gone" }))
  try {
    Object.assign(store, { prepare: broken })
    await run()
  } finally {
    Object.assign(store, { prepare })
  }
}

/** Makes all counts of acme's day that were made look as if their requests had died two minutes ago. */
const letTheCountsAge = async (prefix: string) => {
  const redis = new Redis(inject("redisUrl"))
  try {
    const key = `${prefix}:{day:acme}:open`
    const counted = await redis.keys(`${prefix}:{day:acme}:counted:*`)
    for (const one of counted)
      await redis.zadd(key, Date.now() - UNDER_WAY_MS - 1_000, one.slice(one.indexOf(":counted:") + 9))
    return counted.length
  } finally {
    redis.disconnect()
  }
}

describe("a day", () => {
  const limit: PartnerSettings = { dayMax: { EUR: "100.00" } }

  it("is used up by whichever keys, and says so with the setting", async () => {
    const { api } = await opened(limit)
    await using _api = api
    expect(await status(api, "1", euros("60.00"))).toBe(202)
    const refused = await api.post("2", euros("40.01"), supervisor)
    expect([refused.status, refused.json.type]).toEqual([409, "/problems/day-limit-reached"])
    expect(refused.json).toMatchObject({
      setting: "dayMax",
      currency: "EUR",
      max: "100.00",
      errors: [{ pointer: "/items" }],
    })
    expect(await status(api, "3", euros("40.00"))).toBe(202)
    expect(await status(api, "4", euros("0.01"))).toBe(409)
  })

  it("counts a batch once that is posted many times, at one moment and later", async () => {
    const { api } = await opened(limit)
    await using _api = api
    const same = () => status(api, "same", euros("60.00"))
    expect(new Set(await Promise.all(Array.from({ length: 8 }, same)))).toEqual(new Set([202]))
    expect(await same()).toBe(202)
    expect([await status(api, "rest", euros("40.00")), await status(api, "more", euros("0.01"))]).toEqual([
      202, 409,
    ])
    expect(await same(), "also when nothing is left").toBe(202)
  })

  it("does not count what was posted under a key that was used", async () => {
    const { api } = await opened(limit)
    await using _api = api
    const statuses = await Promise.all([
      status(api, "same", euros("40.00")),
      status(api, "same", euros("40.01")),
    ])
    expect(statuses.toSorted()).toEqual([202, 422])
    const left = statuses[0] === 202 ? "60.00" : "59.99"
    expect([await status(api, "rest", euros(left)), await status(api, "more", euros("0.01"))]).toEqual([
      202, 409,
    ])
  })

  it("is not exceeded by batches that come at the same moment", async () => {
    const { api } = await opened(limit)
    await using _api = api
    const parts = Array.from({ length: 12 }, (_, part) => status(api, `part-${part}`, euros("20.00")))
    expect((await Promise.all(parts)).filter((one) => one === 202)).toHaveLength(5)
  })

  it("counts once what was counted and not opened at first", async () => {
    const { api } = await opened(limit)
    await using _api = api
    await whileNothingOpens(api, async () => expect(await status(api, "cut off", euros("60.00"))).toBe(503))
    expect(await status(api, "cut off", euros("60.00"))).toBe(202)
    expect([await status(api, "rest", euros("40.00")), await status(api, "more", euros("0.01"))]).toEqual([
      202, 409,
    ])
  })

  it("is not used up by who died before the batch was opened, and is by who died after", async () => {
    const prefix = ownPrefix()
    const { api } = await opened(limit, { STREAM_PREFIX: prefix })
    await using _api = api
    await whileNothingOpens(api, async () => expect(await status(api, "died", euros("60.00"))).toBe(503))
    expect(await status(api, "too soon", euros("60.00")), "its batch may still be opened").toBe(409)
    expect(await status(api, "opened", euros("40.00"))).toBe(202)
    expect(await letTheCountsAge(prefix)).toBe(2)
    const tried = await api.call("/payout-batches?dryRun=true", {
      method: "POST",
      headers: { authorization: `Bearer ${acme}`, "content-type": json },
      body: JSON.stringify(euros("60.00")),
    })
    expect(tried.status, "a dry run looks past who died").toBe(200)
    expect(await status(api, "whole", euros("60.01")), "the one that was opened counts").toBe(409)
    expect(await status(api, "rest", euros("60.00"))).toBe(202)
    expect(await status(api, "died", euros("60.00")), "a repetition counts again").toBe(409)
  })

  it("stays used up by a batch whose log cannot be read", async () => {
    const prefix = ownPrefix()
    const { api } = await opened(limit, { STREAM_PREFIX: prefix })
    await using _api = api
    const { json } = await api.post("opened", euros("100.00"))
    expect(await letTheCountsAge(prefix)).toBe(1)
    const store = Context.get(api.streams, EventStore)
    const { read } = store
    const corrupt = (batch: BatchId) => new CorruptEntry({ batch, entry: "1-0", reason: "another hash" })
    Object.assign(store, {
      read: (batch: BatchId, after: number, limit: number) =>
        batch === json.id ? Effect.fail(corrupt(batch)) : read(batch, after, limit),
    })
    try {
      expect(await status(api, "more", euros("0.01"))).toBe(409)
    } finally {
      Object.assign(store, { read })
    }
  })
})
