/** The client asks for proofs as the API has them, and hands them on as they came, for the scripts that verify them. */
import { describe, expect, it } from "vitest"
import { partnerClient } from "../../src/client/partner-client.ts"
import { json, problem, ScriptedService } from "./scripted-service.ts"

const proof = { format: "atlaspay-item-proof/v1", item: 3, events: [], root: "a note", later: "member" }
const root = { number: 2, size: 5, root: "hash", signedAt: "2026-11-28T10:00:00.000Z", note: "a note" }
const growth = { from: { size: 1, root: "hash" }, to: { size: 5, root: "hash" }, proof: ["hash"] }

describe("the client", () => {
  it("asks for the proof of an item, the root, and that it grew", async () => {
    await using service = await ScriptedService.open()
    service.answer(json(200, proof), json(200, root), json(200, growth))
    const { proofs } = partnerClient({ url: service.url, apiKey: "acme-key" })
    expect(await proofs.item("pb_1", 3)).toEqual(proof)
    expect(await proofs.root()).toEqual(root)
    expect(await proofs.consistency(1, 5)).toEqual(growth)
    expect(service.received.map(({ method, path }) => `${method} ${path}`)).toEqual([
      "GET /payout-batches/pb_1/items/3/proof",
      "GET /proofs/root",
      "GET /proofs/consistency?from=1&to=5",
    ])
  })

  it("says so if there is no proof yet, and takes nothing else for one", async () => {
    await using service = await ScriptedService.open()
    const { proofs } = partnerClient({ url: service.url, apiKey: "acme-key", triesMax: 1 })
    service.answer(problem(409, "not-yet-proved"))
    await expect(proofs.item("pb_1", 3)).rejects.toMatchObject({ status: 409 })
    service.answer(json(200, { format: "atlaspay-item-proof/v1" }))
    await expect(proofs.item("pb_1", 3)).rejects.toThrow("GET /payout-batches/pb_1/items/3/proof")
  })
})
