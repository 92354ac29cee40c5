/**
 * What a large file costs: memory, and the time for which others wait. The full length (`npm run test:uploads`) uploads 100,000
 * rows and holds the figures of docs/API.md; the short one holds the memory, and time only as a share of the upload's own.
 */
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { isLong } from "../../length.ts"
import { ApiUnderTest, acme, globex } from "../api-under-test.ts"
import { payout } from "../payout-batches/payout-batch-body.ts"
import { csvRow, ndjsonLine, pain001, transfer } from "./upload-bodies.ts"

const ROWS = isLong ? 100_000 : 5_000
const MIB = 1024 * 1024
/** Beside what the accepted items take, garbage stays until it is collected. */
const MEMORY_BYTES_MAX = (isLong ? 200 : 120) * MIB
const WAIT_MS_MAX = 300
const SAMPLE_MS = 20
const ROWS_AT_ONCE = 500

let api: ApiUnderTest
beforeAll(async () => {
  api = await ApiUnderTest.open()
})
afterAll(() => api[Symbol.asyncDispose]())

setFlagsFromString("--expose-gc")
const collect: () => void = runInNewContext("gc")

/** A body that is made as it is sent, so that only the service holds it. */
const bodyOf = (head: string, row: (index: number) => string, tail: string): ReadableStream<Uint8Array> => {
  let sent = 0
  return new ReadableStream({
    pull: (controller) => {
      if (sent === 0) controller.enqueue(Buffer.from(head))
      const rows = Array.from({ length: Math.min(ROWS_AT_ONCE, ROWS - sent) }, (_, index) =>
        row(sent + index),
      )
      if (rows.length > 0) controller.enqueue(Buffer.from(rows.join("")))
      sent += rows.length
      if (sent < ROWS) return
      controller.enqueue(Buffer.from(tail))
      controller.close()
    },
  })
}

const [before = "", after = ""] = pain001([transfer("cut")], { count: ROWS }).split(transfer("cut"))
const bodies = {
  "text/csv": () =>
    bodyOf("reference,currency,amount,name,iban,remittance\n", (index) => `${csvRow(`inv-${index}`)}\n`, ""),
  "application/x-ndjson": () => bodyOf("", (index) => `${ndjsonLine(`inv-${index}`)}\n`, ""),
  "application/xml": () => bodyOf(before, (index) => `${transfer(`inv-${index}`)}\n`, after),
}

const upload = async (type: keyof typeof bodies) => {
  const init: RequestInit & { readonly duplex: "half" } = {
    method: "POST",
    headers: { authorization: `Bearer ${acme}`, "idempotency-key": `big ${type}`, "content-type": type },
    body: bodies[type](),
    duplex: "half",
  }
  const began = performance.now()
  const answer = await api.call("/payout-batches", init)
  return { answer, tookMs: performance.now() - began }
}

/** Runs beside something until it is done: small batches of another partner, and looks at the memory. */
const beside = async <A>(work: Promise<A>) => {
  let isDone = false
  const done = work.finally(() => {
    isDone = true
  })
  const watch = async () => {
    let peak = 0
    while (!isDone) {
      peak = Math.max(peak, process.memoryUsage.rss())
      await new Promise((resolve) => setTimeout(resolve, SAMPLE_MS))
    }
    return peak
  }
  const ask = async () => {
    let longest = 0
    for (let index = 0; !isDone; index += 1) {
      const began = performance.now()
      const small = await api.post(`small ${began}`, { items: [payout(`small-${index}`)] }, globex)
      expect(small.status).toBe(202)
      longest = Math.max(longest, performance.now() - began)
      await new Promise((resolve) => setTimeout(resolve, SAMPLE_MS))
    }
    return longest
  }
  const [result, peak, longestMs] = await Promise.all([done, watch(), ask()])
  return { result, peak, longestMs }
}

describe.each(Object.keys(bodies) as ReadonlyArray<keyof typeof bodies>)(`${ROWS} payouts of %s`, (type) => {
  it("are accepted in bounded memory, while others are answered", { timeout: 300_000 }, async () => {
    collect()
    const memory = process.memoryUsage.rss()
    const { result, peak, longestMs } = await beside(upload(type))
    const { answer, tookMs } = result
    expect([answer.status, answer.json.itemCount]).toEqual([202, ROWS])
    if (isLong)
      console.info(
        `${type}: ${Math.round(tookMs)} ms, ${Math.round((peak - memory) / MIB)} MiB more, others waited ${Math.round(longestMs)} ms at most`,
      )
    expect(peak - memory).toBeLessThan(MEMORY_BYTES_MAX)
    if (isLong) expect(longestMs).toBeLessThan(WAIT_MS_MAX)
    else expect(longestMs).toBeLessThan(Math.max(tookMs, WAIT_MS_MAX))
  })
})
