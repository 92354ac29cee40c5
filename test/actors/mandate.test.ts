/** The permission to send, which is checked right before each call to a bank. The stores and the bank are replaced. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { type ActorServices, unknownBatch } from "../../src/actors/activation.ts"
import { activate } from "../../src/actors/batch-actor.ts"
import { moment } from "../../src/actors/lease.ts"
import { MessageQueues } from "../../src/actors/message-queue.ts"
import { Pace } from "../../src/actors/pace.ts"
import type { ClearanceTerms } from "../../src/domain/clearance.ts"
import type { BatchEvent } from "../../src/domain/events.ts"
import type { BatchId } from "../../src/domain/identifiers.ts"
import type { Mandate } from "../../src/pipelines/call.ts"
import type { Append, LoggedEvent } from "../../src/streams/event-store.ts"
import { FoldCache } from "../../src/streams/fold-cache.ts"
import { chainStart, linked } from "../../src/streams/hash-chain.ts"
import { batchId, Story } from "../domain/batch-story.ts"
import { routesBy, taking } from "../domain/planner.ts"

const ITEM = 1
const termsBy = (version: string): ClearanceTerms => ({
  maxAgeMs: 60_000,
  lists: { version, since: 0 },
  retryMs: { min: 1_000, max: 1_000 },
})

/** An actor that is about to send one transfer, and what it relies on. */
class Paying {
  /** The lists of the story's clearance are "v". */
  seen: ClearanceTerms | undefined = termsBy("v")
  read: ClearanceTerms = termsBy("v")
  isOwner = true
  objection: string | undefined
  looks = 0
  /** Called when the stores are looked at. */
  looking = () => {}
  readonly appended: Array<BatchEvent> = []
  #mandate: Mandate | undefined
  readonly #story = new Story().started(1).posted("hold")
  readonly #log: ReadonlyArray<LoggedEvent> = linked(chainStart(batchId), this.#story.events).map(
    ({ hash }, index) => ({
      version: index + 1,
      event: this.#story.events[index] ?? assert.fail("as many links as events"),
      hash,
    }),
  )

  /** Starts the actor, and gives its permission to send once it calls the bank. */
  readonly mandate = Effect.gen({ self: this }, function* () {
    yield* TestClock.setTime(this.#story.now)
    const lease = { owned: { batch: batchId, entry: "1-0", worker: "w" }, renewedAt: moment() }
    const fiber = yield* Effect.forkScoped(activate(lease, this.#services(yield* Clock.Clock)))
    yield* Effect.addFinalizer(() => Fiber.interrupt(fiber))
    for (let ms = 0; ms < 50; ms++) yield* TestClock.adjust(1)
    return this.#mandate ?? assert.fail("the bank is called")
  })

  #services(clock: Clock.Clock): ActorServices {
    const routes = routesBy([{ rule: "all", banks: ["north"] }])
    return {
      clock,
      store: {
        read: (_: BatchId, after: number, limit: number) =>
          Effect.succeed(this.#log.slice(after, after + limit)),
        append: (_: unknown, { expectedVersion, events }: Append) =>
          Effect.sync(() => {
            this.appended.push(...events)
            const version = expectedVersion + events.length
            return { version, head: `head ${version}`, mailWaiting: 0, isReleased: false }
          }),
        replicated: () => Effect.void,
      },
      mailbox: { mail: () => Effect.succeed([]) },
      queue: { renew: () => Effect.succeed([]) },
      partitions: { of: () => 0 },
      pipelines: {
        routes,
        capacities: () => new Map([["north", taking(10)]]),
        invite: (_: string, wanted: number) => wanted,
        perform: (...[, , call, mandate]: Parameters<ActorServices["pipelines"]["perform"]>) =>
          Effect.suspend(() => {
            if (call._tag === "Transfer") this.#mandate = mandate
            return Effect.never
          }),
      },
      pass: () => Effect.void,
      warm: new FoldCache(unknownBatch(routes), { itemsMax: 10 }),
      messageQueues: new MessageQueues(),
      pace: new Pace(() => 1),
      clearanceTerms: Effect.sync(() => this.read),
      seenTerms: () => this.seen,
      instructions: {
        standing: () => Effect.succeed({ tail: undefined, isLossAccepted: false, decisions: [] }),
      },
      watch: {
        epoch: () => "now",
        objection: () => this.objection,
        look: Effect.sync(() => {
          this.looks += 1
          this.looking()
        }),
      },
      isDraining: () => false,
      isOwner: () => this.isOwner,
      nextCommandId: () => "command",
    } as unknown as ActorServices
  }
}

describe("the permission to send", () => {
  it.effect("is given for an item whose intent is in the log, and for no other", () =>
    Effect.gen(function* () {
      const mandate = yield* new Paying().mandate
      assert.isTrue(yield* mandate.mayCall(ITEM))
      assert.isFalse(yield* mandate.mayCall(ITEM + 1))
    }),
  )

  it.effect("is denied to who may have lost the batch", () =>
    Effect.gen(function* () {
      const paying = new Paying()
      const mandate = yield* paying.mandate
      paying.isOwner = false
      assert.isFalse(yield* mandate.mayCall(ITEM))
    }),
  )

  it.effect("is denied while anything is objected to the stores, which are looked at again before", () =>
    Effect.gen(function* () {
      const paying = new Paying()
      const mandate = yield* paying.mandate
      paying.objection = "history was lost"
      const looks = paying.looks
      assert.isFalse(yield* mandate.mayCall(ITEM))
      assert.strictEqual(paying.looks, looks + 1)
      paying.looking = () => {
        paying.objection = undefined
      }
      assert.isTrue(yield* mandate.mayCall(ITEM))
    }),
  )

  it.effect("is denied for a clearance by other lists, and the bank is then asked", () =>
    Effect.gen(function* () {
      const paying = new Paying()
      const mandate = yield* paying.mandate
      paying.seen = termsBy("w")
      assert.isFalse(yield* mandate.mayCall(ITEM))
      yield* TestClock.adjust(100)
      assert.include(
        paying.appended.map(({ _tag }) => _tag),
        "TransferUnknown",
      )
    }),
  )

  it.effect("is denied for a clearance that is too old", () =>
    Effect.gen(function* () {
      const paying = new Paying()
      const mandate = yield* paying.mandate
      yield* TestClock.setTime((yield* Clock.currentTimeMillis) + 60_000)
      assert.isFalse(yield* mandate.mayCall(ITEM))
    }),
  )

  it.effect(
    "waits for the lists if those that were seen are too old, and is denied if they are not known",
    () =>
      Effect.gen(function* () {
        const paying = new Paying()
        const mandate = yield* paying.mandate
        paying.seen = undefined
        assert.isTrue(yield* mandate.mayCall(ITEM))
        paying.read = termsBy("w")
        assert.isFalse(yield* mandate.mayCall(ITEM))
        paying.read = "unknown"
        assert.isFalse(yield* mandate.mayCall(ITEM))
      }),
  )
})
