/** What people really send: identifiers in groups, names of all scripts, times, and bodies that could be read in two ways. */
import { readdirSync, readFileSync } from "node:fs"
import { Effect } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { batchIdOf } from "../../../src/http/payout-batches/batch-identity.ts"
import { paysWallets } from "../../providers/banks/pays-wallets.ts"
import { sharedCase } from "../../published-data.ts"
import { ownPrefix } from "../../settings.ts"
import { type Answer, ApiUnderTest, acme, globex, olga } from "../api-under-test.ts"
import { payout } from "./payout-batch-body.ts"

const DAY_MS = 86_400_000
const inDays = (days: number): string => new Date(Date.now() + days * DAY_MS).toISOString()

let api: ApiUnderTest
beforeAll(async () => {
  api = await ApiUnderTest.open({ kinds: [paysWallets] })
})
afterAll(() => api[Symbol.asyncDispose]())

const withApi = async <A>(
  environment: Readonly<Record<string, string>>,
  use: (api: ApiUnderTest) => Promise<A>,
): Promise<A> => {
  await using own = await ApiUnderTest.open({ environment })
  return await use(own)
}

const to = (account: unknown, name = "Ada Lovelace") => payout("a", { beneficiary: { name, account } })
const itemsOf = async (key: string) =>
  (await Effect.runPromise(api.log.read(batchIdOf("acme", key), 0, 10))).flatMap(({ event }) =>
    event._tag === "ItemsReceived" ? event.items : [],
  )
const problemsOf = ({ json }: Answer) =>
  (json.errors as ReadonlyArray<{ pointer: string; detail: string }>).map(
    ({ pointer, detail }) => `${pointer} ${detail}`,
  )

describe.skipIf(sharedCase("json") === undefined)("an input that failed once", () => {
  const folder = sharedCase("json") ?? ""
  const input = (name: string) => {
    const file = readdirSync(folder).find((file) => file.startsWith(`${name}-`))
    return readFileSync(`${folder}/${file}`, "utf8")
  }

  it.each([
    ["e1", "/executeAt expected an instant that exists"],
    ["e3", "/executeAt expected a time within 366 days from now"],
    ["k1", "/items/0/amount/value expected each member once"],
  ])("(%s) is refused: %s", async (name, problem) => {
    const answer = await api.post(name, input(name))
    expect(answer.status).toBe(400)
    expect(problemsOf(answer)).toEqual([expect.stringContaining(problem)])
  })

  it("(m1) is accepted in XCG, and in ANG and BGN it is not", async () => {
    const body = input("m1")
    expect(await api.post("xcg", body)).toMatchObject({ status: 202, json: { totals: { XCG: "1.00" } } })
    for (const [code, day] of Object.entries({ ANG: "2025-03-31", BGN: "2025-12-31" }))
      expect(problemsOf(await api.post(code, body.replace("XCG", code)))).toEqual([
        `/items/0/amount/currency ${code} was withdrawn on ${day}`,
      ])
  })
})

describe("a time", () => {
  it.each(["2027-02-29T10:00:00Z", "2027-04-31T10:00:00Z", "2027-01-01T24:00:00Z", "2027-01-01T10:00:60Z"])(
    "such as %s does not exist, and is refused",
    async (executeAt) => {
      const answer = await api.post(executeAt, { executeAt, items: [payout("a")] })
      expect(problemsOf(answer)).toEqual([expect.stringMatching(/^\/executeAt expected an instant/)])
    },
  )

  it("may have nine digits of a second and be in lower case", async () => {
    const executeAt = `${inDays(1).slice(0, 19)}.123456789z`.replace("T", "t")
    expect((await api.post("nine", { executeAt, items: [payout("a")] })).status).toBe(202)
    const shown = await api.get(`/payout-batches/${batchIdOf("acme", "nine")}`)
    expect(shown.json.executeAt).toBe(`${executeAt.slice(0, 19).toUpperCase()}.124Z`)
  })

  it.each([
    [367, "/executeAt expected a time within 366 days from now"],
    [-8, "/executeAt expected a time that is at most 7 days ago"],
  ])("%i days from now is refused", async (days, problem) => {
    const answer = await api.post(`far ${days}`, { executeAt: inDays(days), items: [payout("a")] })
    expect(problemsOf(answer)).toEqual([problem])
  })

  it("within what the settings say is accepted", async () => {
    for (const days of [365, -6])
      expect((await api.post(`near ${days}`, { executeAt: inDays(days), items: [payout("a")] })).status).toBe(
        202,
      )
    const wide = { EXECUTE_AHEAD_MS_MAX: String(1_000 * DAY_MS), EXECUTE_PAST_MS_MAX: String(2_000 * DAY_MS) }
    await withApi(wide, async (own) => {
      for (const days of [999, -1_999])
        expect(
          (await own.post(`far ${days}`, { executeAt: inDays(days), items: [payout("a")] })).status,
        ).toBe(202)
    })
  })

  it("for which a currency is no longer in use is refused", async () => {
    const amount = { currency: "CHW", value: "1.00" }
    const body = { executeAt: inDays(1), items: [payout("a", { amount })] }
    expect(problemsOf(await api.post("funds", body))).toEqual([
      "/items/0/amount/currency CHW is a fund or a unit of account, and cannot be paid",
    ])
  })
})

describe("what was accepted under other rules", () => {
  it("is answered as it was, and not refused, so that nobody sends it again", async () => {
    const environment = { STREAM_PREFIX: ownPrefix() }
    const amount = { currency: "KWD", value: "1.234" }
    const body = { executeAt: inDays(500), items: [payout("a"), payout("b", { amount }), payout("c")] }
    const first = await withApi({ ...environment, EXECUTE_AHEAD_MS_MAX: String(900 * DAY_MS) }, (before) =>
      before.post("rules", body),
    )
    expect(first.status).toBe(202)
    await withApi(environment, async (after) => {
      const again = await after.post("rules", body)
      expect(again.status).toBe(202)
      expect(again.text).toBe(first.text)
      expect(again.headers.get("idempotent-replayed")).toBe("true")
      const other = { ...body, items: body.items.slice(1) }
      expect(problemsOf(await after.post("rules", other)), "another body").toHaveLength(1)
      expect(problemsOf(await after.post("new", body)), "another key").toHaveLength(1)
      expect(problemsOf(await after.post("rules", body, globex)), "another partner").toHaveLength(1)
    })
  })
})

describe("an account", () => {
  it.each([
    [{ scheme: "iban", iban: "de89 3704 0044 0532 0130 00" }, "iban", "3000"],
    [
      { scheme: "iban", iban: "IBAN: DE89\u00a03704\u202f0044 0532 0130 00", bic: "cobadeff xxx" },
      "iban",
      "3000",
    ],
    [{ scheme: "sort-code", sortCode: "20-00-00", accountNumber: "5577 9911" }, "sort-code", "9911"],
    [
      { scheme: "aba", routingNumber: "0210 0002 1", accountNumber: "1234 56789", accountType: "checking" },
      "aba",
      "6789",
    ],
    [{ scheme: "bic", bic: "botkjpjt", accountNumber: "ab 12345678" }, "bic", "5678"],
    [{ scheme: "email", email: " Ada@Example.COM" }, "email", ""],
    [{ scheme: "phone", phone: "00 1 (415) 555-2671" }, "phone", "2671"],
    [{ scheme: "paypal-id", paypalId: "g83jxtj5ehcq2" }, "paypal-id", "HCQ2"],
  ])("may be written in groups and lower case (case %#)", async (account, scheme, lastFour) => {
    const key = `written ${JSON.stringify(account)}`.replaceAll(/[^ -~]/g, "")
    const amount = { currency: "USD", value: "1.00" }
    expect((await api.post(key, { items: [{ ...to(account), amount }] })).status).toBe(202)
    expect((await itemsOf(key))[0]?.beneficiary.account).toMatchObject({ scheme, lastFour })
  })

  it.each([
    [
      { scheme: "iban", iban: "DE89370400440532013000", bic: "BNPAFRPP" },
      "bic",
      "the BIC is of a bank in FR",
    ],
    [
      { scheme: "bic", bic: "CHASUS33", accountNumber: "DE89370400440532013001" },
      "accountNumber",
      "looks like an IBAN",
    ],
    [
      { scheme: "bic", bic: "CHASUS33", accountNumber: "DE89370400440532013000" },
      "bic",
      "the IBAN of an account in DE",
    ],
    [{ scheme: "bic", bic: "BOTKZZJT", accountNumber: "1234567" }, "bic", "must be a country"],
    [{ scheme: "bic", bic: "BOTKJPJT", accountNumber: "12-345" }, "accountNumber", "expected 1 to 34 digits"],
    [{ scheme: "email", email: "ada@localhost" }, "email", "expected an e-mail address such as"],
    [{ scheme: "phone", phone: "(415) 555-2671" }, "phone", "expected a telephone number such as +1"],
    [{ scheme: "phone", phone: "+44 (0)20 7946 0958" }, "phone", "expected a telephone number such as +1"],
    [{ scheme: "paypal-id", paypalId: "G83JXTJ5EHCQ" }, "paypalId", "expected a PayPal id of 13"],
  ])("that cannot be is refused at its field (case %#)", async (account, field, detail) => {
    const [problem, ...others] = problemsOf(await api.post("refused", { items: [to(account)] }))
    expect(others).toEqual([])
    expect(problem).toContain(`/items/0/beneficiary/account/${field} `)
    expect(problem).toContain(detail)
  })
})

describe("the UK modulus check", () => {
  const failing = { scheme: "sort-code", sortCode: "08-99-99", accountNumber: "66374959" }
  const body = { items: [to(failing)] }
  const place = {
    pointer: "/items/0/beneficiary/account/accountNumber",
    item: 1,
    field: "beneficiary.account.accountNumber",
    detail: "the account number cannot belong to the sort code (UK modulus check)",
  }

  const warning = {
    type: "uk-modulus-check",
    detail: "1 account number cannot belong to the sort code (UK modulus check).",
    count: 1,
    items: [{ pointer: place.pointer, item: 1 }],
  }

  it("warns of an account that fails it, each time the same", async () => {
    const first = await api.post("modulus", body)
    expect(first).toMatchObject({ status: 202, json: { warnings: [warning] } })
    expect((await api.post("modulus", body)).text).toBe(first.text)
  })

  it("says nothing of one that passes", async () => {
    const answer = await api.post("passes", { items: [to({ ...failing, accountNumber: "66374958" })] })
    expect(answer.json).not.toHaveProperty("warnings")
  })

  it("looks at the account in a British IBAN", async () => {
    // The check digits of the IBAN are right, those of the account are not.
    const iban = "GB43NWBK08999966374959"
    expect(await api.post("gb", { items: [to({ scheme: "iban", iban })] })).toMatchObject({
      status: 202,
      json: { warnings: [{ items: [{ pointer: "/items/0/beneficiary/account/iban" }] }] },
    })
  })

  it("refuses it where the setting says so, and is silent where it is off", async () => {
    await withApi({ UK_MODULUS_CHECK: "refuse" }, async (own) => {
      expect(await own.post("modulus", body)).toMatchObject({ status: 400, json: { errors: [place] } })
    })
    await withApi({ UK_MODULUS_CHECK: "off" }, async (own) => {
      expect((await own.post("modulus", body)).json).not.toHaveProperty("warnings")
    })
  })
})

describe("a text", () => {
  it("that comes with letters and accents apart is kept in one piece", async () => {
    const item = {
      ...to(payout("a").beneficiary.account, "Zoe\u0308"),
      reference: "re\u0301f",
      remittance: "cafe\u0301",
    }
    expect(
      (await api.post("nfd", { reference: "a\u0308", submittedBy: "o\u0308", items: [item] })).status,
    ).toBe(202)
    expect(await itemsOf("nfd")).toMatchObject([
      { reference: "réf", remittance: "café", beneficiary: { name: "Zoë" } },
    ])
  })

  it("is the same in both forms: two references that differ in nothing else are one", async () => {
    const answer = await api.post("same", { items: [payout("r\u00e9f"), payout("re\u0301f")] })
    expect(problemsOf(answer)).toEqual(["/items/1/reference already used by item 1"])
  })

  it("may have as many code points as the schema says", async () => {
    const account = payout("a").beneficiary.account
    // Across borders, where a name may be as long as the schema says.
    const astral = { ...to(account, "\u{20BB7}".repeat(140)), amount: { currency: "USD", value: "12.34" } }
    expect((await api.post("astral", { items: [astral] })).status).toBe(202)
    expect(problemsOf(await api.post("long", { items: [to(account, "\u{20BB7}".repeat(141))] }))).toEqual([
      "/items/0/beneficiary/name expected 1 to 140 characters",
    ])
  })

  it("may have joiners where they shape letters, and other invisible characters nowhere", async () => {
    const account = payout("a").beneficiary.account
    expect((await api.post("joined", { items: [to(account, "علی نیک\u200cزاد")] })).status).toBe(202)
    for (const name of ["Bin\u200cLaden", "علی\u200bنیک", "علی\u202eنیک", "علی\u061cنیک"])
      expect(problemsOf(await api.post("stray", { items: [to(account, name)] }))).toHaveLength(1)
  })

  it("has no fillers, which make two references look like one", async () => {
    for (const filler of "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
      expect(problemsOf(await api.post("filler", { items: [payout("a"), payout(`a${filler}`)] }))).toEqual([
        "/items/1/reference expected no filler that nobody sees",
      ])
    const account = payout("a").beneficiary.account
    expect((await api.post("variant", { items: [to(account, "\u845b\u{e0100}")] })).status).toBe(202)
  })

  it("of somebody who acts is read in the same way", async () => {
    await api.post("acted", { items: [payout("a")] })
    const answer = await api.call(`/payout-batches/${batchIdOf("acme", "acted")}/cancellation`, {
      method: "POST",
      headers: { authorization: `Bearer ${acme}`, "content-type": "application/json" },
      body: JSON.stringify({ reason: "a cafe\u0301", by: "Zoe\u0308" }),
    })
    expect(answer).toMatchObject({ status: 202, json: { expected: [{ reason: "a café", typedBy: "Zoë" }] } })
  })
})

describe("an empty list", () => {
  const call = (path: string, body: unknown) =>
    api.call(path, {
      method: "POST",
      headers: { authorization: `Bearer ${olga}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    })

  it("never stands for all: not of items, findings or types of events", async () => {
    await api.post("listed", { items: [payout("a")] })
    const batch = `/payout-batches/${batchIdOf("acme", "listed")}`
    expect(problemsOf(await api.post("none", { items: [] }))).toHaveLength(1)
    expect(problemsOf(await call(`${batch}/cancellation`, { reason: "x", items: [] }))).toHaveLength(1)
    const review = { reason: "x", decision: "released", findings: [] }
    expect(problemsOf(await call(`${batch}/items/1/review`, review))).toHaveLength(1)
    const endpoint = await api.call("/webhook-endpoints", {
      method: "POST",
      headers: { authorization: `Bearer ${acme}`, "content-type": "application/json" },
      body: JSON.stringify({ url: "https://203.0.113.7/hook", eventTypes: [] }),
    })
    expect(problemsOf(endpoint)).toHaveLength(1)
  })
})

it("a key that stands for another body is refused with advice that pays nobody again", async () => {
  const first = await api.post("advice", { items: [payout("a")] })
  const { status, json } = await api.post("advice", { items: [payout("b")] })
  expect(status).toBe(422)
  expect(json.batch).toBe(first.json.id)
  expect(json.detail).toContain("do not send that under another key")
})
