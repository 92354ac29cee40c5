/** What the documents of providers refuse and what they let pass, for requests, answers and webhooks. */
import { describe, expect, it } from "vitest"
import { publishedContract } from "../../src/sandbox/published-contract.ts"
import { isPublishedDataThere, publishedFile } from "../published-data.ts"

describe.skipIf(!isPublishedDataThere)("the document of a provider", () => {
  const contractOf = (document: string) => publishedContract(publishedFile(`openapi/${document}`))

  it("lets pass what is documented, and names the place of what is not", async () => {
    const contract = await contractOf("formance.ledger-v2.yaml")
    const request = { method: "POST", path: "/v2/payouts/transactions", query: {}, headers: {} }
    const posting = { amount: 100, asset: "EUR/2", source: "world", destination: "a:b" }
    expect(contract.ofRequest({ ...request, body: { postings: [posting], metadata: {} } })).toEqual([])
    const { asset: _, ...bare } = posting
    expect(contract.ofRequest({ ...request, body: { postings: [bare], metadata: {} } }).join()).toContain(
      "/requestBody/postings/0",
    )
    expect(contract.ofRequest({ ...request, path: "/v2/payouts/transfers", body: {} })).toEqual([
      "POST /v2/payouts/transfers: no such operation",
    ])
    expect(contract.ofAnswer(request, 200, { data: "booked" })).not.toEqual([])
    expect(contract.ofAnswer(request, 302, {})).not.toEqual([])
  })

  it("is held to where it gives its operations no ids", async () => {
    const contract = await contractOf("moov.watchman-v2.yaml")
    const search = { method: "GET", path: "/v2/search", headers: {} }
    expect(contract.ofRequest({ ...search, query: { name: "Ada", type: "person" } })).toEqual([])
    expect(contract.ofRequest({ ...search, query: { name: "Ada", type: "ghost" } })).toHaveLength(1)
    expect(contract.ofAnswer(search, 200, { entities: [] })).toEqual([])
    expect(contract.ofAnswer(search, 200, { entities: [{ match: 2 }] })).not.toEqual([])
  })

  it.each([
    "adyen.transfer-service-v4.yaml",
    "adyen.transfer-notification-v4.yaml",
    "paypal.payouts-batch-v1.json",
    "moov.watchman-v2.yaml",
  ])("%s is read", async (document) => {
    const contract = await contractOf(document)
    expect(contract.ofRequest({ method: "GET", path: "/nowhere", query: {}, headers: {} })).toHaveLength(1)
  })
})
