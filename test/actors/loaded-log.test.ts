/** How an actor's log is loaded and compared with the registers. The stores are replaced; no money moves. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { type ActorServices, load, mayPay, unknownBatch, type Warm } from "../../src/actors/activation.ts"
import { moment } from "../../src/actors/lease.ts"
import { MessageQueues } from "../../src/actors/message-queue.ts"
import type { BatchEvent } from "../../src/domain/events.ts"
import { BatchId } from "../../src/domain/identifiers.ts"
import { StoreUnavailable } from "../../src/platform/store-unavailable.ts"
import type { LogTail } from "../../src/register/log-tail.ts"
import { advance } from "../../src/streams/batch-fold.ts"
import type { LoggedEvent } from "../../src/streams/event-store.ts"
import { FoldCache } from "../../src/streams/fold-cache.ts"
import { chainStart, linked } from "../../src/streams/hash-chain.ts"
import { storyIn } from "../domain/batch-story.ts"
import { firstEvents } from "../streams/log-under-test.ts"

const batch = BatchId.make("pb_aaaaaaaaaaaaaaaaaaaaaa")
const logOf = (events: ReadonlyArray<BatchEvent>): ReadonlyArray<LoggedEvent> =>
  linked(chainStart(batch), events).map(({ hash }, index) => ({
    version: index + 1,
    event: events[index] ?? assert.fail("as many links as events"),
    hash,
  }))
const whole = logOf(firstEvents)
/** What became of a payout is not known. */
const troubled = logOf(storyIn("unknown").events)
const tailOf = (version: number): LogTail => ({
  batch,
  version,
  head: whole[version - 1]?.hash ?? assert.fail("there is such a version"),
})

/** The two stores: a log, and the tail that the register knows. */
class Stores {
  log: ReadonlyArray<LoggedEvent> = whole
  known: LogTail | undefined
  isRegisterDown = false
  /** What was done, in order. */
  readonly steps: Array<"look" | "ask" | "asked" | "read"> = []
  /** Whether traces are recorded. */
  isTraced = false
  readonly warm = new FoldCache(
    unknownBatch({ version: "test", wayOf: () => assert.fail("nothing is paid") }),
    {
      itemsMax: 10,
    },
  )
  /** How long the register takes, in turns of other fibers. */
  answersAfter = 3

  /** Leaves a state of the first so many events, which was compared in an earlier epoch of the stores. */
  leaveWarm(version: number): void {
    const fold: Warm = { ...this.warm.take(batch), compared: "before" }
    for (const recorded of whole.slice(0, version)) advance(fold, recorded)
    this.warm.put(batch, fold)
  }

  readonly #standing = Effect.gen({ self: this }, function* () {
    this.steps.push("ask")
    for (let turn = 0; turn < this.answersAfter; turn++) yield* Effect.yieldNow
    this.steps.push("asked")
    if (this.isRegisterDown)
      return yield* new StoreUnavailable({ store: "postgres", step: "read standings", reason: "TIMEOUT" })
    return { tail: this.known, isLossAccepted: false, decisions: [] }
  })

  /** Loads the batch. Gives the actor, or why there is none. */
  get load() {
    const services = {
      store: {
        read: (_: BatchId, after: number, limit: number) =>
          Effect.map(Effect.yieldNow, () => {
            this.steps.push("read")
            return this.log.slice(after, after + limit)
          }),
      },
      warm: this.warm,
      messageQueues: new MessageQueues(),
      partitions: { of: () => 0 },
      traces: this.isTraced ? { rested: () => {} } : undefined,
      instructions: { standing: () => this.#standing },
      watch: {
        epoch: () => "now",
        objection: () => undefined,
        look: Effect.sync(() => this.steps.push("look")),
      },
    } as unknown as ActorServices
    const lease = { owned: { batch, entry: "1-0", worker: "w" }, renewedAt: moment() }
    return Effect.scoped(load(lease, services)).pipe(Effect.result)
  }
}

describe("a log that is loaded", () => {
  it.effect("is read while the registers answer, after the look at the stores", () =>
    Effect.gen(function* () {
      const stores = new Stores()
      stores.known = tailOf(1)
      const actor = Result.getOrThrow(yield* stores.load)
      assert.deepStrictEqual(stores.steps, ["look", "ask", "read", "asked", "read"], "the last for the tail")
      assert.strictEqual(actor.batch.version, whole.length)
      assert.isTrue(mayPay(actor))
    }),
  )

  it.effect("is not continued if the register knows more of it", () =>
    Effect.gen(function* () {
      const stores = new Stores()
      stores.known = tailOf(2)
      stores.log = whole.slice(0, 1)
      const failure = Result.getOrThrow(Result.flip(yield* stores.load))
      assert.deepInclude(failure, { _tag: "CorruptEntry", entry: "2-0" })
    }),
  )

  it.effect("is not continued from a warm state that it no longer has", () =>
    Effect.gen(function* () {
      const stores = new Stores()
      stores.leaveWarm(2)
      stores.log = whole.slice(0, 1)
      const failure = Result.getOrThrow(Result.flip(yield* stores.load))
      assert.deepInclude(failure, { _tag: "OwnershipLost", reason: "log-moved-on" })
    }),
  )

  it.effect("tells those who trace it that something went wrong, whoever had the batch then", () =>
    Effect.gen(function* () {
      const stores = new Stores()
      stores.isTraced = true
      assert.isFalse(Result.getOrThrow(yield* stores.load).isTroubled)
      stores.log = troubled
      assert.isTrue(Result.getOrThrow(yield* stores.load).isTroubled)
    }),
  )

  it.effect("is continued without paying while the register does not answer", () =>
    Effect.gen(function* () {
      const stores = new Stores()
      stores.isRegisterDown = true
      const actor = Result.getOrThrow(yield* stores.load)
      assert.strictEqual(actor.batch.version, whole.length)
      assert.isFalse(mayPay(actor))
    }),
  )
})
