/**
 * This process's part of the limits that all processes share. Callers wait here, and one fiber, the clerk, books for all of
 * them together: repeatedly while anybody waits, now and then while calls are under way, and otherwise never.
 */
import { Clock, Effect, Latch, Semaphore } from "effect"
import { Metrics } from "../../telemetry/metrics.ts"
import { FleetLimits, type Limits } from "./fleet-limits.ts"

/** How often the clerk books while callers wait. */
const BOOK_MS = 50
/** How long seats stay reserved for this process without another booking. */
const LEASE_MS = 5_000
/** How often it renews the lease of calls under way. */
const RENEW_MS = LEASE_MS / 4
/** How soon it books again after Redis did not answer. */
const AGAIN_MS = 500

/** Makes a call wait for its turn among the calls of all processes. */
export type Turnstile = <A, E>(call: Effect.Effect<A, E>) => Effect.Effect<A, E>

/** Opens the turnstile of a provider. Its clerk works while the scope lives. */
export const openTurnstile = Effect.fnUntraced(function* (provider: string, limits: Limits) {
  const { book } = yield* FleetLimits
  const { providerLimited } = yield* Metrics
  const needed = Latch.makeUnsafe(false)
  const ring = () => void needed.openUnsafe()
  const seats = new Seats(ring)
  const starts = new Starts(ring)

  const bookOnce = Effect.gen(function* () {
    const asked = yield* Clock.currentTimeMillis
    const startsWanted = starts.waiting
    const booked = yield* book(provider, limits, {
      ...(yield* seats.counted),
      startsWanted,
      leaseMs: LEASE_MS,
    })
    yield* seats.reserve(booked.seats, asked + LEASE_MS)
    starts.grant(booked.starts)
    return startsWanted > booked.starts ? Math.max(booked.waitMs, BOOK_MS) : BOOK_MS
  })

  /** If the lease could not be renewed in time, other processes may have its seats. */
  const withoutRedis = Effect.fnUntraced(function* (reason: string) {
    yield* Effect.logWarning("shared limits cannot be booked", { provider, reason })
    if ((yield* Clock.currentTimeMillis) >= seats.reservedUntil) yield* seats.reserve(0, 0)
    return AGAIN_MS
  })

  const clerk = Effect.gen(function* () {
    while (true) {
      if (seats.waiting + starts.waiting === 0) {
        needed.closeUnsafe()
        yield* seats.reserved === 0 ? needed.await : Effect.timeoutOption(needed.await, RENEW_MS)
      }
      const pauseMs = yield* Effect.catchTag(bookOnce, "StoreUnavailable", ({ reason }) =>
        withoutRedis(reason),
      )
      yield* Effect.sleep(pauseMs)
    }
  })
  yield* Effect.forkScoped(clerk)

  const turnstile: Turnstile = (call) =>
    Effect.suspend(() => {
      providerLimited.inc({ provider })
      const started = limits.ratePerSecond === undefined ? call : Effect.andThen(starts.next, call)
      return limits.concurrencyOfAll === undefined ? started : seats.seated(started)
    })
  return turnstile
})

/** The seats of this process. A call has one from its start to its end, also when it is interrupted. */
class Seats {
  readonly #ring: () => void
  readonly #permits = Semaphore.makeUnsafe(0)
  #underWay = 0
  waiting = 0
  reserved = 0
  reservedUntil = 0

  /** `ring` calls the clerk. */
  constructor(ring: () => void) {
    this.#ring = ring
  }

  /**
   * The numbers for a booking. Until the answer arrives, no more calls than these may be under way, because free seats may be
   * given to other processes in the meantime.
   */
  readonly counted = Effect.suspend(() => {
    const underWay = this.#underWay
    const seatsWanted = underWay + this.waiting
    return Effect.as(this.#permits.resize(underWay), { underWay, seatsWanted })
  })

  reserve(seats: number, until: number): Effect.Effect<void> {
    this.reserved = Math.max(seats, this.#underWay)
    this.reservedUntil = until
    return this.#permits.resize(seats)
  }

  seated<A, E>(call: Effect.Effect<A, E>): Effect.Effect<A, E> {
    const turn = Effect.sync(() => {
      this.waiting += 1
      this.#ring()
      return { begun: false }
    })
    const inTurn = (turn: { begun: boolean }) =>
      Effect.suspend(() => {
        turn.begun = true
        this.waiting -= 1
        this.#underWay += 1
        return call
      })
    const end = ({ begun }: { readonly begun: boolean }) =>
      Effect.sync(() => {
        if (begun) this.#underWay -= 1
        else this.waiting -= 1
      })
    return Effect.acquireUseRelease(turn, (turn) => this.#permits.withPermit(inTurn(turn)), end)
  }
}

/** The starts that the rate allows. Each is for a caller that waits, so none is saved up. */
class Starts {
  readonly #ring: () => void
  readonly #line = new Set<() => void>()

  /** `ring` calls the clerk. */
  constructor(ring: () => void) {
    this.#ring = ring
  }

  get waiting(): number {
    return this.#line.size
  }

  grant(starts: number): void {
    for (const begin of [...this.#line].slice(0, starts)) {
      this.#line.delete(begin)
      begin()
    }
  }

  readonly next: Effect.Effect<void> = Effect.callback((resume) => {
    const begin = () => resume(Effect.void)
    this.#line.add(begin)
    this.#ring()
    return Effect.sync(() => this.#line.delete(begin))
  })
}
