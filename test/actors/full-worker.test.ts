/** A worker that owns as many batches as it may. The stores are replaced, and each batch leaves because its log cannot be read. */
import { assert, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { layer as workerLayer } from "../../src/actors/worker.ts"
import { BatchId } from "../../src/domain/identifiers.ts"
import { StoreUnavailable } from "../../src/platform/store-unavailable.ts"
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

const batches = ["a", "b", "c", "d"].map((letter) => BatchId.make(`pb_${letter.repeat(22)}`))
const unavailable = new StoreUnavailable({ store: "redis", step: "read", reason: "test" })

/** When it asked for how many batches, in milliseconds since its start, if the batches leave it at these times. */
const takesOf = Effect.fnUntraced(function* (ownedMax: number, leaveAt: ReadonlyArray<number>, ms: number) {
  const takes: Array<readonly [at: number, limit: number]> = []
  const left = [...batches]
  const worker = Layer.launch(workerLayer).pipe(
    Effect.provide([
      Layer.mock(RunQueue, {
        parts: [
          {
            take: (worker, limit) =>
              Effect.flatMap(Clock.currentTimeMillis, (now) => {
                takes.push([now, limit])
                const taken = left.splice(0, limit)
                return taken.length === 0
                  ? Effect.delay(Effect.succeed([]), 1_000)
                  : Effect.succeed(taken.map((batch) => ({ batch, entry: `${batch}-1`, worker })))
              }),
            endWait: Effect.void,
          },
        ],
        isAnySilent: () => Effect.succeed(false),
        renew: () => Effect.succeed([]),
        admit: () => Effect.succeed(0),
        nextTimer: Effect.succeed(undefined),
        sweep: () => Effect.succeed(0),
        retire: () => Effect.void,
      }),
      Layer.mock(EventStore, {
        read: (batch) =>
          Effect.flatMap(Clock.currentTimeMillis, (now) =>
            Effect.delay(Effect.fail(unavailable), Math.max(0, (leaveAt[batches.indexOf(batch)] ?? 0) - now)),
          ),
      }),
      calmWatch,
      settings({ WORKER_BATCHES: `${ownedMax}`, DRAIN_MS: "10" }),
      loggingLayer(() => {}),
      Layer.mock(Mailbox, { withMail: () => Effect.succeed([]) }),
      payingNobody,
      Layer.mock(AnnouncedLists, { seen: () => undefined }),
      Layer.mock(InstructionRegister, {
        standing: () => Effect.succeed({ tail: undefined, isLossAccepted: false, decisions: [] }),
      }),
      Layer.mock(DecisionRegister, { overdue: () => Effect.succeed([]) }),
    ]),
  )
  const fiber = yield* Effect.forkChild(worker)
  for (let passed = 0; passed < ms; passed += 1) yield* TestClock.adjust(1)
  const ending = yield* Effect.forkChild(Fiber.interrupt(fiber))
  for (let passed = 0; passed < 2_000; passed += 50) yield* TestClock.adjust(50)
  yield* Fiber.join(ending)
  return takes.filter(([at]) => at < ms)
})

it.effect("takes the next batch when its only one has left, without a wait", () =>
  Effect.gen(function* () {
    const takes = yield* takesOf(1, [100, 203, 310, 400], 450)
    assert.deepStrictEqual(takes.slice(1, 4), [
      [100, 1],
      [203, 1],
      [310, 1],
    ])
  }),
)

it.effect("lets batches that leave within 5 ms make room together", () =>
  Effect.gen(function* () {
    const takes = yield* takesOf(3, [100, 103, 300, 400], 350)
    assert.deepStrictEqual(takes.slice(1, 2), [[105, 2]])
  }),
)
