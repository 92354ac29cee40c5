import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { layer as workerLayer } from "../../src/actors/worker.ts"
import { DecisionRegister } from "../../src/register/decision-register.ts"
import { InstructionRegister } from "../../src/register/instruction-register.ts"
import { AnnouncedLists } from "../../src/streams/announced-lists.ts"
import { EventStore } from "../../src/streams/event-store.ts"
import { Mailbox } from "../../src/streams/mailbox.ts"
import { RunQueue } from "../../src/streams/run-queue.ts"
import { loggingLayer } from "../../src/telemetry/logging.ts"
import { settings } from "../settings.ts"
import { calmWatch } from "../streams/calm-watch.ts"
import { payingNobody } from "./paying-nobody.ts"

const CLAIM_MS = 8_000

/** A run queue with one batch of another worker, which was silent since a time, and one timer; and when it was looked at. */
class Looks {
  silentSince = Number.POSITIVE_INFINITY
  timerAt: number | undefined
  readonly silent: Array<number> = []
  readonly timers: Array<number> = []
  readonly woken: Array<number> = []
  /** When the batch could first be taken over, and somebody tried. */
  takenAt: number | undefined

  readonly queue = Layer.mock(RunQueue, {
    parts: [],
    isAnySilent: (idleMs) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        this.silent.push(now)
        return now - this.silentSince >= idleMs
      }),
    takeOver: (_, idleMs) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        if (now - this.silentSince < idleMs) return []
        this.takenAt ??= now
        this.silentSince = Number.POSITIVE_INFINITY
        return []
      }),
    nextTimer: Effect.suspend(() =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        this.timers.push(now)
        return this.timerAt
      }),
    ),
    wake: (now) =>
      Effect.sync(() => {
        this.woken.push(now)
        this.timerAt = undefined
        return 1
      }),
    sweep: () => Effect.succeed(0),
    retire: () => Effect.void,
  })

  /** A worker that looks at the queue until it is interrupted. */
  get worker() {
    return Layer.launch(workerLayer).pipe(
      Effect.provide([
        this.queue,
        calmWatch,
        settings({ CLAIM_MS: `${CLAIM_MS}` }),
        loggingLayer(() => {}),
        Layer.mock(EventStore, {}),
        Layer.mock(Mailbox, {}),
        payingNobody,
        Layer.mock(AnnouncedLists, { current: Effect.succeed(undefined), seen: () => undefined }),
        Layer.mock(InstructionRegister, {}),
        Layer.mock(DecisionRegister, { overdue: () => Effect.succeed([]) }),
      ]),
    )
  }
}

const pass = Effect.fnUntraced(function* (ms: number) {
  for (let passed = 0; passed < ms; passed += 10) yield* TestClock.adjust(10)
})

const watching = Effect.fnUntraced(function* (looks: Looks, steps: Effect.Effect<void>) {
  const fiber = yield* Effect.forkChild(looks.worker)
  yield* steps
  yield* Fiber.interrupt(fiber)
})

describe("a worker", () => {
  it.effect.each([0, 10, 1_000, 3_990, 4_000, 4_010, 6_500])(
    "finds a batch within a quarter of a second after its claim has passed, silent since %i ms",
    (silentSince) =>
      Effect.gen(function* () {
        const looks = new Looks()
        looks.silentSince = silentSince
        yield* watching(looks, pass(silentSince + CLAIM_MS + 500))
        assert.isAtLeast(looks.takenAt ?? 0, silentSince + CLAIM_MS)
        assert.isAtMost(looks.takenAt ?? Number.POSITIVE_INFINITY, silentSince + CLAIM_MS + 260)
      }),
  )

  it.effect("looks twice in the claim time while no owner is silent, and every two seconds for timers", () =>
    Effect.gen(function* () {
      const looks = new Looks()
      yield* watching(looks, pass(8 * CLAIM_MS))
      assert.isAtMost(looks.silent.length, 17)
      assert.isAtMost(looks.timers.length, 34)
    }),
  )

  it.effect("wakes batches when their timer is due, also the timer of another worker that it has seen", () =>
    Effect.gen(function* () {
      const looks = new Looks()
      looks.timerAt = 730
      yield* watching(looks, pass(1_500))
      assert.deepStrictEqual(looks.woken, [730])
    }),
  )
})
