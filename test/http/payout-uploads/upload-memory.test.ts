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
import { largeBodies } from "./upload-bodies.ts"

const ROWS = isLong ? 100_000 : 5_000
const MIB = 1024 * 1024
/** Also for few rows: what is loaded and compiled at the first upload counts. */
const MEMORY_BYTES_MAX = (isLong ? 200 : 50) * MIB
const WAIT_MS_MAX = 300
const MEMORY_EVERY_MS = 100
const SMALL_EVERY_MS = 20

let api: ApiUnderTest
beforeAll(async () => {
  api = await ApiUnderTest.open()
})
afterAll(() => api[Symbol.asyncDispose]())

setFlagsFromString("--expose-gc")
const collect: () => void = runInNewContext("gc")

const bodies = largeBodies(ROWS)

const upload = async (type: keyof typeof bodies, key: string) => {
  const init: RequestInit & { readonly duplex: "half" } = {
    method: "POST",
    headers: { authorization: `Bearer ${acme}`, "idempotency-key": `${key} ${type}`, "content-type": type },
    body: bodies[type](),
    duplex: "half",
  }
  const began = performance.now()
  const answer = await api.call("/payout-batches", init)
  expect([answer.status, answer.json.itemCount]).toEqual([202, ROWS])
  return performance.now() - began
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Does something again and again until work is done, and gives what the work gave and the most of all. */
const beside = async <A>(work: Promise<A>, everyMs: number, look: () => Promise<number> | number) => {
  let isDone = false
  const done = work.finally(() => {
    isDone = true
  })
  const watch = async () => {
    let most = 0
    while (!isDone) {
      most = Math.max(most, await look())
      await pause(everyMs)
    }
    return most
  }
  const [result, most] = await Promise.all([done, watch()])
  return { result, most }
}

/** What is in use, without garbage that is not collected yet. */
const memory = (): number => {
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

const smallBatch = async () => {
  const began = performance.now()
  const small = await api.post(`small ${began}`, { items: [payout(`small-${began}`)] }, globex)
  expect(small.status).toBe(202)
  return performance.now() - began
}

describe.each(Object.keys(bodies) as ReadonlyArray<keyof typeof bodies>)(`${ROWS} payouts of %s`, (type) => {
  it("are accepted in bounded memory", { timeout: 300_000 }, async () => {
    const before = memory()
    const { most } = await beside(upload(type, "memory"), MEMORY_EVERY_MS, memory)
    if (isLong) console.info(`${type}: ${Math.round((most - before) / MIB)} MiB more`)
    expect(most - before).toBeLessThan(MEMORY_BYTES_MAX)
  })

  it("keep nobody else waiting", { timeout: 300_000 }, async () => {
    const { result, most } = await beside(upload(type, "others"), SMALL_EVERY_MS, smallBatch)
    if (isLong)
      console.info(`${type}: ${Math.round(result)} ms, others waited ${Math.round(most)} ms at most`)
    expect(most).toBeLessThan(isLong ? WAIT_MS_MAX : Math.max(result, WAIT_MS_MAX))
  })
})
