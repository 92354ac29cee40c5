import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { afterAll, beforeAll } from "vitest"
import type { TransferOutcome } from "../../src/domain/commands.ts"
import { cleanText } from "../../src/domain/outside-text.ts"
import { json, MisbehavingServer } from "../providers/calling/misbehaving-server.ts"
import { providersFile } from "../providers/calling/providers-file.ts"
import {
  finalWord,
  INQUIRY_DELAY_MS,
  type Outside,
  openOutside,
  outcomes,
  Payouts,
  perform,
  pipelinesOn,
} from "./pipelines-under-test.ts"

let outside: Outside

beforeAll(async () => {
  outside = await openOutside()
})
afterAll(() => outside.close())

const lost: TransferOutcome = { _tag: "Unknown", reason: cleanText("lost"), inquireAt: 0 }

const inquire = Effect.fnUntraced(function* (payouts: Payouts) {
  return outcomes(yield* perform(payouts, { _tag: "Inquire", items: payouts.numbers }))
})

/** A batch whose transfers the bank has, and of whose answers nobody knows. */
const paid = Effect.fnUntraced(function* (...names: ReadonlyArray<string>) {
  const payouts = new Payouts(...names).intended()
  yield* perform(payouts, { _tag: "Transfer", items: payouts.numbers })
  for (const item of payouts.numbers) payouts.hears(item, lost)
  return payouts
})

it.live("learns how transfers ended", () =>
  Effect.gen(function* () {
    const payouts = yield* paid("Ada Lovelace", "Ivo Insufficient")
    for (const item of payouts.numbers) yield* finalWord(payouts.reference(item))
    const told: unknown = [...(yield* inquire(payouts))].toSorted()
    assert.deepStrictEqual(told, [
      [1, { _tag: "Settled", evidence: "inquiry" }],
      [2, { _tag: "Failed", evidence: "inquiry", code: "AM04" }],
    ])
  }).pipe(Effect.provide(pipelinesOn(outside))),
)

it.live("learns that the bank has never seen a transfer", () =>
  Effect.gen(function* () {
    const payouts = new Payouts("Ada Lovelace").intended()
    payouts.hears(1, lost)
    assert.strictEqual((yield* inquire(payouts)).get(1)?._tag, "NeverSeen")
  }).pipe(Effect.provide(pipelinesOn(outside))),
)

it.live("asks again after the next delay while the bank has no end to tell, then leaves it to a person", () =>
  Effect.gen(function* () {
    const payouts = yield* paid("Sally Slow")
    const before = Date.now()
    const open = (yield* inquire(payouts)).get(1)
    assert(open?._tag === "Accepted")
    assert.isAtLeast(open.inquireAt, before + INQUIRY_DELAY_MS)
    payouts.hears(1, open)
    const unresolved = (yield* inquire(payouts)).get(1)
    assert(unresolved?._tag === "Unresolved")
    assert.match(unresolved.reason, /^no final answer from the bank/)
  }).pipe(Effect.provide(pipelinesOn(outside, { INQUIRY_DELAYS_MS: `1,${INQUIRY_DELAY_MS}` }))),
)

it.live("treats a bank that cannot be reached like one that says nothing", () =>
  Effect.gen(function* () {
    const payouts = new Payouts("Ada Lovelace").intended()
    payouts.hears(1, lost)
    const unknown = (yield* inquire(payouts)).get(1)
    assert(unknown?._tag === "Unknown")
    assert.match(unknown.reason, /^inquiry: the connection failed/)
    payouts.hears(1, unknown)
    assert.deepStrictEqual((yield* inquire(payouts)).get(1), {
      _tag: "Unresolved",
      reason: cleanText(`no final answer from the bank: ${unknown.reason}`),
    })
  }).pipe(
    Effect.provide(
      pipelinesOn(outside, {
        BANKS: "north=http://127.0.0.1:9,south=http://127.0.0.1:9",
        INQUIRY_DELAYS_MS: "1,1",
      }),
    ),
  ),
)

it.live("spends no inquiry on a bank that takes no calls, and says that the work is still due", () =>
  Effect.gen(function* () {
    const bank = yield* Effect.acquireRelease(
      Effect.promise(() => MisbehavingServer.open()),
      (bank) => Effect.promise(() => bank.close()),
    )
    bank.behaviour = json(500, {})
    const breaker = { calls: 4, callsMin: 4, openMs: 60_000 }
    const file = yield* Effect.acquireRelease(
      Effect.promise(() => providersFile({ north: bank.url }, { breaker, retries: { attemptsMax: 1 } })),
      (file) => Effect.promise(() => file.remove()),
    )
    const payouts = new Payouts("Ada", "Bea", "Cleo", "Dora").intended()
    for (const item of payouts.numbers) payouts.hears(item, lost)
    const pipelines = pipelinesOn(outside, { PROVIDERS_FILE: file.path })
    yield* Effect.gen(function* () {
      assert.strictEqual((yield* inquire(payouts)).size, 4)
      const error = yield* Effect.flip(inquire(payouts))
      assert(error._tag === "ProviderUnavailable")
      assert.deepInclude(error, { provider: "north", kind: "not-called" })
      assert.strictEqual(bank.asked.length, 4)
    }).pipe(Effect.provide(pipelines))
  }),
)

it.live("keeps out of the log an id that may quote the account, which is sealed here", () =>
  Effect.gen(function* () {
    const bank = yield* Effect.acquireRelease(
      Effect.promise(() => MisbehavingServer.open()),
      (bank) => Effect.promise(() => bank.close()),
    )
    const payouts = new Payouts("Ada Lovelace").intended()
    payouts.hears(1, lost)
    const ask = inquire(payouts).pipe(
      Effect.provide(
        pipelinesOn(outside, { BANKS: `north=${bank.url},south=${bank.url}`, INQUIRY_DELAYS_MS: "1,1" }),
      ),
    )
    bank.behaviour = json(200, { status: "accepted", transferId: "to-0532013000" })
    assert.deepInclude((yield* ask).get(1), { _tag: "Accepted", transferId: "withheld" })
    for (const transferId of ["to-ada@example.com", "+1-415-555-2671"]) {
      bank.behaviour = json(200, { status: "accepted", transferId })
      assert.deepInclude((yield* ask).get(1), { _tag: "Accepted", transferId: "withheld" })
    }
    bank.behaviour = json(200, { status: "rejected", transferId: "t-1", code: "NO-3000" })
    assert.deepInclude((yield* ask).get(1), { _tag: "Failed", code: cleanText("withheld") })
    // The second one is PayPal's id of a payout, which looks like that of an account of PayPal.
    for (const transferId of ["north-7", "5UXD2E8A7EBQJ"]) {
      bank.behaviour = json(200, { status: "accepted", transferId })
      assert.deepInclude((yield* ask).get(1), { _tag: "Accepted", transferId })
    }
    bank.behaviour = json(200, { status: "rejected", transferId: "t", code: "DE89.3704.0044" })
    const quoted = (yield* ask).get(1)
    assert.deepInclude(quoted, { _tag: "Failed", code: cleanText("unspecified") })
    assert.notMatch(JSON.stringify(quoted), /3704|0044/)
    bank.behaviour = json(200, { status: "rejected", transferId: "t", code: "no such account …3000" })
    assert.deepInclude((yield* ask).get(1), { code: cleanText("unspecified"), detail: cleanText("withheld") })
  }),
)
