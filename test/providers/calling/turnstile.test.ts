import { assert, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { TestClock } from "effect/testing"
import { StoreUnavailable } from "../../../src/platform/store-unavailable.ts"
import { type Booking, FleetLimits } from "../../../src/providers/calling/fleet-limits.ts"
import { openTurnstile } from "../../../src/providers/calling/turnstile.ts"

/** A booking office that notes what it was asked, and answers at once or when it is told to. */
class Office {
  readonly booked: Array<Booking> = []
  seats = 4
  open = true
  answer = () => {}

  get layer() {
    const book = (_provider: string, _limits: unknown, booking: Booking) =>
      Effect.callback<{ seats: number; starts: number; waitMs: number }, StoreUnavailable>((resume) => {
        this.booked.push(booking)
        const { seats, open } = this
        this.answer = () =>
          resume(
            open
              ? Effect.succeed({ seats, starts: booking.startsWanted, waitMs: 0 })
              : Effect.fail(
                  new StoreUnavailable({ store: "redis", step: "book calls", reason: "ECONNREFUSED" }),
                ),
          )
        if (this.prompt) this.answer()
      })
    return Layer.succeed(FleetLimits, { book })
  }

  prompt = true
}

/** Calls that never end, and how many of them have begun. */
const callsThrough = Effect.fnUntraced(function* (limits: Parameters<typeof openTurnstile>[1]) {
  const turnstile = yield* openTurnstile("north", limits)
  const begun = { count: 0 }
  const call = turnstile(
    Effect.andThen(
      Effect.sync(() => void begun.count++),
      Effect.never,
    ),
  )
  const start = Effect.tap(Effect.forkChild(call), () => TestClock.adjust(60))
  return { begun, start }
})

it.effect("lets no call begin that its booking was not told of, until the answer is here", () => {
  const office = new Office()
  return Effect.gen(function* () {
    const { begun, start } = yield* callsThrough({ concurrencyOfAll: 8 })
    yield* start
    yield* start
    office.prompt = false
    yield* start
    assert.deepInclude(office.booked.at(-1), { underWay: 2, seatsWanted: 3 })
    assert.strictEqual(begun.count, 2, "the free seat may be given to others just now")
    office.answer()
    yield* TestClock.adjust(1)
    assert.strictEqual(begun.count, 3)
  }).pipe(Effect.scoped, Effect.provide(office.layer))
})

it.effect("wants no seat any more for a caller that went away", () => {
  const office = new Office()
  office.seats = 1
  return Effect.gen(function* () {
    const { begun, start } = yield* callsThrough({ concurrencyOfAll: 8 })
    const first = yield* start
    const second = yield* start
    assert.deepInclude(office.booked.at(-1), { underWay: 1, seatsWanted: 2 })
    yield* Fiber.interrupt(second)
    yield* TestClock.adjust(5_000)
    assert.deepInclude(office.booked.at(-1), { underWay: 1, seatsWanted: 1 })
    yield* Fiber.interrupt(first)
    office.seats = 0
    yield* TestClock.adjust(5_000)
    assert.deepInclude(office.booked.at(-1), { underWay: 0, seatsWanted: 0 })
    const { length } = office.booked
    yield* TestClock.adjust(60_000)
    assert.strictEqual(office.booked.length, length, "without calls nothing is booked")
    assert.strictEqual(begun.count, 1)
  }).pipe(Effect.scoped, Effect.provide(office.layer))
})

it.effect("takes no seat on a lease that could not be renewed", () => {
  const office = new Office()
  return Effect.gen(function* () {
    const { begun, start } = yield* callsThrough({ concurrencyOfAll: 8 })
    const first = yield* start
    office.open = false
    yield* TestClock.adjust(10_000)
    yield* Fiber.interrupt(first)
    yield* start
    assert.strictEqual(begun.count, 1)
    office.open = true
    yield* TestClock.adjust(1_000)
    assert.strictEqual(begun.count, 2)
  }).pipe(Effect.scoped, Effect.provide(office.layer))
})
