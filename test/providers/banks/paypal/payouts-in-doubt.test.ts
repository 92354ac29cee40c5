/** What is open, missing or refused at PayPal: nothing of it is posted again, forgotten or given up, whatever comes back older. */
import { Effect } from "effect"
import { describe, expect, it } from "vitest"
import { FileOrders } from "../../../../src/providers/banks/orders/file-orders.ts"
import { OutboxFiles } from "../../../../src/providers/banks/orders/outbox-files.ts"
import { NOT_IN_BATCH } from "../../../../src/providers/banks/paypal/payout-polling.ts"
import { FileLog } from "../../../../src/streams/file-log.ts"
import { type Changed, referenceOf } from "./payouts-under-test.ts"
import { lost, neverArriving, payPalTwin } from "./paypal-twin.ts"

const { open, books, paid, settled } = payPalTwin()

describe("a payout batch that was refused as a whole", () => {
  const refusing: Changed = (api) => ({
    ...api,
    create: () => Effect.succeed({ _tag: "Refused", code: "VALIDATION_ERROR" } as const),
  })

  it("is not posted when Postgres comes back without the refusal: all its orders are parked again", async () => {
    const test = open()
    await test.run(
      Effect.gen(function* () {
        yield* test.order(["ada", "grace"])
        const before = yield* test.rows
        yield* test.send(refusing)
        yield* before.putBack
        yield* test.send()
        yield* test.send()
        for (const item of [1, 2])
          expect(JSON.stringify(yield* test.inquire(item))).toContain("VALIDATION_ERROR")
      }),
    )
    expect((await books()).transfers).toEqual([])
  })

  it("parks the orders that were not parked when the process died, although Redis lost the refusal", async () => {
    const test = open()
    await test.run(
      Effect.gen(function* () {
        yield* test.order(["ada", "grace"])
        yield* test.send(neverArriving)
        const report = { _tag: "Refused", code: "VALIDATION_ERROR" } as const
        yield* (yield* FileOrders).record(test.name, [{ reference: referenceOf(1), report }])
        yield* test.send()
        for (const item of [1, 2])
          expect(JSON.stringify(yield* test.inquire(item))).toContain("VALIDATION_ERROR")
      }),
    )
    expect((await books()).transfers).toEqual([])
  })

  it("is asked about if another process was told that it was made", async () => {
    const test = open()
    const refusedElsewhere: Changed = (api) => ({
      ...api,
      create: (...given) =>
        Effect.andThen(
          Effect.promise(() => test.run(test.send(refusing))),
          api.create(...given),
        ),
    })
    await test.run(
      Effect.gen(function* () {
        yield* test.order(["ada"])
        yield* test.send(refusedElsewhere)
        yield* Effect.promise(settled)
        yield* test.poll()
        expect(yield* test.inquire(1)).toEqual({ _tag: "Settled" })
      }),
    )
  })
})

it("gives Postgres back the stage that only Redis has, without the orders that were withdrawn before it", async () => {
  const test = open()
  await test.run(
    Effect.gen(function* () {
      yield* test.order(["ada", "grace"])
      const files = yield* OutboxFiles
      const death = { ...files, stage: () => Effect.die("killed") }
      yield* Effect.exit(Effect.provideService(test.send(), OutboxFiles, death))
      const before = yield* test.rows
      yield* (yield* FileOrders).withdraw(test.name, referenceOf(1))
      yield* test.send(neverArriving)
      yield* before.putBack
      yield* test.send(neverArriving)
      yield* test.send(neverArriving)
      const [file] = yield* files.unwritten(test.name, 1)
      expect(file?.stagedAs).toBe(yield* (yield* FileLog).staged(test.name, file?.messageId ?? ""))
      yield* test.send()
    }),
  )
  await settled()
  expect(await paid()).toEqual([referenceOf(2)])
})

it("cancels what nobody claimed although PayPal does not answer about another item", async () => {
  const test = open()
  await test.run(
    Effect.gen(function* () {
      yield* test.order(["una.unclaimed", "una.unclaimed"])
      yield* test.send()
      for (const item of [1, 2]) yield* (yield* FileOrders).withdraw(test.name, referenceOf(item))
      let calls = 0
      yield* test.poll((api) => ({
        ...api,
        cancel: (...given) => (++calls === 1 ? Effect.fail(lost) : api.cancel(...given)),
      }))
      yield* test.poll((api) => ({ ...api, cancel: () => Effect.fail(lost) }))
      expect((yield* test.inquire(2))._tag).toBe("Returned")
    }),
  )
})

it("asks again about a payout batch that lacks an order, although all others have failed", async () => {
  const test = open()
  const without: Changed = (api) => ({
    ...api,
    page: (...given) =>
      Effect.map(api.page(...given), (page) => ({ ...page, items: page.items.slice(1), itemsInAll: 1 })),
  })
  await test.run(
    Effect.gen(function* () {
      yield* test.order(["ada", "ivo.insufficient"])
      yield* test.send()
      yield* Effect.promise(settled)
      yield* test.poll(without)
      expect(JSON.stringify(yield* test.inquire(1))).toContain(NOT_IN_BATCH)
      yield* test.poll()
      expect(yield* test.inquire(1)).toEqual({ _tag: "Settled" })
    }),
  )
})
