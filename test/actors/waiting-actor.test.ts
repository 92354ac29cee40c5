/** A worker whose only batch waits for its screening, which never ends. The stores are replaced. */
import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { layer as workerLayer } from "../../src/actors/worker.ts"
import { BatchId } from "../../src/domain/identifiers.ts"
import { Pipelines } from "../../src/pipelines/pipelines.ts"
import { DecisionRegister } from "../../src/register/decision-register.ts"
import { InstructionRegister } from "../../src/register/instruction-register.ts"
import { AnnouncedLists } from "../../src/streams/announced-lists.ts"
import { EventStore } from "../../src/streams/event-store.ts"
import { chainStart, linked } from "../../src/streams/hash-chain.ts"
import { Mailbox } from "../../src/streams/mailbox.ts"
import { Partitions } from "../../src/streams/partitions.ts"
import { RunQueue } from "../../src/streams/run-queue.ts"
import { StrayCallbacks } from "../../src/streams/stray-callbacks.ts"
import { loggingLayer } from "../../src/telemetry/logging.ts"
import { settings } from "../settings.ts"
import { calmWatch } from "../streams/calm-watch.ts"
import { firstEvents } from "../streams/log-under-test.ts"

const batch = BatchId.make("pb_aaaaaaaaaaaaaaaaaaaaaa")
const logged = linked(chainStart(batch), firstEvents).map(({ hash }, index) => ({
  version: index + 1,
  event: firstEvents[index] ?? assert.fail("as many links as events"),
  hash,
}))

/** When the actor took turns, and when it read its mail. */
class Waiting {
  readonly turns: Array<number> = []
  readonly read: Array<number> = []
  /** Which mailboxes have mail. */
  withMail: (batches: ReadonlyArray<BatchId>) => Effect.Effect<ReadonlyArray<BatchId>> = () =>
    Effect.succeed([])
  #clock = 0
  #given = false

  readonly #queue = Layer.mock(RunQueue, {
    parts: [
      {
        take: (worker) =>
          Effect.delay(
            Effect.sync(() => (this.#given ? [] : [this.#give(worker)])),
            10,
          ),
        endWait: Effect.void,
      },
    ],
    isAnySilent: () => Effect.succeed(false),
    renew: () => Effect.succeed([]),
    nextTimer: Effect.succeed(undefined),
    sweep: () => Effect.succeed(0),
    handOver: () => Effect.void,
    retire: () => Effect.void,
  })

  #give(worker: string) {
    this.#given = true
    return { batch, entry: "1-0", worker, isNew: true as const }
  }

  readonly #store = Layer.mock(EventStore, {
    read: (_, after, limit) => Effect.succeed(logged.slice(after, after + limit)),
    append: (_, { expectedVersion, events }) =>
      Effect.succeed({
        version: expectedVersion + events.length,
        head: "head",
        mailWaiting: 0,
        isReleased: false,
      }),
  })

  readonly #mailbox = Layer.mock(Mailbox, {
    mail: () =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        this.read.push(now)
        return []
      }),
    withMail: (batches) => this.withMail(batches),
  })

  /** Runs the worker for a time. */
  readonly during = Effect.fnUntraced(function* (this: Waiting, ms: number) {
    const fiber = yield* Effect.forkChild(this.#worker)
    for (; this.#clock < ms; this.#clock += 10) yield* TestClock.adjust(10)
    const ending = yield* Effect.forkChild(Fiber.interrupt(fiber))
    for (let passed = 0; passed < 1_000; passed += 10) yield* TestClock.adjust(10)
    yield* Fiber.join(ending)
  })

  get #worker() {
    return Layer.launch(workerLayer).pipe(
      Effect.provide([
        this.#queue,
        this.#store,
        this.#mailbox,
        calmWatch,
        settings({ DRAIN_MS: "10" }),
        loggingLayer(() => {}),
        Layer.mock(Partitions, { count: 1, of: () => 0 }),
        Layer.mock(Pipelines, {
          routes: { version: "test", wayOf: () => assert.fail("nothing is paid") },
          capacities: () => new Map(),
          invite: () => 0,
          perform: () => Effect.never,
        }),
        Layer.mock(StrayCallbacks, {}),
        Layer.mock(AnnouncedLists, {
          seen: () => {
            this.turns.push(this.#clock)
            return { lists: undefined }
          },
        }),
        Layer.mock(InstructionRegister, {
          standing: () => Effect.succeed({ tail: undefined, isLossAccepted: false, decisions: [] }),
        }),
        Layer.mock(DecisionRegister, { overdue: () => Effect.succeed([]) }),
      ]),
    )
  }
}

describe("an actor that waits for a call", () => {
  it.effect("looks once a second whether anything is due, and reads no mail that is not there", () =>
    Effect.gen(function* () {
      const waiting = new Waiting()
      yield* waiting.during(5_000)
      assert.isAtLeast(waiting.turns.length, 5)
      assert.isAtMost(waiting.turns.length, 7)
      assert.isAtMost(waiting.read.length, waiting.turns.length)
    }),
  )

  it.effect("looks as often while a server does not answer whether there is mail", () =>
    Effect.gen(function* () {
      const waiting = new Waiting()
      waiting.withMail = () => Effect.never
      yield* waiting.during(5_000)
      assert.isAtLeast(waiting.turns.length, 5)
    }),
  )

  it.effect("reads its mail within a twentieth of a second", () =>
    Effect.gen(function* () {
      const waiting = new Waiting()
      let looks = 0
      waiting.withMail = (batches) => Effect.sync(() => (++looks === 4 ? batches : []))
      yield* waiting.during(900)
      assert.isAbove(looks, 4)
      assert.strictEqual(waiting.read.length, 1)
      assert.isAtMost(waiting.read[0] ?? Number.POSITIVE_INFINITY, 260)
    }),
  )
})
