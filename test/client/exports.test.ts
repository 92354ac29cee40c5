/** Exports: complete, or an error that says that they are not. */
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { IncompleteExport, Problem, UnusableAnswer } from "../../src/client/errors.ts"
import { type AtlasPay, partnerClient } from "../../src/client/partner-client.ts"
import { json, parts, problem, ScriptedService } from "./scripted-service.ts"

let service: ScriptedService
let client: AtlasPay

beforeAll(async () => {
  service = await ScriptedService.open()
  client = partnerClient({ url: service.url, apiKey: "acme-key" })
})
afterAll(() => service[Symbol.asyncDispose]())

/** What came of an export, and how it ended. */
const exported = async <A>(pieces: AsyncIterable<A>) => {
  const came: Array<A> = []
  try {
    for await (const piece of pieces) came.push(piece)
    return { came, failure: undefined }
  } catch (failure) {
    return { came, failure }
  }
}

const NDJSON = "application/x-ndjson"
const CSV = "text/csv; charset=utf-8; header=present"
const [first, second, end] = ['{"item":1}\n', '{"item":2}\n', '{"complete":true,"count":2}\n']

describe("an export in NDJSON", () => {
  it("gives each item, however it is cut into pieces", async () => {
    service.answer(parts(NDJSON, [first.slice(0, 4), first.slice(4) + second, end]))
    const { came, failure } = await exported(client.exportItems({ state: ["failed"] }))
    expect(failure).toBeUndefined()
    expect(came).toEqual([{ item: 1 }, { item: 2 }])
    expect(service.received[0]).toMatchObject({
      path: "/payout-items?state=failed",
      headers: { accept: NDJSON },
    })
  })

  it.each([
    ["no last line", parts(NDJSON, [first, second])],
    ["fewer items than the last line says", parts(NDJSON, [first, end])],
    ["a connection that broke", parts(NDJSON, [first, second, end], "drop")],
    ["a last line that is not complete", parts(NDJSON, [first, second, end.trim()])],
  ])("is incomplete with %s, also as a file", async (_, answering) => {
    service.answer(answering)
    const { failure } = await exported(client.exportItems())
    expect(failure).toBeInstanceOf(IncompleteExport)
    expect((await exported(client.exportFile("ndjson"))).failure).toBeInstanceOf(IncompleteExport)
  })

  it("is no other answer, and no refusal", async () => {
    for (const answering of [json(200, { items: [] }), parts(NDJSON, ["<html>\n"])]) {
      service.answer(answering)
      expect((await exported(client.exportItems())).failure).toBeInstanceOf(UnusableAnswer)
    }
    service.answer(problem(404, "not-found"))
    expect((await exported(client.exportItems({ batch: "pb_1" }))).failure).toBeInstanceOf(Problem)
  })
})

describe("an export in CSV", () => {
  const batch = json(200, { id: "pb_1", state: "settled", itemCount: 2 })
  const rows = ["batch,item\r\n", 'pb_1,"a\r\n""b"', "\r\npb_1,2\r\n"]

  it("has as many rows as its batch has items, also with lines' ends in cells", async () => {
    service.answer(batch, parts(CSV, rows))
    const { came, failure } = await exported(client.exportFile("csv", { batch: "pb_1" }))
    expect(failure).toBeUndefined()
    expect(Buffer.concat(came).toString()).toBe(rows.join(""))
  })

  it.each([
    ["too few rows", rows.slice(0, 1)],
    ["an end within a row", [...rows, "pb_1"]],
    ["an end within a cell", [...rows, '"pb_1\r\n']],
    ["too many rows", [...rows, "pb_1,3\r\n"]],
    ["nothing", []],
  ])("is incomplete with %s", async (_, texts) => {
    service.answer(batch, parts(CSV, texts))
    const { failure } = await exported(client.exportFile("csv", { batch: "pb_1" }))
    expect(failure).toBeInstanceOf(IncompleteExport)
  })

  it("of what a filter finds is incomplete if the connection breaks", async () => {
    service.answer(parts(CSV, rows, "drop"))
    expect((await exported(client.exportFile("csv", { lastFour: "3000" }))).failure).toBeInstanceOf(
      IncompleteExport,
    )
    service.answer(parts(CSV, rows))
    expect((await exported(client.exportFile("csv", { lastFour: "3000" }))).failure).toBeUndefined()
  })
})
