import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { afterAll, beforeAll } from "vitest"
import type { BatchCommand, TransferOutcome } from "../../src/domain/commands.ts"
import { cleanText } from "../../src/domain/outside-text.ts"
import { Pipelines } from "../../src/pipelines/pipelines.ts"
import { Postgres } from "../../src/platform/postgres.ts"
import { InstructionRegister } from "../../src/register/instruction-register.ts"
import { VaultUnavailable } from "../../src/vault/partner-keys.ts"
import { json, MisbehavingServer } from "../providers/calling/misbehaving-server.ts"
import { fixedKeys } from "../vault/fixed-keys.ts"
import {
  booksOf,
  finalWord,
  INQUIRY_DELAY_MS,
  type Outside,
  openIban,
  openOutside,
  outcomes,
  Payouts,
  passed,
  perform,
  pipelinesOn,
} from "./pipelines-under-test.ts"

let outside: Outside

beforeAll(async () => {
  outside = await openOutside()
})
afterAll(() => outside.close())

/** A time-out that a silent bank runs into, and a busy one does not. */
const impatient = { PROVIDER_TIMEOUT_MS: "2000" }

const north = () => booksOf(outside.urls.banks.north)

/** The references of a batch that the bank has seen. */
const seenOf = Effect.fnUntraced(function* (payouts: Payouts) {
  const books = yield* Effect.promise(north)
  return payouts.numbers.filter((item) => books.has(payouts.reference(item)))
})

const mandate = {
  head: "head",
  answered: new Set<string>(),
  mayCall: () => Effect.succeed(true),
  takePlace: () => false,
}

const transfer = (
  payouts: Payouts,
  mayCall?: Effect.Effect<boolean>,
  takePlace?: (item: number) => boolean,
) => perform(payouts, { _tag: "Transfer", items: payouts.numbers }, mayCall, takePlace)

const register = (payouts: Payouts, item: number, bank = "north") =>
  Effect.flatMap(InstructionRegister, ({ record }) => {
    const tail = { batch: payouts.id, version: payouts.batch.version, head: "head" }
    const attempts = [{ batch: payouts.id, item, attempt: 1, bank }]
    return Effect.map(record(attempts, tail, new Set()), ({ registered }) => registered)
  })

it.live("pays what is intended: the bank accepts, refuses, or leaves it unknown", () =>
  Effect.gen(function* () {
    const payouts = new Payouts("Ada Lovelace", "Clara Closed", "Tim Timeout").intended()
    const before = Date.now()
    const learnt = outcomes(yield* transfer(payouts))
    const [ada, clara, tim] = payouts.numbers.map((item) => learnt.get(item))
    assert(ada?._tag === "Accepted")
    assert.match(ada.transferId, /^north-/)
    assert.isAtLeast(ada.inquireAt, before + INQUIRY_DELAY_MS)
    assert.isAtMost(ada.inquireAt, Date.now() + INQUIRY_DELAY_MS)
    assert.deepStrictEqual(clara, { _tag: "Failed", code: cleanText("AC04"), evidence: "response" })
    assert(tim?._tag === "Unknown")
    assert.strictEqual(tim.reason, "transfer: timed out")
    assert.isAtLeast(tim.inquireAt, before + INQUIRY_DELAY_MS)
    assert.deepStrictEqual(yield* seenOf(payouts), [1, 2, 3])
  }).pipe(Effect.provide(pipelinesOn(outside, impatient))),
)

it.live("tells each answer when it arrives, and does not wait for a bank that is silent", () =>
  Effect.gen(function* () {
    const payouts = new Payouts("Tim Timeout", "Ada Lovelace").intended()
    const { perform } = yield* Pipelines
    const call = { _tag: "Transfer", items: payouts.numbers } as const
    const startedAt = Date.now()
    const arrivals: Array<{ readonly item: number | undefined; readonly afterMs: number }> = []
    yield* perform(payouts.id, payouts.batch, call, mandate, (command) => {
      const item = command._tag === "RecordTransfer" ? command.item : undefined
      arrivals.push({ item, afterMs: Date.now() - startedAt })
    })
    assert.deepStrictEqual(
      arrivals.map(({ item }) => item),
      [2, 1],
    )
    assert.isBelow(arrivals[0]?.afterMs ?? Number.NaN, 2_000)
    assert.isAtLeast(arrivals[1]?.afterMs ?? 0, 1_990)
  }).pipe(Effect.provide(pipelinesOn(outside, impatient))),
)

it.live("learns by inquiry that a transfer without an answer was paid", () =>
  Effect.gen(function* () {
    const payouts = new Payouts("Tim Timeout").intended()
    const learnt = outcomes(yield* transfer(payouts)).get(1)
    assert(learnt?._tag === "Unknown")
    payouts.hears(1, learnt)
    yield* finalWord(payouts.reference(1))
    const told = outcomes(yield* perform(payouts, { _tag: "Inquire", items: [1] }))
    assert.deepStrictEqual(told.get(1), { _tag: "Settled", evidence: "inquiry" })
    assert.strictEqual((yield* Effect.promise(north)).get(payouts.reference(1)), 1)
  }).pipe(Effect.provide(pipelinesOn(outside, impatient))),
)

it.live("calls no bank for an attempt that the register holds although the log says that it is new", () =>
  Effect.gen(function* () {
    const payouts = new Payouts("Ada Lovelace", "Ada Lovelace", "Ada Lovelace").intended()
    yield* register(payouts, 2)
    const learnt = outcomes(yield* transfer(payouts))
    const doubtful = learnt.get(2)
    assert(doubtful?._tag === "Unknown")
    assert.strictEqual(doubtful.reason, "the instruction register already holds this attempt")
    assert.isAtMost(doubtful.inquireAt, Date.now())
    assert.deepStrictEqual(yield* seenOf(payouts), [1, 3])
  }).pipe(Effect.provide(pipelinesOn(outside))),
)

it.live("takes the place in the channel kept for a first send, and none for what is sent again", () =>
  Effect.gen(function* () {
    const payouts = new Payouts("Ada Lovelace", "Ada Lovelace").intended()
    payouts.hears(2, { _tag: "Unknown", reason: "lost", inquireAt: 0 })
    payouts.hears(2, { _tag: "NeverSeen", quarantineMs: 0 })
    const asked: Array<number> = []
    yield* transfer(payouts, undefined, (item) => {
      asked.push(item)
      return true
    })
    assert.deepStrictEqual(yield* seenOf(payouts), [1, 2])
    assert.deepStrictEqual(asked, [1])
  }).pipe(Effect.provide(pipelinesOn(outside))),
)

it.live("sends an attempt again that the bank has never seen, although the register holds it", () =>
  Effect.gen(function* () {
    const payouts = new Payouts("Ada Lovelace").intended()
    yield* register(payouts, 1)
    payouts.hears(1, { _tag: "Unknown", reason: "lost", inquireAt: 0 })
    payouts.hears(1, { _tag: "NeverSeen", quarantineMs: 0 })
    assert.strictEqual(payouts.batch.items.get(1)?.attempt?.sends, 2)
    yield* transfer(payouts)
    assert.deepStrictEqual(yield* seenOf(payouts), [1])
  }).pipe(Effect.provide(pipelinesOn(outside))),
)

it.live("leaves an attempt to a person that the register holds with another bank, which may have paid", () =>
  Effect.gen(function* () {
    const payouts = new Payouts("Ada Lovelace", "Ada Lovelace").intended()
    yield* register(payouts, 1, "south")
    const learnt = outcomes(yield* transfer(payouts))
    const reason = cleanText("the instruction register already holds this attempt with the bank south")
    assert.deepStrictEqual(learnt.get(1), { _tag: "Unresolved", reason })
    assert.deepStrictEqual(yield* seenOf(payouts), [2])
  }).pipe(Effect.provide(pipelinesOn(outside))),
)

it.live("calls no bank while the register is down, and says that the work is still due", () =>
  Effect.gen(function* () {
    const payouts = new Payouts("Ada Lovelace").intended()
    const { query } = yield* Postgres
    yield* query("break", (sql) => sql`alter table instruction_register rename to gone`)
    const error = yield* Effect.flip(transfer(payouts))
    yield* query("mend", (sql) => sql`alter table gone rename to instruction_register`)
    assert.deepInclude(error, { _tag: "StoreUnavailable", store: "postgres" })
    assert.deepStrictEqual(yield* seenOf(payouts), [])
    yield* transfer(payouts)
    assert.deepStrictEqual(yield* seenOf(payouts), [1], "once the register is back")
  }).pipe(Effect.provide(pipelinesOn(outside))),
)

it.live("leaves items without a word and without a call once the batch has another owner", () =>
  Effect.gen(function* () {
    const payouts = new Payouts("Ada Lovelace", "Ada Lovelace", "Ada Lovelace").intended()
    let asked = 0
    const once = Effect.sync(() => ++asked === 1)
    const commands = yield* transfer(payouts, once)
    assert.strictEqual(commands.length, 1)
    assert.strictEqual(asked, 3)
    assert.strictEqual((yield* seenOf(payouts)).length, 1)
  }).pipe(Effect.provide(pipelinesOn(outside))),
)

it.live("reads the batch when it is called, not when the answers come", () =>
  Effect.gen(function* () {
    const payouts = new Payouts("Tim Timeout").intended()
    const { perform } = yield* Pipelines
    const told: Array<BatchCommand> = []
    const call = { _tag: "Transfer", items: payouts.numbers } as const
    const paying = perform(payouts.id, payouts.batch, call, mandate, (command) => told.push(command))
    payouts.hears(1, { _tag: "Accepted", transferId: "t", inquireAt: 0 })
    yield* paying
    assert.strictEqual(outcomes(told).get(1)?._tag, "Unknown")
  }).pipe(Effect.provide(pipelinesOn(outside, impatient))),
)

it.live("passes a crash point after the register, and one after each call", () =>
  Effect.gen(function* () {
    passed.length = 0
    yield* transfer(new Payouts("Ada Lovelace", "Clara Closed").intended())
    assert.deepStrictEqual(passed, ["after-register", "after-bank-call", "after-bank-call"])
  }).pipe(Effect.provide(pipelinesOn(outside))),
)

const unreadable = (why: string): TransferOutcome => ({
  _tag: "Unresolved",
  reason: cleanText(`the beneficiary's details cannot be read: ${why}`),
})

it.live("leaves payouts to a person, and calls no bank, when the partner's key is gone", () =>
  Effect.gen(function* () {
    const payouts = new Payouts("Ada Lovelace", "Clara Closed").intended()
    const learnt = outcomes(yield* transfer(payouts))
    assert.deepStrictEqual(learnt.get(1), unreadable("the partner's key is gone; not sent"))
    assert.deepStrictEqual(yield* seenOf(payouts), [])
    for (const [item, outcome] of learnt) payouts.hears(item, outcome)
    assert.deepStrictEqual([payouts.stateOf(1), payouts.stateOf(2)], ["parked", "parked"])
  }).pipe(
    Effect.provide(
      pipelinesOn(
        outside,
        {},
        fixedKeys(() => Effect.undefined),
      ),
    ),
  ),
)

it.live("leaves a chunk of payouts to a person when its seal does not verify", () =>
  Effect.gen(function* () {
    const payouts = new Payouts("Ada Lovelace", "Ada Lovelace", "Ada Lovelace").intended()
    const second = payouts.batch.items.get(2)
    assert(second !== undefined)
    const { name, account } = second.beneficiary
    const beneficiary = { name, account: { ...account, lastFour: "3001" } }
    payouts.batch.items.set(2, { ...second, beneficiary })
    const learnt = outcomes(yield* transfer(payouts))
    for (const item of payouts.numbers)
      assert.deepStrictEqual(learnt.get(item), unreadable("the seal does not verify; not sent"))
    assert.deepStrictEqual(yield* seenOf(payouts), [])
  }).pipe(Effect.provide(pipelinesOn(outside))),
)

it.live("calls no bank and registers nothing while the vault is away", () =>
  Effect.gen(function* () {
    const payouts = new Payouts("Ada Lovelace").intended()
    const error = yield* Effect.flip(transfer(payouts))
    assert.deepInclude(error, { _tag: "VaultUnavailable", reason: "ECONNREFUSED" })
    assert.deepStrictEqual(yield* seenOf(payouts), [])
    assert.deepStrictEqual(yield* register(payouts, 1), [], "the register had not heard of it")
  }).pipe(
    Effect.provide(
      pipelinesOn(
        outside,
        {},
        fixedKeys(() => new VaultUnavailable({ reason: "ECONNREFUSED" })),
      ),
    ),
  ),
)

it.live("tells the bank whether it pays a person or a company, where that was said", () =>
  Effect.gen(function* () {
    const company = { name: "Acme Ltd", type: "company" } as const
    const payouts = new Payouts(company, "Ada Lovelace").intended()
    const bank = yield* Effect.acquireRelease(
      Effect.promise(() => MisbehavingServer.open()),
      (bank) => Effect.promise(() => bank.close()),
    )
    bank.behaviour = json(500, {})
    yield* transfer(payouts).pipe(
      Effect.provide(pipelinesOn(outside, { BANKS: `north=${bank.url},south=${bank.url}` })),
    )
    const told = bank.asked.map(({ body }) => JSON.parse(body).beneficiary)
    assert.deepStrictEqual(
      told.toSorted((one, other) => (one.name < other.name ? -1 : 1)),
      [
        { ...company, account: openIban },
        { name: "Ada Lovelace", account: openIban },
      ],
    )
  }),
)

it.live.each([
  {
    status: 202,
    said: { status: "accepted", transferId: "to-DE89 3704 0044 0532 0130 00".replaceAll(" ", "-") },
  },
  { status: 422, said: { status: "rejected", code: "to-0532.01" } },
])("keeps out of the log what a bank quotes of the account ($status)", ({ status, said }) =>
  Effect.gen(function* () {
    const payouts = new Payouts("Ada Lovelace").intended()
    const bank = yield* Effect.acquireRelease(
      Effect.promise(() => MisbehavingServer.open()),
      (bank) => Effect.promise(() => bank.close()),
    )
    bank.behaviour = json(status, said)
    const [command] = yield* transfer(payouts).pipe(
      Effect.provide(pipelinesOn(outside, { BANKS: `north=${bank.url},south=${bank.url}` })),
    )
    assert.match(JSON.stringify(command), /"(transferId|code)":"withheld"/)
    assert(command?._tag === "RecordTransfer")
    payouts.hears(1, command.outcome)
    assert.strictEqual(payouts.stateOf(1), status === 202 ? "pending" : "parked")
  }),
)
