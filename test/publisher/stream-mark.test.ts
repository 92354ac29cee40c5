import { assert, describe, it } from "@effect/vitest"
import {
  lossOf,
  markFromCursor,
  markToCursor,
  type StreamFacts,
  type StreamLoss,
  type StreamMark,
} from "../../src/publisher/stream-mark.ts"

const DAY_MS = 86_400_000
const NOW = Date.UTC(2026, 10, 28)

const mark: StreamMark = {
  created: "2026-11-01T00:00:00.000000001Z",
  sequence: 100,
  id: "pb_a:7.seal",
  checked: { sequence: 90, at: NOW - DAY_MS },
}

const whole: StreamFacts = {
  created: mark.created,
  firstSequence: 1,
  lastSequence: 120,
  now: NOW,
  ageMsMax: 30 * DAY_MS,
  isFull: false,
  replaces: false,
  idAtMark: mark.id,
}

const old = { checked: { sequence: 90, at: NOW - 31 * DAY_MS } }
const gone = { firstSequence: 110, idAtMark: undefined }

describe("the mark of a stream", () => {
  it.each<readonly [string, StreamLoss | undefined, Partial<StreamFacts>, Partial<StreamMark>?]>([
    ["is in a stream that has all", undefined, {}],
    ["is at the end of a stream that has all", undefined, { lastSequence: 100 }],
    ["is of another stream of that name", "other-stream", { created: "2026-11-02T00:00:00Z" }],
    ["is beyond the end", "older", { lastSequence: 99, idAtMark: undefined }],
    ["is where another message is now", "older", { idAtMark: "pb_b:1.seal" }],
    ["is where a message was deleted", "purged", { idAtMark: undefined }],
    [
      "is where a newer message of the subject took its place",
      undefined,
      { idAtMark: undefined, replaces: true },
    ],
    ["is before a purge", "purged", gone],
    ["is before a purge of an empty stream", "purged", { ...gone, firstSequence: 121 }],
    ["is in a stream whose older messages were purged", "purged", { firstSequence: 95 }],
    ["is before what ended by age", undefined, gone, old],
    ["is before a purge, where nothing ends by age", "purged", { ...gone, ageMsMax: 0 }, old],
    ["is before what a full stream removed", undefined, { ...gone, isFull: true }],
    [
      "is in a stream that never had a message",
      undefined,
      { firstSequence: 0, lastSequence: 0, idAtMark: undefined },
      { sequence: 0, id: "", checked: { sequence: 0, at: 0 } },
    ],
  ])("%s", (...[, loss, facts, changed]) => {
    assert.strictEqual(lossOf(Object.assign({}, mark, changed), Object.assign({}, whole, facts)), loss)
  })

  it("is read as it was stored", () => {
    assert.deepStrictEqual(markFromCursor(markToCursor(mark)), mark)
    assert.isUndefined(markFromCursor({ position: "0-0", head: undefined }))
  })
})
