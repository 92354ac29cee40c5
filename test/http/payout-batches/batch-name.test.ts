/** One key names one batch, in both ways of writing it, in requests at the same instant, and in two releases side by side. */
import { assert, layer } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { BatchEvent } from "../../../src/domain/events.ts"
import { BatchId, PartnerId } from "../../../src/domain/identifiers.ts"
import { batchIdOf } from "../../../src/http/payout-batches/batch-identity.ts"
import { acceptedAs, batchName, openOnce } from "../../../src/http/payout-batches/batch-name.ts"
import { EventStore } from "../../../src/streams/event-store.ts"
import { settings } from "../../settings.ts"
import { firstEvents } from "../../streams/log-under-test.ts"
import { layer as streamsInMemory } from "../../streams/streams-memory.ts"
import { ApiUnderTest, acme } from "../api-under-test.ts"
import { payout } from "./payout-batch-body.ts"

const batch = { items: [payout("a")] }
let api: ApiUnderTest
beforeAll(async () => {
  api = await ApiUnderTest.open({ environment: { PARTITIONS: "8" } })
})
afterAll(() => api[Symbol.asyncDispose]())

let keys = 0
/** A key that no other test has, in the way of writing it. */
const [plain, quoted] = [(key: string) => key, (key: string) => `"${key}"`]
const forms = { plain, quoted }
const newKey = () => `batch-name ${keys++}`

/** Accepts the batch as the release before the two ways were one did: under the key as it was written, and nothing else. */
const acceptBefore = async (key: string, on = api) => {
  const model = await on.post(newKey(), batch)
  const stored = await Effect.runPromise(on.log.read(BatchId.make(String(model.json.id)), 0, 1))
  const events = stored.map(({ event }) => ({ ...event, idempotencyKey: key }) as BatchEvent)
  const id = batchIdOf("acme", key)
  const outcome = await Effect.runPromise(on.log.open(id, events, `before ${key}`))
  return { id, isReplayed: outcome._tag === "Exists" }
}

const acceptHere = async (key: string) => {
  const { json, headers } = await api.post(key, batch)
  return { id: String(json.id), isReplayed: headers.get("idempotent-replayed") === "true" }
}

const releases = { before: acceptBefore, here: acceptHere }

describe("a request and its repetition", () => {
  it.each([
    ["plain", "here", "plain", "here"],
    ["plain", "here", "quoted", "here"],
    ["quoted", "here", "plain", "here"],
    ["quoted", "here", "quoted", "here"],
    // During a rolling deploy.
    ["plain", "before", "plain", "here"],
    ["plain", "before", "quoted", "here"],
    ["quoted", "before", "quoted", "here"],
    ["plain", "here", "plain", "before"],
    ["quoted", "here", "quoted", "before"],
  ] as const)("%s %s and %s %s are one batch", async (form, release, again, releaseAgain) => {
    const key = newKey()
    const first = await releases[release](forms[form](key))
    const second = await releases[releaseAgain](forms[again](key))
    expect([first.isReplayed, second.isReplayed]).toEqual([false, true])
    expect(second.id).toBe(first.id)
  })

  it("quoted before and plain here are two, as they were in the release before", async () => {
    const key = newKey()
    const first = await acceptBefore(quoted(key))
    const second = await acceptHere(plain(key))
    expect(second).toEqual({ id: batchIdOf("acme", key), isReplayed: false })
    expect(await acceptHere(quoted(key))).toEqual({ id: first.id, isReplayed: true })
    expect(await acceptHere(plain(key))).toEqual({ id: second.id, isReplayed: true })
  })

  it("are one batch where its partner's payouts are compared, whichever release took it", async () => {
    await using careful = await ApiUnderTest.open({ environment: { DUPLICATE_PAYOUTS: "acme=refuse:7" } })
    const key = newKey()
    const first = await acceptBefore(quoted(key), careful)
    const { json, headers } = await careful.post(plain(key), batch)
    expect([json.id, headers.get("idempotent-replayed")]).toEqual([first.id, "true"])
  })

  it("are refused with the batch that is there, if the body is another", async () => {
    const key = newKey()
    const { id } = await acceptHere(quoted(key))
    const { status, json } = await api.post(plain(key), { items: [payout("b")] })
    expect([status, json.batch]).toEqual([422, id])
  })

  it("are answered from the log if the request would be refused now", async () => {
    const key = newKey()
    const { id } = await acceptHere(quoted(key))
    const { json } = await api.call("/payout-batches", {
      method: "POST",
      headers: {
        authorization: `Bearer ${acme}`,
        "idempotency-key": plain(key),
        "content-type": "application/json; charset=utf-16",
      },
      body: JSON.stringify(batch),
    })
    expect(json.id).toBe(id)
  })
})

it("both ways of a key at the same instant open one batch", async () => {
  for (let round = 0; round < 25; round += 1) {
    const key = newKey()
    const order = round % 2 === 0 ? [plain, quoted, plain, quoted] : [quoted, plain, quoted, plain]
    const asks = order.map((form) => acceptHere(form(key)))
    const answers = await Promise.all(asks)
    expect(new Set(answers.map(({ id }) => id)).size).toBe(1)
    expect(answers.filter(({ isReplayed }) => !isReplayed)).toHaveLength(1)
  }
})

layer(streamsInMemory.pipe(Layer.provide(settings({ PARTITIONS: "2" }))))(
  "a request that died between reservation and batch",
  (it) => {
    const partner = PartnerId.make("acme")
    const nameOf = (key: string, written?: string) =>
      batchName(partner, written === undefined ? { key } : { key, quoted: written })
    /** How a request ends that takes as long as it may. */
    const outcomeOf = Effect.fnUntraced(function* (name: ReturnType<typeof batchName>) {
      const opening = yield* Effect.forkChild(
        Effect.result(Effect.flatten(openOnce(yield* EventStore, name, firstEvents))),
      )
      yield* TestClock.adjust(2_000)
      const result = yield* Fiber.join(opening)
      return result._tag === "Success" ? result.success._tag : result.failure._tag
    })

    it.effect("is finished by a repetition of it, which the other way then finds", () =>
      Effect.gen(function* () {
        const [bare, inQuotes] = [nameOf("a"), nameOf("a", '"a"')]
        yield* (yield* EventStore).reserve(bare.id)
        assert.strictEqual(yield* outcomeOf(bare), "StoreUnavailable")
        assert.strictEqual(yield* outcomeOf(inQuotes), "Opened")
        assert.strictEqual(yield* outcomeOf(bare), "Exists")
        assert.strictEqual((yield* acceptedAs(bare))?.id, inQuotes.id)
      }),
    )

    it.effect("is given up once it can open nothing any more", () =>
      Effect.gen(function* () {
        const store = yield* EventStore
        const bare = nameOf("b")
        const made = yield* store.reserve(bare.id)
        assert(made._tag === "Reserved")
        yield* TestClock.adjust(100_000)
        assert.strictEqual(yield* outcomeOf(bare), "StoreUnavailable")
        yield* TestClock.adjust(20_000)
        assert.strictEqual(yield* outcomeOf(bare), "StoreUnavailable", "which cancels the reservation")
        assert.strictEqual(yield* outcomeOf(bare), "Opened")
        assert.strictEqual(yield* outcomeOf(nameOf("b", '"b"')), "Exists")
      }),
    )

    it.effect("opens nothing when it comes to itself so late", () =>
      Effect.gen(function* () {
        const store = yield* EventStore
        const inQuotes = nameOf("c", '"c"')
        const paused = {
          ...store,
          prepare: (...of: Parameters<typeof store.prepare>) =>
            Effect.andThen(TestClock.adjust(60_001), store.prepare(...of)),
        }
        const late = yield* Effect.flip(Effect.flatten(openOnce(paused, inQuotes, firstEvents)))
        assert.strictEqual(late._tag, "StoreUnavailable")
        assert.isUndefined(yield* acceptedAs(inQuotes))
      }),
    )
  },
)
