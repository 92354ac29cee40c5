/** Payouts that a partner was accepted before: found by whatever names what is paid, and refused or reported as its setting says. */
import { readFileSync } from "node:fs"
import { Context, Effect } from "effect"
import { describe, expect, it } from "vitest"
import { EventStore } from "../../../src/streams/event-store.ts"
import { isPublishedDataThere, publishedFile } from "../../published-data.ts"
import { ClaimsInMemory } from "../../register/claims-in-memory.ts"
import { ApiUnderTest, acme, globex } from "../api-under-test.ts"
import {
  allowed,
  batch,
  firstEvent,
  goesOn,
  invoice,
  metric,
  problemOf,
  refusing,
  warning,
} from "./duplicates-under-test.ts"
import { payout } from "./payout-batch-body.ts"

describe("without the setting", () => {
  it("nothing is looked for, nor asked of the register", async () => {
    const claims = new ClaimsInMemory()
    await using api = await ApiUnderTest.open({ claims })
    for (const key of ["1", "2"]) {
      const { status, json } = await api.post(key, invoice)
      expect([status, json.warnings]).toEqual([202, undefined])
      expect(await firstEvent(api, json.id)).not.toHaveProperty("duplicates")
    }
    expect(claims.asked).toBe(0)
  })

  it("a partner that is left out is not looked at, also where others are", async () => {
    const claims = new ClaimsInMemory()
    await using api = await ApiUnderTest.open({
      claims,
      environment: { DUPLICATE_PAYOUTS: "acme=off,*=refuse:30" },
    })
    expect((await api.post("1", invoice)).status).toBe(202)
    expect((await api.post("2", invoice)).status).toBe(202)
    expect(claims.asked).toBe(0)
    expect((await api.post("1", invoice, globex)).status).toBe(202)
    expect((await api.post("2", invoice, globex)).status).toBe(409)
  })
})

describe("a partner whose duplicates are refused", () => {
  it("is told which items were accepted before, and where; nothing is stored of the second batch", async () => {
    await using api = await refusing()
    const first = await api.post("1", batch(payout("A"), payout("INV-1")))
    const body = batch(payout("new"), payout("INV-1"), payout("newer"))
    const second = await api.post("2", body)
    expect(second.status).toBe(409)
    expect(second.json).toMatchObject({
      type: "/problems/duplicate-payouts",
      count: 1,
      errors: [
        {
          pointer: "/items/1",
          item: 2,
          detail: `pays the same as item 2 of ${first.json.id}`,
          duplicateOf: { batch: first.json.id, item: 2 },
        },
      ],
    })
    expect(second.text).not.toContain("DE89370400440532013000")
    expect((await api.post("2", body)).status, "also when it is repeated").toBe(409)
    expect((await api.post("2", batch(payout("new")))).status, "its key is free").toBe(202)
    expect(await metric(api, 'atlaspay_duplicate_payouts_total{outcome="refused"}')).toMatch(/ 2$/)
  })

  it("gets the same answer to the same request as ever", async () => {
    await using api = await refusing()
    const first = await api.post("1", invoice)
    const again = await api.post("1", invoice)
    expect([again.status, again.json]).toEqual([202, first.json])
    expect(again.headers.get("idempotent-replayed")).toBe("true")
    expect((await api.post("1", batch(payout("INV-2")))).status).toBe(422)
  })

  it("gets its first answer also when a repetition overtakes it, whatever was accepted in between", async () => {
    await using api = await refusing()
    const first = await api.post("1", invoice)
    expect((await api.post("2", { ...invoice, ...allowed })).status).toBe(202)
    const store = Context.get(api.streams, EventStore)
    const { read } = store
    let isEarly = true
    const beforeFirst: typeof read = (batch, ...rest) => {
      if (!isEarly || batch !== first.json.id) return read(batch, ...rest)
      isEarly = false
      return Effect.succeed([])
    }
    try {
      Object.assign(store, { read: beforeFirst })
      const again = await api.post("1", invoice)
      expect([again.status, again.json]).toEqual([202, first.json])
    } finally {
      Object.assign(store, { read })
    }
    expect(isEarly).toBe(false)
  })

  it("is accepted once, under however many keys it comes at the same moment", async () => {
    await using api = await refusing()
    const answers = await Promise.all(Array.from({ length: 12 }, (_, key) => api.post(`${key}`, invoice)))
    expect(answers.map(({ status }) => status).sort()).toEqual([202, ...Array(11).fill(409)])
  })

  it("has its own duplicates only", async () => {
    await using api = await refusing()
    expect((await api.post("1", invoice, acme)).status).toBe(202)
    expect((await api.post("1", invoice, globex)).status).toBe(202)
  })

  it("is told of the first hundred, and how many there are", async () => {
    await using api = await refusing()
    const many = batch(...Array.from({ length: 150 }, (_, n) => payout(`INV-${n}`)))
    expect((await api.post("1", many)).status).toBe(202)
    const { status, json } = await api.post("2", many)
    expect([status, json.count, (json.errors as ReadonlyArray<object>).length]).toEqual([409, 150, 100])
  })

  it.skipIf(!isPublishedDataThere)("is not paid one invoice in two batches", async () => {
    await using api = await refusing()
    const file = readFileSync(publishedFile("../cases/json/d1-same-invoice-in-two-batches.json"), "utf8")
    expect((await api.post("1", file)).status).toBe(202)
    expect((await api.post("2", file)).status).toBe(409)
  })
})

const iban = (of: string, more: object = {}) => ({
  beneficiary: { name: "Ada Lovelace", account: { scheme: "iban", iban: of, ...more } },
})
const account = (of: object) => ({ beneficiary: { name: "Ada Lovelace", account: of } })
const amount = (currency: string, value: string) => ({ amount: { currency, value } })

describe("two payouts", () => {
  it.each<readonly [string, object, object]>([
    ["of one reference, however it is written", payout("INV-1"), payout("inv 1")],
    [
      "whose references are of a system, and whose remittance names the invoice",
      payout("P-1", { remittance: "Invoice 7" }),
      payout("P-2", { remittance: "INVOICE-7" }),
    ],
    [
      "of which one has in its remittance what is the other's reference",
      payout("INV-1"),
      payout("P-1", { remittance: "INV/1" }),
    ],
    [
      "to an IBAN with and without its BIC",
      payout("A", iban("DE89370400440532013000")),
      payout("A", iban("DE89370400440532013000", { bic: "COBADEFFXXX" })),
    ],
    [
      "to a British IBAN and to its sort code",
      payout("A", { ...iban("GB29NWBK60161331926819"), ...amount("GBP", "1.00") }),
      payout("A", {
        ...account({ scheme: "sort-code", sortCode: "601613", accountNumber: "31926819" }),
        ...amount("GBP", "1.00"),
      }),
    ],
    [
      "to a bank by its head office and by its BIC of eight",
      payout("A", account({ scheme: "bic", bic: "BOTKJPJT", accountNumber: "1234567" })),
      payout("A", account({ scheme: "bic", bic: "BOTKJPJTXXX", accountNumber: "1234567" })),
    ],
    [
      "to an IBAN that stands as an account number",
      payout("A", iban("DE89370400440532013000")),
      payout("A", account({ scheme: "bic", bic: "COBADEFF", accountNumber: "DE89370400440532013000" })),
    ],
    [
      "of one amount that is written differently",
      payout("A", amount("EUR", "12.3")),
      payout("A", amount("EUR", "12.30")),
    ],
    [
      "to an e-mail address in another case",
      payout("A", account({ scheme: "email", email: "ada@example.com" })),
      payout("A", account({ scheme: "email", email: " Ada@Example.com " })),
    ],
    [
      "to a telephone number that is written differently",
      payout("A", account({ scheme: "phone", phone: "+14155552671" })),
      payout("A", account({ scheme: "phone", phone: "00 1 (415) 555-2671" })),
    ],
    [
      "to a PayPal id in lower case",
      payout("A", account({ scheme: "paypal-id", paypalId: "G83JXTJ5EHCQ2" })),
      payout("A", account({ scheme: "paypal-id", paypalId: "g83jxtj5ehcq2" })),
    ],
    ["to one account under two names", payout("A"), payout("A", iban("DE89370400440532013000"))],
  ])("%s are duplicates", async (_, one, other) => {
    await using api = await refusing()
    expect((await api.post("1", batch(one))).status).toBe(202)
    expect(problemOf(await api.post("2", batch(other)))).toBe("/problems/duplicate-payouts")
  })

  it.each<readonly [string, object, object]>([
    ["of another reference", payout("INV-1"), payout("INV-2")],
    ["of references that run together otherwise", payout("1-11"), payout("11-1")],
    ["of another amount", payout("A", amount("EUR", "12.34")), payout("A", amount("EUR", "12.35"))],
    ["in another currency", payout("A", amount("EUR", "12.00")), payout("A", amount("USD", "12.00"))],
    ["to another account", payout("A"), payout("A", iban("NL91ABNA0417164300"))],
    [
      "to another e-mail address",
      payout("A", account({ scheme: "email", email: "ada@example.com" })),
      payout("A", account({ scheme: "email", email: "ada@example.org" })),
    ],
    ["of references that are nothing but signs", payout("+"), payout("-")],
  ])("%s are not", async (_, one, other) => {
    await using api = await refusing()
    expect((await api.post("1", batch(one))).status).toBe(202)
    expect((await api.post("2", batch(other))).status).toBe(202)
  })

  it("are compared by what the setting names", async () => {
    await using api = await refusing(undefined, ":reference")
    const salary = (reference: string) => batch(payout(reference, { remittance: "Salary" }))
    expect((await api.post("1", salary("2026-01-ada"))).status).toBe(202)
    expect((await api.post("2", salary("2026-02-ada"))).status).toBe(202)
    expect((await api.post("3", salary("2026-02-ADA"))).status).toBe(409)
  })

  it("of one batch are duplicates as well", async () => {
    await using api = await refusing()
    const twice = batch(
      payout("P-1", { remittance: "Invoice 7" }),
      payout("P-2", { remittance: "Invoice 7" }),
    )
    const { status, json } = await api.post("1", twice)
    expect(status).toBe(409)
    expect(json.errors).toMatchObject([{ pointer: "/items/1", duplicateOf: { item: 1 } }])
  })
})

describe("duplicates that are allowed on purpose", () => {
  it("are accepted, and the log, the batch and the answer say so", async () => {
    await using api = await refusing()
    const first = await api.post("1", invoice)
    const body = { ...invoice, ...allowed }
    const second = await api.post("2", body)
    const items = [{ item: 1, duplicateOf: { batch: first.json.id, item: 1 } }]
    expect(second.status).toBe(202)
    expect(second.json.warnings).toMatchObject([{ type: "duplicate-payouts", count: 1, items }])
    const duplicates = { count: 1, items, reason: "ordered twice" }
    expect((await firstEvent(api, second.json.id)).duplicates).toEqual(duplicates)
    expect((await api.get(`/payout-batches/${second.json.id}`)).json.duplicates).toEqual(duplicates)
    const { json } = await api.get(`/payout-batches/${second.json.id}/events`)
    expect(json.events).toMatchObject([{ type: "BatchReceived", duplicates }, {}, {}])
    const again = await api.post("2", body)
    expect([again.status, again.json]).toEqual([202, second.json])
    expect((await api.post("3", invoice)).status, "once").toBe(409)
  })

  it.each([
    [{ allowed: true }, "/duplicates/reason"],
    [{ allowed: false, reason: "why" }, "/duplicates/allowed"],
    [{ allowed: true, reason: "account DE89370400440532013000" }, "/duplicates/reason"],
    [{ allowed: true, reason: "" }, "/duplicates/reason"],
    [{ allowed: true, reason: "why", by: "me" }, "/duplicates/by"],
    [true, "/duplicates"],
  ])("need a reason that may stay in the log: %j", async (duplicates, pointer) => {
    await using api = await refusing()
    const { status, json } = await api.post("1", { ...invoice, duplicates })
    expect([status, json.errors]).toMatchObject([400, [{ pointer }]])
  })

  it("leave their reason in the log also where nothing is looked for", async () => {
    await using api = await ApiUnderTest.open()
    const { json } = await api.post("1", { ...invoice, ...allowed })
    expect((await firstEvent(api, json.id)).duplicates).toEqual({
      count: 0,
      items: [],
      reason: "ordered twice",
    })
    expect(json.warnings).toBeUndefined()
  })
})

describe("a partner that is only warned", () => {
  it("is accepted, with the same warnings when it repeats itself", async () => {
    await using api = await warning()
    const first = await api.post("1", invoice)
    expect(first.json.warnings).toBeUndefined()
    const body = batch(payout("new"), payout("INV-1"))
    const second = await api.post("2", body)
    expect(second.status).toBe(202)
    expect(second.json.warnings).toMatchObject([
      {
        type: "duplicate-payouts",
        count: 1,
        items: [{ pointer: "/items/1", item: 2, duplicateOf: { batch: first.json.id, item: 1 } }],
      },
    ])
    await goesOn(api, first.json.id, {
      _tag: "ItemsCancelled",
      at: Date.now(),
      items: [1],
      by: "alice",
      reason: "by mistake" as never,
    })
    expect((await api.post("2", body)).json, "whatever became of the first one").toEqual(second.json)
    expect(await metric(api, 'atlaspay_duplicate_payouts_total{outcome="warned"}')).toMatch(/ 1$/)
  })

  it("is told when the register is away, and of what the batch itself shows", async () => {
    const claims = new ClaimsInMemory()
    await using api = await warning(claims)
    await api.post("1", invoice)
    claims.isAway = true
    const { status, json } = await api.post("2", invoice)
    expect([status, json.warnings]).toMatchObject([202, [{ type: "duplicates-unchecked" }]])
    expect((await api.get(`/payout-batches/${json.id}`)).json.duplicates).toMatchObject({ unchecked: true })
    expect(await metric(api, "atlaspay_duplicates_unchecked_total")).toContain('outcome="warned"')
    expect(api.lines.some((line) => line.includes("duplicates are not looked for"))).toBe(true)
  })
})
