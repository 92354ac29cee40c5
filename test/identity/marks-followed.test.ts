/** How often a process reads what takes access away. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import { AccessMarks, NO_MARKS, type VersionedMarks } from "../../src/identity/access-marks.ts"
import { KeyDirectory } from "../../src/identity/key-directory.ts"
import { KeyRecords } from "../../src/identity/key-records.ts"
import { SettingsRecords } from "../../src/identity/settings-records.ts"
import { StoreUnavailable } from "../../src/platform/store-unavailable.ts"
import { fixedKeys } from "../vault/fixed-keys.ts"

const stored: VersionedMarks = { ...NO_MARKS, version: "1" }

/** Marks that count how often they are read. */
class CountedMarks {
  reads = 0
  answer: Effect.Effect<VersionedMarks, StoreUnavailable> = Effect.succeed(stored)

  /** How often they are read within so many seconds, in each tenth of which something happens. */
  readonly readsIn = Effect.fnUntraced(function* (
    this: CountedMarks,
    seconds: number,
    happens: Effect.Effect<unknown> = Effect.void,
  ) {
    const before = this.reads
    for (let tenth = 0; tenth < 10 * seconds; tenth += 1) {
      yield* happens
      yield* TestClock.adjust(100)
    }
    return this.reads - before
  })

  readonly layer = Layer.provide(KeyDirectory.layer, [
    Layer.mock(AccessMarks, {
      read: () =>
        Effect.suspend(() => {
          this.reads += 1
          return this.answer
        }),
    }),
    Layer.mock(KeyRecords, {
      recent: () => Effect.succeed([]),
      marksSince: () => Effect.succeed(NO_MARKS),
      find: () => Effect.succeed([]),
    }),
    Layer.mock(SettingsRecords, { versions: Effect.succeed(new Map()), recent: () => Effect.succeed([]) }),
    fixedKeys(),
  ])
}

describe("a process reads the marks", () => {
  it.effect("every two seconds at rest", () => {
    const marks = new CountedMarks()
    return Effect.gen(function* () {
      assert.closeTo(yield* marks.readsIn(20), 10, 1)
    }).pipe(Effect.provide(marks.layer))
  })

  it.effect("every second while requests come under keys of the settings", () => {
    const marks = new CountedMarks()
    return Effect.gen(function* () {
      const { isSuspended } = yield* KeyDirectory
      const asked = Effect.sync(() => isSuspended("acme"))
      assert.isAtLeast(yield* marks.readsIn(20, asked), 18)
    }).pipe(Effect.provide(marks.layer))
  })

  it.effect("a second after a read that failed, also at rest", () => {
    const marks = new CountedMarks()
    return Effect.gen(function* () {
      yield* KeyDirectory
      marks.answer = new StoreUnavailable({ store: "redis", step: "read access marks", reason: "away" })
      assert.isAtLeast(yield* marks.readsIn(20), 18)
      marks.answer = Effect.succeed(stored)
      yield* marks.readsIn(2)
      assert.closeTo(yield* marks.readsIn(20), 10, 1)
    }).pipe(Effect.provide(marks.layer))
  })
})
