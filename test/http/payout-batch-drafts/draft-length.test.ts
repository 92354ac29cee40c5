/**
 * What a long draft costs: memory, and the time for which others wait. The full length (TEST_LENGTH=long) has 100,000 items, and
 * holds the bounds of files; the short one holds the memory.
 */
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { afterAll, beforeAll, expect, it } from "vitest"
import { type OwnDatabase, ownDatabase } from "../../database.ts"
import { isLong, lengthOf } from "../../length.ts"
import { ApiUnderTest, globex } from "../api-under-test.ts"
import { payout } from "../payout-batches/payout-batch-body.ts"
import { callDraft, draftsLayer } from "./drafts-under-test.ts"

const ITEMS = lengthOf({ full: 100_000, short: 6_000 })
const PER_PAGE = lengthOf({ full: 10_000, short: 2_000 })
const MIB = 1024 * 1024
const MEMORY_BYTES_MAX = lengthOf({ full: 200, short: 50 }) * MIB
const WAIT_MS_MAX = lengthOf({ full: 300, short: 3_000 })
const LOOK_EVERY_MS = 100
/** Bodies of requests are given back some collections after nobody refers to them. */
const COLLECTIONS = 5

setFlagsFromString("--expose-gc")
const collect: () => void = runInNewContext("gc")

let database: OwnDatabase
let api: ApiUnderTest
beforeAll(async () => {
  database = await ownDatabase()
  api = await ApiUnderTest.open({ environment: { DATABASE_URL: database.url }, drafts: draftsLayer })
})
afterAll(async () => {
  await api[Symbol.asyncDispose]()
  await database.drop()
})

const longDraft = async (): Promise<string> => {
  const { json } = await callDraft(api, "POST", "", { body: {} })
  for (let page = 0; page * PER_PAGE < ITEMS; page += 1) {
    const items = Array.from({ length: PER_PAGE }, (_, index) => payout(`inv-${page * PER_PAGE + index}`))
    const asked = { version: page + 1, key: `${page}`, body: { items } }
    expect((await callDraft(api, "POST", `/${json.id}/items`, asked)).status).toBe(201)
  }
  return `/${json.id}`
}

const submit = async (path: string) => {
  const began = performance.now()
  const { status, json } = await callDraft(api, "POST", `${path}/submission`, {
    version: ITEMS / PER_PAGE + 1,
  })
  expect([status, json.itemCount]).toEqual([202, ITEMS])
  return performance.now() - began
}

const pause = () => new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))

/** Looks again and again until work is done; gives the most of what was seen. */
const beside = async <A>(work: Promise<A>, look: () => Promise<number> | number) => {
  let isDone = false
  const done = work.finally(() => {
    isDone = true
  })
  const watch = async () => {
    let most = 0
    while (!isDone) {
      most = Math.max(most, await look())
      await pause()
    }
    return most
  }
  const [result, most] = await Promise.all([done, watch()])
  return { result, most }
}

const memory = (): number => {
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

it(`a draft of ${ITEMS} items becomes a batch in bounded memory`, { timeout: 300_000 }, async () => {
  const path = await longDraft()
  for (let count = 0; count < COLLECTIONS; count += 1) {
    memory()
    await pause()
  }
  const before = memory()
  const { most } = await beside(submit(path), memory)
  if (isLong) console.info(`${Math.round((most - before) / MIB)} MiB more`)
  expect(most - before).toBeLessThan(MEMORY_BYTES_MAX)
})

it("and keeps nobody else waiting", { timeout: 300_000 }, async () => {
  const path = await longDraft()
  const { result, most } = await beside(submit(path), async () => {
    const began = performance.now()
    const { status } = await api.post(`small ${began}`, { items: [payout(`small-${began}`)] }, globex)
    expect(status).toBe(202)
    return performance.now() - began
  })
  if (isLong) console.info(`${Math.round(result)} ms, others waited ${Math.round(most)} ms at most`)
  expect(most).toBeLessThan(WAIT_MS_MAX)
})
