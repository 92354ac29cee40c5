/** What no bank of the rules can be sent is refused when it comes, naming item, field and character; the rest is taken. */
import { readFileSync } from "node:fs"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { BankKind } from "../../../src/providers/banks/bank-kind.ts"
import { files } from "../../../src/providers/banks/files/files.ts"
import { instant } from "../../../src/providers/banks/instant/instant.ts"
import { synchronous } from "../../../src/providers/banks/synchronous/synchronous.ts"
import { isPublishedDataThere, publishedFile } from "../../published-data.ts"
import { ownPrefix } from "../../settings.ts"
import { type Answer, ApiUnderTest, globex } from "../api-under-test.ts"
import { payout } from "./payout-batch-body.ts"

const debtor = { name: "Atlas Marketplace", account: { scheme: "iban", iban: "NL91ABNA0417164300" } }

const prefix = ownPrefix()
let folder: string
let api: ApiUnderTest
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "intake-limits-"))
  const unused = { url: "http://127.0.0.1:9" }
  const document = {
    version: "v1",
    compliance: unused,
    ledger: unused,
    banks: [
      { name: "clearing", kind: "files", folder: join(folder, "clearing"), debtor },
      { name: "sepa", kind: "files", folder: join(folder, "sepa"), debtor, schemes: ["sepa"] },
      { name: "north", kind: "instant", ...unused },
      { name: "wide", kind: "synchronous", ...unused, limits: { ach: { name: 35 } } },
    ],
    routes: [
      { rule: "pounds", when: { currency: ["GBP"] }, banks: ["north"] },
      { rule: "ach", when: { scheme: ["ach"] }, banks: ["north", "wide"] },
      { rule: "globex", when: { partner: ["globex"] }, banks: ["clearing", "north"] },
      { rule: "francs", when: { currency: ["CHF"] }, banks: ["sepa"] },
      {
        rule: "rest",
        when: { scheme: ["sepa", "faster-payments", "ach", "cross-border"] },
        banks: ["clearing"],
      },
    ],
  }
  const file = join(folder, "providers.json")
  await writeFile(file, JSON.stringify(document))
  api = await ApiUnderTest.open({
    environment: { PROVIDERS_FILE: file, STREAM_PREFIX: prefix },
    kinds: [instant, synchronous, files as BankKind<unknown>],
  })
})
afterAll(async () => {
  await api[Symbol.asyncDispose]()
  await rm(folder, { recursive: true })
})

const errorsOf = (answer: Answer) => answer.json.errors as ReadonlyArray<Record<string, unknown>>
const address = { town: "Berlin", country: "DE" }
const iban = { scheme: "iban", iban: "DE89370400440532013000" }
const to = (name: string, more = {}) => ({ beneficiary: { name, account: iban, ...more } })
const dollars = { amount: { currency: "USD", value: "12.34" } }

describe("a payout to a wallet", () => {
  it.each([
    ["euros, as no rule leads to a bank", "EUR", "no rule leads to a bank that pays wallets"],
    [
      "pounds, as the only bank of the rules pays accounts",
      "GBP",
      "GBP to this account is a wallet payment, which its bank does not make",
    ],
  ])("is refused at its account: %s", async (name, currency, detail) => {
    for (const [index, account] of [
      { scheme: "email", email: "ada@example.com" },
      { scheme: "phone", phone: "+14155552671" },
      { scheme: "paypal-id", paypalId: "G83JXTJ5EHCQ2" },
    ].entries()) {
      const items = [payout("a", { ...to("Ada", { account }), amount: { currency, value: "1.00" } })]
      const answer = await api.post(`${name} ${index}`, { items })
      expect(answer.status).toBe(400)
      expect(errorsOf(answer)).toMatchObject([{ item: 1, field: "beneficiary.account", detail }])
      expect(answer.text).not.toMatch(/ada@|2671|HCQ2/)
    }
  })
})

describe("a beneficiary whose type is not that of its account's holder", () => {
  it("is refused at its type", async () => {
    const account = {
      ...{ scheme: "aba", routingNumber: "021000021", accountNumber: "123456789", accountType: "checking" },
      holderType: "company",
    }
    const items = [payout("a", { ...to("Ada", { account, type: "person" }), ...dollars })]
    const answer = await api.post("holder", { items })
    expect(answer.status).toBe(400)
    expect(errorsOf(answer)).toMatchObject([
      {
        item: 1,
        field: "beneficiary.type",
        detail: "person, and the account's holderType is company",
      },
    ])
  })
})

describe("a payout that no bank can be sent", () => {
  it("is set aside with its line, if only the good rows of a file are asked for", async () => {
    const rows = ["a", "b", "c", "d"].map(
      (name) => `${name},EUR,1.00,${name === "b" ? "爱达" : "Ada"},${name === "c" ? "DE00" : iban.iban}`,
    )
    const answer = await api.call("/payout-batches?rows=good", {
      method: "POST",
      headers: {
        authorization: "Bearer acme-key",
        "idempotency-key": "good rows",
        "content-type": "text/csv",
      },
      body: ["reference,currency,amount,name,iban", ...rows].join("\n"),
    })
    expect([answer.status, answer.json]).toMatchObject([
      202,
      {
        itemCount: 2,
        totals: { EUR: "2.00" },
        rejected: { count: 2, errors: [{ line: 3, column: "name" }, { line: 4 }] },
      },
    ])
  })

  it.each([
    [
      "a character",
      to("爱达"),
      "/items/0/beneficiary/name",
      "beneficiary.name",
      /the character 爱 \(U\+7231\)/,
    ],
    ["a character", { remittance: "ok 🍕" }, "/items/0/remittance", "remittance", /🍕 \(U\+1F355\)/],
    [
      "a length",
      to("x".repeat(71)),
      "/items/0/beneficiary/name",
      "beneficiary.name",
      /at most 70 .* it has 71$/,
    ],
    [
      "a length once it is respelled",
      to("ß".repeat(40)),
      "/items/0/beneficiary/name",
      "beneficiary.name",
      /at most 70 .* it has 80 once it is respelled$/,
    ],
    [
      "a character of the address",
      to("Ada", { address: { ...address, street: "長安街" } }),
      "/items/0/beneficiary/address/street",
      "beneficiary.address.street",
      /長 \(U\+9577\)/,
    ],
    [
      "a length of the address",
      to("Ada", { address: { ...address, town: "ß".repeat(30) } }),
      "/items/0/beneficiary/address/town",
      "beneficiary.address.town",
      /at most 35/,
    ],
    [
      "a missing address",
      dollars,
      "/items/0/beneficiary/address",
      "beneficiary.address",
      /required, with town and country, for a cross-border payment/,
    ],
    [
      "its amount",
      { amount: { currency: "EUR", value: "1000000000.00" } },
      "/items/0/amount/value",
      "amount.value",
      /at most 999999999.99 EUR for a SEPA payment/,
    ],
    [
      "its scheme",
      { amount: { currency: "CHF", value: "1.00" } },
      "/items/0/beneficiary/account",
      "beneficiary.account",
      /CHF to this account is a cross-border payment, which its bank does not make/,
    ],
  ])("is refused for %s: %j", async (_, change, pointer, field, detail) => {
    const answer = await api.post(`refused ${pointer} ${detail}`.replaceAll(/[^ -~]/g, "x"), {
      items: [payout("a", change)],
    })
    expect(answer.status).toBe(400)
    expect(errorsOf(answer)).toEqual([{ pointer, item: 1, field, detail: expect.stringMatching(detail) }])
    expect(answer.text).not.toContain("DE89370400440532013000")
  })

  it("is told of with all others of its batch, and nothing is stored", async () => {
    const items = [payout("a", to("爱达")), payout("b"), payout("c", { remittance: "中" })]
    const answer = await api.post("several", { items })
    expect(errorsOf(answer).map(({ pointer }) => pointer)).toEqual([
      "/items/0/beneficiary/name",
      "/items/2/remittance",
    ])
    expect((await api.post("several", { items: [payout("b")] })).status).toBe(202)
  })

  it("is accepted when another bank of its rule can be", async () => {
    const items = [payout("a", to("爱达")), payout("b", dollars)]
    expect((await api.post("elsewhere", { items }, globex)).status).toBe(202)
  })

  it("that was accepted when the banks took more is answered as ever", async () => {
    const items = [payout("a", to("爱达"))]
    {
      await using before = await ApiUnderTest.open({ environment: { STREAM_PREFIX: prefix } })
      expect((await before.post("before", { items })).status).toBe(202)
    }
    const again = await api.post("before", { items })
    expect([again.status, again.headers.get("idempotent-replayed")]).toEqual([202, "true"])
    expect((await api.post("before", { items: [payout("b", to("爱达"))] })).status).toBe(422)
    expect((await api.post("after", { items })).status).toBe(400)
  })
})

describe("an address", () => {
  it("is accepted with town and country, and any of the other fields", async () => {
    const whole = { street: "Straße", buildingNumber: "7a", postcode: "10117", ...address }
    const items = [payout("a", to("Ada", { address })), payout("b", to("Ada", { address: whole }))]
    expect((await api.post("addresses", { items })).status).toBe(202)
  })

  it.each([
    [{ country: "DE" }, "/items/0/beneficiary/address/town"],
    [{ town: "Berlin" }, "/items/0/beneficiary/address/country"],
    [{ ...address, country: "de" }, "/items/0/beneficiary/address/country"],
    [{ ...address, town: "x".repeat(36) }, "/items/0/beneficiary/address/town"],
    [{ ...address, line: "Berlin" }, "/items/0/beneficiary/address/line"],
    [{ ...address, lines: ["a", "b", "c"] }, "/items/0/beneficiary/address/lines"],
    [{ ...address, lines: ["x".repeat(71)] }, "/items/0/beneficiary/address/lines/0"],
    [{ country: "DE", lines: ["Berlin"] }, "/items/0/beneficiary/address/town"],
    ["Berlin", "/items/0/beneficiary/address"],
  ])("is refused as %j", async (address, pointer) => {
    const answer = await api.post(`address ${pointer}`, { items: [payout("a", to("Ada", { address }))] })
    expect(answer.status).toBe(400)
    expect(errorsOf(answer)).toMatchObject([{ pointer, item: 1 }])
  })
})

describe.skipIf(!isPublishedDataThere)("the published cases", () => {
  const caseOf = (name: string) =>
    JSON.parse(readFileSync(publishedFile(`../cases/json/${name}.json`), "utf8"))

  it("r1: marks and symbols are respelled", async () => {
    expect((await api.post("r1", caseOf("r1-remittances-refused-RR10"))).status).toBe(202)
  })

  it("r3: a name of 71 characters is refused by name", async () => {
    const answer = await api.post("r3", caseOf("r3-name-71-characters"))
    expect(answer.status).toBe(400)
    expect(errorsOf(answer)).toMatchObject([{ pointer: "/items/0/beneficiary/name", item: 1 }])
  })

  it("s1: euros outside of SEPA need what a payment across borders needs", async () => {
    const asked = caseOf("s1-sepa-outside-sepa")
    const answer = await api.post("s1", asked)
    expect(answer.status).toBe(400)
    expect(errorsOf(answer)).toMatchObject(
      [0, 1, 2].map((index) => ({
        pointer: `/items/${index}/beneficiary/address`,
        detail: "required, with town and country, for a cross-border payment",
      })),
    )
    const items = asked.items.map((item: { beneficiary: object }) => ({
      ...item,
      beneficiary: { ...item.beneficiary, address: { town: "Ankara", country: "TR" } },
    }))
    expect((await api.post("s1", { items })).status).toBe(202)
  })
})

describe("a payout by a scheme of banks that are called", () => {
  const american = {
    scheme: "aba",
    routingNumber: "021000021",
    accountNumber: "123456789",
    accountType: "checking",
  }
  const ach = (name: string) => payout("a", { ...dollars, beneficiary: { name, account: american } })

  it("is refused for a reference that the scheme does not carry", async () => {
    const british = { scheme: "sort-code", sortCode: "200000", accountNumber: "55779911" }
    const pounds = {
      amount: { currency: "GBP", value: "12.34" },
      beneficiary: { name: "Ada", account: british },
    }
    const post = (remittance: string) =>
      api.post(`pounds ${remittance.length}`, { items: [payout("a", { ...pounds, remittance })] })
    expect((await post("x".repeat(18))).status).toBe(202)
    const refused = await post("x".repeat(19))
    expect(refused.status).toBe(400)
    expect(errorsOf(refused)).toMatchObject([
      {
        field: "remittance",
        detail: "expected at most 18 characters in a Faster Payments payment; it has 19",
      },
    ])
  })

  it("is accepted if another bank of the rule takes it", async () => {
    expect((await api.post("ach 35", { items: [ach("x".repeat(35))] })).status).toBe(202)
    expect((await api.post("ach 36", { items: [ach("x".repeat(36))] })).status).toBe(400)
  })
})
