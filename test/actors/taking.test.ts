import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { CEDE_MS, MARK_MS } from "../../src/actors/packing.ts"
import { ProcessorTimes } from "../../src/actors/processor-time.ts"
import { makeTaking } from "../../src/actors/taking.ts"
import { StoreUnavailable } from "../../src/platform/store-unavailable.ts"
import { QueueDepth } from "../../src/streams/queue-depth.ts"
import { TakerMark } from "../../src/streams/taker-mark.ts"
import { loggingLayer } from "../../src/telemetry/logging.ts"

const away = new StoreUnavailable({ store: "redis", step: "read", reason: "test" })

/** A mark in memory, whose time is the test's, and when it was asked for what. */
class Mark {
  value: string | undefined
  until = 0
  isAway = false
  /** For how long the oldest batch has waited, and how often that was asked. */
  oldestMs = 0
  depths = 0
  readonly asked: Array<"read" | "leave" | "replace" | "remove"> = []

  #ask<A>(what: (typeof this.asked)[number], answer: (now: number) => A) {
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      this.asked.push(what)
      if (now >= this.until) this.value = undefined
      return this.isAway ? Effect.fail(away) : Effect.sync(() => answer(now))
    })
  }

  #set(mark: string, until: number) {
    this.value = mark
    this.until = until
  }

  readonly port = {
    read: this.#ask("read", () => this.value),
    leave: (mark: string, keptMs: number) =>
      this.#ask("leave", (now) => {
        const found = this.value
        if (found === undefined) this.#set(mark, now + keptMs)
        return found
      }),
    replace: (mark: string, keptMs: number) =>
      this.#ask("replace", (now) => {
        this.#set(mark, now + keptMs)
      }),
    remove: this.#ask("remove", () => {
      this.value = undefined
    }),
  }
}

/** A worker that looks at the mark until it is killed. It owns `batches`, and the machine has no time to spare. */
const worker = Effect.fnUntraced(function* (name: string, mark: Mark) {
  const depth = Effect.sync(() => {
    mark.depths += 1
    return { batches: 1, oldestMs: mark.oldestMs }
  })
  const bears = { batches: 0, batchesMax: 64, mayBeginNone: false }
  const clock = yield* Clock.Clock
  const taking = yield* makeTaking(name, () => bears).pipe(
    Effect.provideService(TakerMark, mark.port),
    Effect.provideService(QueueDepth, { depth }),
    Effect.provideService(ProcessorTimes, {
      now: () => clock.currentTimeMillisUnsafe(),
      used: () => 0,
      cores: () => ({ idle: 0, all: 1 + clock.currentTimeMillisUnsafe() }),
    }),
  )
  const looking = yield* taking.look.pipe(Effect.forever, Effect.forkChild)
  return {
    bears,
    taking,
    refrains: taking.refrains,
    owns: (batches: number) => {
      bears.batches = batches
      if (batches > 0) taking.took()
    },
    kill: Fiber.interrupt(looking),
  }
})

const pass = Effect.fnUntraced(function* (ms: number) {
  for (let passed = 0; passed < ms; passed += 10) yield* TestClock.adjust(10)
})

describe("a worker", () => {
  it.effect("asks for no mark before it has taken a batch, and none at rest", () =>
    Effect.gen(function* () {
      const mark = new Mark()
      const one = yield* worker("a", mark)
      yield* pass(2_000)
      assert.strictEqual(mark.asked.length, 0)
      one.owns(1)
      yield* pass(500)
      assert.isAbove(mark.asked.length, 0)
      one.owns(0)
      yield* pass(500)
      const asked = mark.asked.length
      yield* pass(5_000)
      assert.strictEqual(mark.asked.length, asked)
      assert.isTrue((yield* Clock.currentTimeMillis) >= mark.until)
    }),
  )

  it.effect("renews its mark ten times a second while it works, and takes", () =>
    Effect.gen(function* () {
      const mark = new Mark()
      const one = yield* worker("a", mark)
      one.owns(1)
      for (let second = 0; second < 5; second += 1) {
        yield* pass(1_000)
        assert.match(mark.value ?? "", /^a\.\d+$/)
        assert.isFalse(one.refrains())
      }
      assert.isAtMost(mark.asked.filter((what) => what !== "leave").length, 50)
      assert.isAtLeast(mark.asked.filter((what) => what === "replace").length, 40)
    }),
  )

  it.effect("refrains while another one takes, until that is gone, and then leaves its own mark", () =>
    Effect.gen(function* () {
      const mark = new Mark()
      const [a, b] = [yield* worker("a", mark), yield* worker("b", mark)]
      a.owns(1)
      yield* pass(10)
      b.owns(1)
      yield* pass(100)
      for (let tenths = 0; tenths < 20; tenths += 1) {
        assert.deepStrictEqual([a.refrains(), b.refrains()], [false, true])
        yield* pass(100)
      }
      yield* a.kill
      yield* pass(MARK_MS + 60)
      assert.isFalse(b.refrains())
      yield* pass(CEDE_MS + 60)
      assert.match(mark.value ?? "", /^b\./)
    }),
  )

  it.effect("takes at once when the taker ends, and that one does not come back", () =>
    Effect.gen(function* () {
      const mark = new Mark()
      const [a, b] = [yield* worker("a", mark), yield* worker("b", mark)]
      a.owns(1)
      yield* pass(10)
      b.owns(1)
      yield* pass(500)
      yield* a.taking.end
      yield* pass(60)
      assert.isFalse(b.refrains())
      yield* pass(2_000)
      assert.match(mark.value ?? "", /^b\./)
    }),
  )

  it.effect("leaves the mark of another alone when it ends", () =>
    Effect.gen(function* () {
      const mark = new Mark()
      const [a, b] = [yield* worker("a", mark), yield* worker("b", mark)]
      a.owns(1)
      yield* pass(10)
      b.owns(1)
      yield* pass(500)
      yield* b.taking.end
      assert.match(mark.value ?? "", /^a\./)
    }),
  )

  it.effect("refrains without batches of its own as long as another takes, and then rests", () =>
    Effect.gen(function* () {
      const mark = new Mark()
      const [a, b] = [yield* worker("a", mark), yield* worker("b", mark)]
      a.owns(1)
      yield* pass(10)
      b.owns(1)
      yield* pass(100)
      b.owns(0)
      yield* pass(3_000)
      assert.isTrue(b.refrains())
      a.owns(0)
      yield* pass(2 * MARK_MS)
      assert.isFalse(b.refrains())
      const asked = mark.asked.length
      yield* pass(2_000)
      assert.strictEqual(mark.asked.length, asked)
    }),
  )

  it.effect("is the taker again after a rest, also if another one wakes before it", () =>
    Effect.gen(function* () {
      const mark = new Mark()
      const [a, b] = [yield* worker("a", mark), yield* worker("b", mark)]
      a.owns(1)
      yield* pass(10)
      b.owns(1)
      yield* pass(500)
      for (const one of [a, b]) one.owns(0)
      yield* pass(5_000)
      b.owns(8)
      yield* pass(200)
      assert.isTrue(b.refrains())
      a.owns(1)
      yield* pass(1_000)
      assert.deepStrictEqual([a.refrains(), b.refrains()], [false, true])
      assert.match(mark.value ?? "", /^a\./)
    }),
  )

  it.effect(
    "takes beside a full taker without time to spare when batches have waited for half a minute",
    () =>
      Effect.gen(function* () {
        const mark = new Mark()
        const [a, b] = [yield* worker("a", mark), yield* worker("b", mark)]
        a.owns(64)
        yield* pass(10)
        b.owns(1)
        yield* pass(25_000)
        assert.isTrue(b.refrains())
        assert.isAtMost(mark.depths, 3)
        mark.oldestMs = 31_000
        yield* pass(11_000)
        assert.deepStrictEqual([a.refrains(), b.refrains()], [false, false])
        assert.match(mark.value ?? "", /^b\./)
      }),
  )

  it.effect.each([
    { name: "fails", read: Effect.fail(away) },
    { name: "hangs", read: Effect.never },
  ])("is not the taker while its read of the run queue $name", ({ read }) =>
    Effect.gen(function* () {
      const mark = new Mark()
      const [a, b] = [yield* worker("a", mark), yield* worker("b", mark)]
      a.owns(1)
      yield* pass(10)
      b.owns(1)
      yield* a.taking.reads(Effect.delay(Effect.void, 900)).pipe(Effect.forkChild)
      yield* pass(1_000)
      assert.match(mark.value ?? "", /^a\./)
      const reading = yield* a.taking.reads(read).pipe(Effect.ignore, Effect.forkChild)
      yield* pass(4_000)
      assert.match(mark.value ?? "", /^b\./)
      assert.isFalse(b.refrains())
      yield* Fiber.interrupt(reading)
      yield* b.kill
      yield* pass(6_500)
      assert.match(mark.value ?? "", /^a\./)
    }),
  )

  it.effect("takes all that it can if the store does not answer from the beginning", () =>
    Effect.gen(function* () {
      const mark = new Mark()
      mark.isAway = true
      const one = yield* worker("a", mark)
      one.owns(32)
      assert.isTrue(one.refrains())
      yield* pass(20)
      assert.isFalse(one.refrains())
    }).pipe(Effect.provide(loggingLayer(() => {}))),
  )

  it.effect("takes while the store does not answer, and asks it only now and then", () => {
    const lines: Array<string> = []
    return Effect.gen(function* () {
      const mark = new Mark()
      const [a, b] = [yield* worker("a", mark), yield* worker("b", mark)]
      a.owns(1)
      yield* pass(10)
      b.owns(1)
      yield* pass(500)
      assert.isTrue(b.refrains())
      mark.isAway = true
      yield* pass(MARK_MS)
      assert.isFalse(b.refrains())
      yield* pass(20_000)
      assert.isAtMost(lines.length, 10)
      mark.isAway = false
      yield* pass(6_000)
      assert.strictEqual([a, b].filter((one) => one.refrains()).length, 1)
    }).pipe(Effect.provide(loggingLayer((line) => lines.push(line))))
  })
})
