import { describe, expect, it } from "vitest"
import { openApiDocument } from "../../src/http/routes.ts"
import { AnswerChecks } from "../http/answer-checks.ts"
import { Chance } from "./chance.ts"
import { readDocument } from "./document.ts"
import { failureReport } from "./failure-report.ts"
import { differences } from "./inventory.ts"
import { payoutOf } from "./payouts.ts"
import { requestAt } from "./plan.ts"
import type { FuzzRequest } from "./request.ts"
import { Canaries, findingsIn } from "./verdict.ts"
import type { Exchange } from "./wire.ts"

const document = readDocument(openApiDocument)
const canaries = new Canaries(["a-key-of-somebody"])
const judge = {
  checks: new AnswerChecks(openApiDocument),
  canaries,
  operationOf: (id: string) => {
    const found = document.operations.find(({ operationId }) => operationId === id)
    if (found === undefined) throw new Error(`there is no operation ${id}`)
    return found
  },
}

const request: FuzzRequest = {
  ...requestAt(document, 1, 0),
  operationId: "isAlive",
  method: "GET",
  expects: "document",
  cutsOff: false,
  query: [],
}

const answered = (
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = { "content-type": "application/json" },
): Exchange => ({
  answers: [{ status, headers: new Headers(headers), text: JSON.stringify(body), isComplete: true }],
  end: "closed",
  elapsedMs: 1,
})

const kindsOf = (exchange: Exchange, of: Partial<FuzzRequest> = {}) =>
  findingsIn({ ...request, ...of }, exchange, judge).map(({ kind }) => kind)

const alive = { status: "alive" }

describe("a verdict", () => {
  it("finds nothing in an answer that the document has", () => {
    expect(kindsOf(answered(200, alive))).toEqual([])
  })

  it("finds a 5xx, also in answer to bytes that are no HTTP, but not a 503 that says when to try again", () => {
    expect(kindsOf(answered(500, {}), { expects: "any" })).toEqual(["status 500"])
    expect(kindsOf(answered(503, {}), { expects: "any" })).toEqual(["status 503"])
    expect(kindsOf(answered(503, {}, { "retry-after": "1" }), { expects: "any" })).toEqual([])
  })

  it("finds statuses, media types and bodies that the document does not have", () => {
    expect(kindsOf(answered(418, alive))).toEqual(["document 418"])
    expect(kindsOf(answered(200, alive, { "content-type": "text/html" }))).toEqual(["document 200"])
    expect(kindsOf(answered(200, { status: 7 }))).toEqual(["document 200"])
  })

  it("finds that there is no answer, or that it comes late or in part", () => {
    const none = { answers: [], end: "closed", elapsedMs: 1 } as const
    expect(kindsOf(none)).toEqual(["no answer"])
    expect(kindsOf(none, { expects: "any" })).toEqual([])
    expect(kindsOf({ ...none, end: "timeout" }, { expects: "any" })).toEqual(["late"])
    expect(kindsOf({ ...none, end: "refused" }, { expects: "any" })).toEqual(["refused"])
    const { answers, ...others } = answered(200, alive)
    expect(
      kindsOf({ ...others, answers: answers.map((answer) => ({ ...answer, isComplete: false })) }),
    ).toEqual(["incomplete"])
  })

  it("finds an account number or a key that was sent, in bodies and headers, and repeats none of it", () => {
    const payout = payoutOf(new Chance(1), "a")
    const { account } = payout.beneficiary
    const number = account.scheme === "iban" ? account.iban : account.accountNumber
    canaries.sent(Buffer.from(JSON.stringify(payout)))
    for (const secret of [number, "a-key-of-somebody"]) {
      expect(kindsOf(answered(200, { ...alive, secret }), { expects: "any" })).toEqual(["leak"])
      expect(kindsOf(answered(200, alive, { "x-odd": secret }), { expects: "any" })).toEqual(["leak"])
      const [finding] = findingsIn({ ...request, expects: "any" }, answered(200, { secret }), judge)
      expect(finding?.detail).not.toContain(secret)
    }
    expect(canaries.in("DE00370400440000000000")).toEqual([])
  })

  it("finds a webhook's secret in a line of a log, and a private key also in an answer", () => {
    const secret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`
    expect(canaries.inLine(`added with ${secret}`)).toHaveLength(1)
    expect(canaries.inLine(`added with ${secret}`).join()).not.toContain(secret)
    expect(canaries.inLine("north=whsec_…")).toEqual([])
    expect(canaries.in(`{"secret":"${secret}"}`)).toEqual([])
    const key = secret.replace("whsec_", "whsk_")
    expect(canaries.in(`{"publicKey":"${key}"}`)).toHaveLength(1)
  })

  it("is reported with the request as text, in which keys have names", () => {
    const text = failureReport(
      { ...request, credential: "clerk" },
      {
        ...request,
        path: "/healthz",
        headers: [["Authorization", "Bearer {{key:clerk}}"]],
        body: Buffer.from([0, 255]),
      },
      { kind: "status 500", detail: "500" },
      answered(500, {}),
    )
    expect(text).toContain("GET /healthz HTTP/1.1\n")
    expect(text).toContain("Bearer {{key:clerk}}")
    expect(text).toContain("\\x00\\xff")
  })
})

it("inventories differ by what is new, gone or changed", () => {
  const before = new Map([
    ["a", "1"],
    ["b", "1"],
    ["c", "1"],
  ])
  const after = new Map([
    ["a", "1"],
    ["b", "2"],
    ["d", "1"],
  ])
  expect(differences(before, after)).toEqual(["b changed", "c is gone", "d is new"])
})
