/** Times as the API shows them: in ISO 8601, whatever the log has. */
import { Effect, type SchemaAST } from "effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { BatchEvent } from "../../../src/domain/events.ts"
import { batchIdOf } from "../../../src/http/payout-batches/batch-identity.ts"
import { shownEvent, timesOfEvents } from "../../../src/http/payout-batches/payout-batch-events.ts"
import type { BatchView } from "../../../src/projections/batch-queries.ts"
import { ApiUnderTest } from "../api-under-test.ts"
import { readModels } from "../read-models.ts"
import { payout } from "./payout-batch-body.ts"

const executeAt = new Date(Date.now() + 86_400_000).toISOString()
const id = batchIdOf("acme", "later")
let known: BatchView | undefined
let api: ApiUnderTest
beforeAll(async () => {
  const batches = () => Effect.succeed({ entries: known === undefined ? [] : [known], next: undefined })
  api = await ApiUnderTest.open({ queries: readModels({ batch: () => Effect.succeed(known), batches }) })
  await api.post("later", { executeAt, requireApproval: true, items: [payout("a")] })
})
afterAll(() => api[Symbol.asyncDispose]())

const shown = async () => (await api.get(`/payout-batches/${id}`)).json
const row = {
  ...{ id, reference: undefined, idempotencyKey: "later", itemCount: 1, totals: {}, version: 2 },
  ...{ receivedAt: 0, updatedAt: 0, closedAt: undefined },
}

describe("the time before which nothing is paid", () => {
  it("is shown from the log, and from the read models", async () => {
    known = undefined
    expect(await shown()).toMatchObject({ executeAt })
    known = { ...row, state: "scheduled", executeAt: 86_400_000 }
    expect(await shown()).toMatchObject({ executeAt: "1970-01-02T00:00:00.000Z" })
    const { json } = await api.get("/payout-batches")
    expect(json.payoutBatches).toMatchObject([{ executeAt: "1970-01-02T00:00:00.000Z" }])
  })

  it("is shown from the log where an earlier release stored a scheduled batch without it", async () => {
    known = { ...row, state: "scheduled", executeAt: undefined }
    expect(await shown()).toMatchObject({ executeAt })
  })

  it("is not shown where there is none", async () => {
    known = { ...row, state: "settling", executeAt: undefined }
    expect(await shown()).not.toHaveProperty("executeAt")
  })
})

describe("the times of events", () => {
  it("are in ISO 8601, and the numbers that were shown before are still there", async () => {
    const { json } = await api.get(`/payout-batches/${id}/events`)
    const [received] = json.events as ReadonlyArray<Record<string, unknown>>
    expect(received).toMatchObject({
      executeAt,
      executeAtMs: Date.parse(executeAt),
      approval: { expiresAt: expect.stringMatching(/^\d{4}-.*Z$/), expiresAtMs: expect.any(Number) },
    })
  })

  it("are all of those that events have", () => {
    expect([...new Set(BatchEvent.members.flatMap(({ ast }) => timesIn(ast)))].sort()).toEqual(
      ["at", "approval.expiresAt", ...timesOfEvents, "transfers.*.at", "transfers.*.inquireAt"].sort(),
    )
  })

  it("are shown in events of each kind", () => {
    const retryAt = Date.parse("2026-12-01T00:00:00Z")
    expect(shownEvent({ version: 3, event: { _tag: "BatchClosed", at: retryAt, state: "settled" } })).toEqual(
      {
        version: 3,
        type: "BatchClosed",
        at: "2026-12-01T00:00:00.000Z",
        state: "settled",
      },
    )
  })
})

/** The fields of an event, and of objects in it, that are instants. */
const timesIn = (ast: SchemaAST.AST, within = ""): ReadonlyArray<string> => {
  if (ast._tag === "Arrays")
    return [...ast.elements, ...ast.rest].flatMap((part) => timesIn(part, `${within}*.`))
  if (ast._tag !== "Objects") return []
  return ast.propertySignatures.flatMap(({ name, type }) => {
    const path = `${within}${String(name)}`
    return isInstant(type) ? [path] : timesIn(type, `${path}.`)
  })
}

const isInstant = (ast: SchemaAST.AST): boolean =>
  ast._tag === "Number" && JSON.stringify(ast.checks ?? ast.annotations ?? {}).includes("Instant")
