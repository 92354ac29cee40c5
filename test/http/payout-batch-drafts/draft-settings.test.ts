/** A draft is held to the settings of its partner when it is submitted, and counts in its partner's day once. */
import { Effect, Layer } from "effect"
import { afterAll, afterEach, beforeAll, expect, it } from "vitest"
import type { PartnerSettings } from "../../../src/domain/partner-settings.ts"
import { KeyDirectory } from "../../../src/identity/key-directory.ts"
import { type OwnDatabase, ownDatabase } from "../../database.ts"
import { ApiUnderTest, noStoredKeys } from "../api-under-test.ts"
import { payout } from "../payout-batches/payout-batch-body.ts"
import { callDraft, die, draftWith, Steps } from "./drafts-under-test.ts"

const VERSION = 1_795_000_000_000

const steps = new Steps()
let current: PartnerSettings = {}
let database: OwnDatabase
let api: ApiUnderTest
beforeAll(async () => {
  database = await ownDatabase()
  const directory = Layer.mock(KeyDirectory, {
    find: () => Effect.succeed("unknown" as const),
    isSuspended: () => false,
    settingsOf: () => Effect.sync(() => ({ version: VERSION, settings: current })),
  })
  api = await ApiUnderTest.open({
    access: Layer.merge(noStoredKeys, directory),
    environment: { DATABASE_URL: database.url },
    drafts: steps.drafts,
    streams: steps.streams,
  })
})
afterEach(() => steps.clear())
afterAll(async () => {
  await api[Symbol.asyncDispose]()
  await database.drop()
})

const euros = (reference: string, value: string) => payout(reference, { amount: { currency: "EUR", value } })

const submit = (path: string, version: number) => callDraft(api, "POST", `${path}/submission`, { version })

it("is refused for what a setting does not allow, by its number in the draft, and stays open", async () => {
  current = {}
  const { path, version } = await draftWith(api, [[euros("a", "1.00")], [euros("b", "1.01")]])
  current = { itemMax: { EUR: "1.00" } }
  const removed = await callDraft(api, "DELETE", `${path}/items/1`, { version })
  expect(removed.status).toBeLessThan(300)
  const { status, json } = await submit(path, version + 1)
  expect([status, json.errors]).toEqual([
    400,
    [expect.objectContaining({ item: 2, pointer: "/items/1/amount/value" })],
  ])
  expect((await callDraft(api, "GET", path)).json.state).toBe("open")
})

it("counts in the day once, whoever dies before its answer, and is refused for a day that is full", async () => {
  current = { dayMax: { EUR: "100.00" } }
  const first = await draftWith(api, [[euros("a", "60.00")]])
  const second = await draftWith(api, [[euros("b", "41.00")]])
  const third = await draftWith(api, [[euros("c", "40.00")]])
  steps.before.open = die
  expect((await submit(first.path, first.version)).status, "dies after it was counted").toBe(500)
  steps.clear()
  steps.before.submitted = die
  expect((await submit(first.path, first.version)).status, "dies after it was opened").toBe(500)
  steps.clear()
  expect((await submit(first.path, first.version)).status).toBe(202)
  const refused = await submit(second.path, second.version)
  expect([refused.status, refused.json.type]).toEqual([409, "/problems/day-limit-reached"])
  expect((await callDraft(api, "GET", second.path)).json.state).toBe("open")
  expect((await submit(third.path, third.version)).status, "what is left of the day").toBe(202)
})
