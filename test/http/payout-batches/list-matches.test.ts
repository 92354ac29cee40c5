/** What was found on lists is for those who review, and in nothing that partners get. */
import { Effect, Layer } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { decodeEvent, encodeEvent } from "../../../src/domain/event-codec.ts"
import type { BatchId } from "../../../src/domain/identifiers.ts"
import { MATCHES_MAX } from "../../../src/domain/list-match.ts"
import { shownBatch, shownItem } from "../../../src/domain/shown.ts"
import { shownEvent } from "../../../src/http/payout-batches/payout-batch-events.ts"
import { newApiKey } from "../../../src/identity/api-key.ts"
import type { PartnerCaller } from "../../../src/identity/caller.ts"
import { KeyDirectory } from "../../../src/identity/key-directory.ts"
import { PartnerContracts } from "../../../src/identity/partner-contracts.ts"
import { itemRows } from "../../../src/projections/batch-rows.ts"
import { emptyProjection, project } from "../../../src/projections/projected-batch.ts"
import { isForPartners } from "../../../src/proof/item-events.ts"
import { advanceHistory, emptyHistory } from "../../../src/publisher/public-history.ts"
import { exportLog } from "../../../src/replay/exporting.ts"
import { Story } from "../../domain/batch-story.ts"
import { newBatchId, recorded } from "../../publisher/story.ts"
import { logsInMemory } from "../../replay/generated-logs.ts"
import { ApiUnderTest, acme, globex, noStoredKeys, olga, otto, rita, supervisor } from "../api-under-test.ts"

const canary = "Kanarinskij"
const match = {
  name: `${canary}, Boris`,
  lists: [`list of ${canary}`],
  id: `NK-${canary}`,
  score: 0.912345,
  programs: [`program ${canary}`],
}
const found = { item: 1, decision: "review", cause: "sanctions", reason: "resembles an entry" } as const

/** A batch of three items, of which one is held and one rejected. */
const story = (): Story => {
  const told = new Story().asked(3)
  told.tell({
    _tag: "RecordScreening",
    clearance: 1,
    clearanceId: "c",
    listVersion: "v",
    decisions: [
      { ...found, matches: [match] },
      { item: 2, decision: "rejected", reason: "matches an entry", matches: [match, match] },
      { item: 3, decision: "approved" },
    ],
  })
  return told
}

let api: ApiUnderTest
const reviewer = newApiKey().text
beforeAll(async () => {
  const partner: PartnerCaller = {
    kind: "partner",
    partner: "acme",
    credential: "partner:acme/reviewer",
    scopes: new Set(["batches:review", "batches:read"]),
  }
  api = await ApiUnderTest.open({
    access: Layer.mergeAll(
      noStoredKeys,
      Layer.mock(KeyDirectory, {
        find: (key) => Effect.succeed(key === reviewer ? partner : "unknown"),
        isSuspended: () => false,
        lastSignOut: () => Effect.undefined,
      }),
      Layer.mock(PartnerContracts, { operates: () => Effect.succeed(new Set(["review"] as const)) }),
    ),
  })
})
afterAll(() => api[Symbol.asyncDispose]())

const opened = async (): Promise<BatchId> => {
  const id = newBatchId()
  await Effect.runPromise(api.log.open(id, story().events, `open ${id}`))
  return id
}

const get = (path: string, apiKey: string, headers: Readonly<Record<string, string>> = {}) =>
  api.call(`/payout-batches/${path}`, { headers: { authorization: `Bearer ${apiKey}`, ...headers } })

describe("what was found", () => {
  it("is shown to operators who review", async () => {
    const id = await opened()
    const { item, ...decided } = found
    for (const key of [olga, rita])
      expect(await get(`${id}/items/1/matches`, key)).toMatchObject({
        status: 200,
        json: { item, decisions: [{ ...decided, listVersion: "v", matches: [match] }] },
      })
    expect(await get(`${id}/items/3/matches`, rita)).toMatchObject({ json: { item: 3, decisions: [] } })
    expect((await get(`${id}/items/4/matches`, rita)).status).toBe(404)
    expect((await get(`${newBatchId()}/items/1/matches`, rita)).status).toBe(404)
  })

  it("is shown to no partner, whatever its contract lets it decide, and to no other operator", async () => {
    const id = await opened()
    for (const key of [acme, supervisor, globex, otto, reviewer]) {
      const { status, text } = await get(`${id}/items/1/matches`, key)
      expect([403, 404]).toContain(status)
      expect(text).not.toContain(canary)
    }
  })

  it("is in nothing else that the API answers, to nobody", async () => {
    const id = await opened()
    for (const key of [acme, olga])
      for (const path of ["/events", "?asOf=3", "/items?asOf=3", "/items/1?asOf=3"]) {
        const { status, text } = await get(`${id}${path}`, key)
        expect(`${path} ${status}`).toBe(`${path} 200`)
        expect(text).not.toContain(canary)
        expect(text).not.toContain("0.912345")
      }
  })

  it("is in no read model, public event, proof for partners or export", async () => {
    const id = newBatchId()
    const told = story()
    const events = recorded(told.events)
    const [history, fold] = [emptyHistory(id), emptyProjection(id)]
    const shown: Array<unknown> = []
    for (const event of events) {
      shown.push(advanceHistory(history, event), shownEvent(event))
      project(fold, event)
      if (encodeEvent(event.event).includes(canary)) expect(isForPartners(event.event)).toBe(false)
    }
    shown.push(
      shownBatch(fold.batch),
      [...fold.batch.items.values()].map(shownItem),
      itemRows(id, fold, [1, 2, 3]),
    )
    const logs = logsInMemory([told.events])
    const lines: Array<string> = []
    const [batch = id] = logs.batches
    await Effect.runPromise(exportLog(logs, batch, { amounts: true }, (line) => lines.push(line)))
    const text = JSON.stringify([shown, lines], (_, value) =>
      typeof value === "bigint" ? `${value}` : value,
    )
    expect(text).toContain("resembles an entry")
    expect(text).not.toContain(canary)
  })

  it("is in the log, and read from it as it was written", () => {
    const [screened] = story().events.filter(({ _tag }) => _tag === "ItemsScreened")
    if (screened === undefined) throw new Error("nothing was screened")
    expect(encodeEvent(screened)).toContain(canary)
    expect(decodeEvent(encodeEvent(screened))).toMatchObject({ success: screened })
    expect(MATCHES_MAX).toBeLessThanOrEqual(5)
  })
})
