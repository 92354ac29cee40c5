/** Orders go to PayPal's twin in payout batches, once, whatever dies or comes back older; its document judges every request and answer. */
import { Effect, Layer } from "effect"
import { describe, expect, it } from "vitest"
import { RedisConnections } from "../../../../src/platform/redis.ts"
import { FileOrders } from "../../../../src/providers/banks/orders/file-orders.ts"
import { OutboxFiles } from "../../../../src/providers/banks/orders/outbox-files.ts"
import { NOT_IN_BATCH } from "../../../../src/providers/banks/paypal/payout-polling.ts"
import {
  POST_WINDOW_MS,
  sendPayouts,
  UNANSWERED,
} from "../../../../src/providers/banks/paypal/payout-sending.ts"
import { openPayouts, layer as payoutsRole } from "../../../../src/providers/banks/paypal/payouts-role.ts"
import { SentPayouts } from "../../../../src/providers/banks/paypal/sent-payouts.ts"
import { ProviderSettings } from "../../../../src/providers/calling/provider-settings.ts"
import { FileLog } from "../../../../src/streams/file-log.ts"
import { type Changed, canary, referenceOf } from "./payouts-under-test.ts"
import { losingAnswers, neverArriving, payPalTwin } from "./paypal-twin.ts"

const { open, books, paid, settled, breaches } = payPalTwin()

const dying: Changed = (api) => ({
  ...api,
  create: (...given) => Effect.andThen(api.create(...given), Effect.die("killed")),
})

it("pays wallets of every scheme, learns what became of them, and keeps nothing of the receivers", async () => {
  const test = open({ emailSubject: "A payout from Atlas", emailMessage: "Thank you." })
  const answers = await test.run(
    Effect.gen(function* () {
      yield* test.order([
        canary,
        { scheme: "phone", phone: "+14155552671" },
        { scheme: "paypal-id", paypalId: "G83JXTJ5EHCQ2" },
        "ivo.insufficient",
        "clara.closed",
      ])
      yield* test.order(["ada"], 6, { currency: "JPY", remittance: "thank you, ありがとう" })
      yield* test.send()
      yield* Effect.promise(settled)
      yield* test.poll()
      return yield* Effect.forEach([1, 2, 3, 4, 5, 6], (item) => test.inquire(item))
    }),
  )
  expect(answers).toEqual([
    { _tag: "Settled" },
    { _tag: "Settled" },
    { _tag: "Settled" },
    { _tag: "Failed", code: "INSUFFICIENT_FUNDS", unconfirmed: true },
    { _tag: "Failed", code: "RECEIVER_ACCOUNT_LOCKED" },
    { _tag: "Settled" },
  ])
  expect(await paid()).toEqual([1, 2, 3, 6].map(referenceOf))
  expect(await breaches()).toEqual({ count: 0, shown: [] })
  const { dump } = await test.run(test.rows)
  expect(dump + test.lines.join("")).not.toContain(canary)
})

it("reads a payout batch page by page", async () => {
  const test = open()
  await test.run(
    Effect.gen(function* () {
      yield* test.order(["ada", "grace", "joan", "mary", "ida"])
      yield* test.send()
      yield* Effect.promise(settled)
      yield* test.poll(undefined, 2)
      expect([yield* test.inquire(1), yield* test.inquire(5)]).toEqual([
        { _tag: "Settled" },
        { _tag: "Settled" },
      ])
    }),
  )
  expect(await breaches()).toEqual({ count: 0, shown: [] })
})

describe("a payout batch is made once", () => {
  it.each([
    ["the answer is lost", losingAnswers],
    ["the process dies after the call", dying],
    ["the call does not arrive", neverArriving],
  ])("when %s", async (_, first) => {
    const test = open()
    await test.run(
      Effect.gen(function* () {
        yield* test.order(["ada", "grace"])
        yield* Effect.exit(test.send(first))
      }),
    )
    await test.run(test.send())
    await test.run(Effect.andThen(test.order(["joan"], 3), test.send()))
    await settled()
    await test.run(test.poll())
    expect(await test.run(test.inquire(1))).toEqual({ _tag: "Settled" })
    expect(await paid()).toEqual([1, 2, 3].map(referenceOf))
    expect((await books()).paidTwice).toBe(0)
    expect(await breaches()).toEqual({ count: 0, shown: [] })
  })

  it("by two processes at once", async () => {
    const test = open()
    await test.run(test.order(["ada", "grace", "joan"]))
    await Promise.all([test.run(Effect.exit(test.send())), test.run(Effect.exit(test.send()))])
    await test.run(test.send())
    await settled()
    expect(await paid()).toEqual([1, 2, 3].map(referenceOf))
    expect((await books()).transfers).toHaveLength(3)
  })

  it.each(["stage", "note", "written"] as const)("when the process dies before the step %s", async (step) => {
    const test = open()
    await test.run(
      Effect.gen(function* () {
        yield* test.order(["ada", "grace"])
        const [files, sent] = [yield* OutboxFiles, yield* SentPayouts]
        const death = () => Effect.die("killed")
        const dyingFiles = step === "note" ? files : { ...files, [step]: death }
        const dead = test
          .send()
          .pipe(
            Effect.provideService(OutboxFiles, dyingFiles),
            Effect.provideService(SentPayouts, step === "note" ? { ...sent, note: death } : sent),
          )
        yield* Effect.exit(dead)
      }),
    )
    await test.run(test.send())
    await settled()
    await test.run(
      Effect.gen(function* () {
        yield* test.poll()
        expect(yield* test.inquire(2)).toEqual({ _tag: "Settled" })
      }),
    )
    expect((await books()).transfers).toHaveLength(2)
  })
})

describe("no store that forgot pays", () => {
  it.each(["the orders were stored", "the payout batch was sent"])(
    "Postgres is as it was when %s",
    async (when) => {
      const test = open()
      await test.run(
        Effect.gen(function* () {
          yield* test.order(["ada", "grace"])
          const before = yield* test.rows
          yield* test.send(when === "the orders were stored" ? undefined : losingAnswers)
          const after = yield* test.rows
          yield* test.send()
          yield* (when === "the orders were stored" ? before : after).putBack
          yield* test.send()
          yield* test.send()
          yield* Effect.promise(settled)
          yield* test.poll()
          expect(yield* test.inquire(2)).toEqual({ _tag: "Settled" })
        }),
      )
      expect((await books()).transfers).toHaveLength(2)
    },
  )

  it("Redis lost everything", async () => {
    const test = open()
    await test.run(
      Effect.gen(function* () {
        yield* test.order(["ada", "grace"])
        yield* test.send(losingAnswers)
        const { commands } = yield* RedisConnections
        yield* Effect.promise(async () => {
          const keys = await commands.keys(`${test.prefix}:{files:*`)
          await commands.del(...keys)
        })
        yield* test.send()
        yield* test.send()
      }),
    )
    await settled()
    expect((await books()).transfers).toHaveLength(2)
  })
})

/** Sends, dies after the payout batch is made and before its content is decided, and gives that payout batch. */
const killedBeforeStage = Effect.fnUntraced(function* (test: ReturnType<typeof open>) {
  const files = yield* OutboxFiles
  const death = { ...files, stage: () => Effect.die("killed") }
  yield* Effect.exit(Effect.provideService(test.send(), OutboxFiles, death))
  const [file] = yield* files.unwritten(test.name, 1)
  return file
})

it("posts nothing under an id that PayPal may have forgotten: its orders are parked", async () => {
  const test = open()
  await test.run(
    Effect.gen(function* () {
      yield* test.order(["ada"])
      const file = yield* killedBeforeStage(test)
      const old = `${Date.now() - POST_WINDOW_MS}-`
      yield* (yield* FileLog).stage(test.name, file?.messageId ?? "", old)
      yield* test.send()
      yield* test.send()
      expect(yield* test.inquire(1)).toMatchObject({ _tag: "Ambiguous" })
      expect(JSON.stringify(yield* test.inquire(1))).toContain(UNANSWERED)
    }),
  )
  expect((await books()).transfers).toEqual([])
})

it("posts other orders under no id that was posted", async () => {
  const test = open()
  await test.run(
    Effect.gen(function* () {
      yield* test.order(["ada"])
      const file = yield* killedBeforeStage(test)
      yield* (yield* FileLog).stage(test.name, file?.messageId ?? "", `${Date.now()}-other`)
      yield* test.send()
    }),
  )
  expect((await books()).transfers).toEqual([])
  expect(test.lines.join("")).toContain("not those that were posted")
})

it("parks the orders of a payout batch that is refused as a whole, and posts it no more", async () => {
  const test = open()
  let posts = 0
  const refusing: Changed = (api) => ({
    ...api,
    create: () =>
      Effect.sync(() => {
        posts += 1
        return { _tag: "Refused", code: "VALIDATION_ERROR" } as const
      }),
  })
  await test.run(
    Effect.gen(function* () {
      yield* test.order(["ada"])
      const files = yield* OutboxFiles
      const dead = { ...files, written: () => Effect.die("killed") }
      yield* Effect.exit(Effect.provideService(test.send(refusing), OutboxFiles, dead))
      yield* test.send()
      expect(JSON.stringify(yield* test.inquire(1))).toContain("VALIDATION_ERROR")
    }),
  )
  expect([posts, (await books()).transfers]).toEqual([1, []])
})

it("does not take somebody else's payout batch for its own", async () => {
  const [one, other] = [open(), open()]
  await one.run(Effect.andThen(one.order(["ada"]), one.send()))
  await other.run(
    Effect.gen(function* () {
      yield* other.order(["grace"], 9)
      yield* other.send()
    }),
  )
  expect(other.lines.join("")).toContain("another payout batch has its id")
  await settled()
  expect(await paid()).toEqual([referenceOf(1)])
})

it("parks what PayPal's payout batch lacks, what it blocks, and takes back what nobody claimed", async () => {
  const test = open()
  const answers = await test.run(
    Effect.gen(function* () {
      yield* test.order(["mia.missing", "bela.blocked", "una.unclaimed", "onno.onhold", "ada"])
      yield* test.send()
      yield* (yield* FileOrders).withdraw(test.name, referenceOf(3))
      yield* Effect.promise(() => expect.poll(async () => (await paid()).length).toBe(1))
      yield* test.poll()
      yield* test.poll()
      return yield* Effect.forEach([1, 2, 3, 4, 5], (item) => test.inquire(item))
    }),
  )
  expect(answers.map(({ _tag }) => _tag)).toEqual([
    "Ambiguous",
    "Ambiguous",
    "Returned",
    "Accepted",
    "Settled",
  ])
  expect(JSON.stringify(answers)).toContain(NOT_IN_BATCH)
  expect(await breaches()).toEqual({ count: 0, shown: [] })
})

it("does not believe an item with another amount, or a page of another payout batch", async () => {
  const test = open()
  const lying: Changed = (api) => ({
    ...api,
    page: (...given) =>
      Effect.map(api.page(...given), (page) => ({
        ...page,
        items: page.items.map((item) => ({
          ...item,
          payout_item: { ...item.payout_item, amount: { currency: "EUR", value: "99.00" } },
        })),
      })),
  })
  const elsewhere: Changed = (api) => ({
    ...api,
    page: (...given) => Effect.map(api.page(...given), (page) => ({ ...page, senderBatchId: "other" })),
  })
  await test.run(
    Effect.gen(function* () {
      yield* test.order(["ada"])
      yield* test.send()
      yield* Effect.promise(settled)
      for (const changed of [lying, elsewhere]) {
        yield* test.poll(changed)
        expect(yield* test.inquire(1)).toMatchObject({ _tag: "Accepted" })
      }
      yield* test.poll()
      expect(yield* test.inquire(1)).toEqual({ _tag: "Settled" })
    }),
  )
})

it("sends nothing from another PayPal account under the same name", async () => {
  const test = open({ account: "FIRST" })
  await test.run(test.send())
  const moved = open({ account: "SECOND" })
  const failure = await test.run(
    Effect.gen(function* () {
      yield* test.order(["ada"])
      const { bank, api } = yield* openPayouts({ ...moved.entry, name: test.name })
      return yield* Effect.flip(sendPayouts(bank, api))
    }),
  )
  expect(failure).toMatchObject({ step: "look at the account" })
  expect((await books()).transfers).toEqual([])
})

it("refuses at once what would refuse a whole payout batch", async () => {
  const test = open()
  const answers = await test.run(
    Effect.gen(function* () {
      const bank = yield* test.order(["ada"], 1, { currency: "KWD" })
      const half = yield* test.order(["ada"], 2, { currency: "HUF", minor: 150n })
      const whole = yield* test.order(["ada"], 3, { currency: "HUF", minor: 1_500n })
      return [...bank, ...half, ...whole]
    }),
  )
  expect(answers).toMatchObject([
    { _tag: "Failed", code: "AG03", unsent: true },
    { _tag: "Failed", code: "AM02", unsent: true },
    { _tag: "Accepted" },
  ])
})

it("sends no decimals in a currency that has none at PayPal", async () => {
  const test = open()
  const shown: Array<unknown> = []
  await test.run(
    Effect.gen(function* () {
      yield* test.order(["ada"], 1, { currency: "HUF", minor: 150_000n })
      yield* test.order(["grace"], 2, { minor: 150_000n })
      yield* test.send()
      yield* Effect.promise(settled)
      yield* test.poll((api) => ({
        ...api,
        page: (...given) =>
          Effect.tap(api.page(...given), ({ items }) =>
            Effect.sync(() => shown.push(...items.map(({ payout_item }) => payout_item.amount))),
          ),
      }))
      expect(yield* test.inquire(1)).toEqual({ _tag: "Settled" })
    }),
  )
  expect(shown).toContainEqual({ currency: "HUF", value: "1500" })
  expect(shown).toContainEqual({ currency: "EUR", value: "1500.00" })
})

it("the role sends and asks by itself", async () => {
  const test = open({ pollMs: 10 })
  await test.run(
    Effect.gen(function* () {
      yield* test.order(["ada"])
      const own = { ...(yield* ProviderSettings), banks: [test.entry] }
      yield* Layer.build(payoutsRole.pipe(Layer.provide(Layer.succeed(ProviderSettings, own))))
      yield* Effect.repeat(test.inquire(1), { until: ({ _tag }) => _tag === "Settled", times: 10_000 })
    }).pipe(Effect.scoped),
  )
  expect(await paid()).toEqual([referenceOf(1)])
})
