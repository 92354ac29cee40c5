/** A key that the bank may have forgotten opens a second payment: nothing is sent under it again. */
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { afterAll, beforeAll } from "vitest"
import type { TransferOutcome } from "../../src/domain/commands.ts"
import { cleanText } from "../../src/domain/outside-text.ts"
import {
  booksOf,
  type Outside,
  openOutside,
  outcomes,
  Payouts,
  perform,
  pipelinesOn,
} from "./pipelines-under-test.ts"

const WINDOW_MS = 60_000
const CALL_MS = 15_000
const CLAIM_MS = 8_000

let outside: Outside
let folder: string

beforeAll(async () => {
  outside = await openOutside()
  folder = await mkdtemp(join(tmpdir(), "key-window-"))
  const { compliance, ledger, banks } = outside.urls
  const document = {
    version: "v1",
    compliance: { url: compliance },
    ledger: { url: ledger },
    banks: [{ name: "north", kind: "instant", url: banks.north, keyWindowMs: WINDOW_MS }],
    routes: [{ rule: "all", banks: ["north"] }],
  }
  await writeFile(join(folder, "providers.json"), JSON.stringify(document))
})
afterAll(async () => {
  await outside.close()
  await rm(folder, { recursive: true })
})

const forgetful = () =>
  pipelinesOn(outside, {
    PROVIDERS_FILE: join(folder, "providers.json"),
    PROVIDER_TIMEOUT_MS: `${CALL_MS}`,
    CLAIM_MS: `${CLAIM_MS}`,
  })

const lost: TransferOutcome = { _tag: "Unknown", reason: cleanText("lost"), inquireAt: 0 }

/** A payout that was to be sent so long ago, and that the bank has never seen. */
const neverSeenSince = (ms: number): Payouts => {
  const payouts = new Payouts("Ada Lovelace")
  payouts.now = Date.now() - ms
  payouts.intended().hears(1, lost)
  return payouts
}

const resent = (payouts: Payouts) =>
  Effect.gen(function* () {
    payouts.hears(1, { _tag: "NeverSeen", quarantineMs: 0 })
    const learnt = outcomes(yield* perform(payouts, { _tag: "Transfer", items: payouts.numbers }))
    const books = yield* Effect.promise(() => booksOf(outside.urls.banks.north))
    return { learnt: learnt.get(1), isPaid: books.has(payouts.reference(1)) }
  })

it.live("tells how long a transfer that the bank has never seen may still be sent", () =>
  Effect.gen(function* () {
    const payouts = neverSeenSince(0)
    const learnt = outcomes(yield* perform(payouts, { _tag: "Inquire", items: payouts.numbers }))
    assert.deepStrictEqual(learnt.get(1), {
      _tag: "NeverSeen",
      quarantineMs: CALL_MS + CLAIM_MS,
      resendWithinMs: WINDOW_MS - CALL_MS - CLAIM_MS,
    })
  }).pipe(Effect.provide(forgetful())),
)

it.live("sets no limit for a bank that never forgets a key", () =>
  Effect.gen(function* () {
    const payouts = neverSeenSince(0)
    const learnt = outcomes(yield* perform(payouts, { _tag: "Inquire", items: payouts.numbers }))
    assert.notProperty(learnt.get(1), "resendWithinMs")
    assert.isTrue((yield* resent(neverSeenSince(10 * WINDOW_MS))).isPaid)
  }).pipe(Effect.provide(pipelinesOn(outside))),
)

it.live("does not send again when the turn comes too late, and has the bank asked", () =>
  Effect.gen(function* () {
    const { learnt, isPaid } = yield* resent(neverSeenSince(WINDOW_MS))
    assert.isFalse(isPaid)
    assert.deepInclude(learnt, { _tag: "Unknown", reason: cleanText("its turn came too late for its key") })
  }).pipe(Effect.provide(forgetful())),
)

it.live("sends again within the window", () =>
  Effect.gen(function* () {
    assert.isTrue((yield* resent(neverSeenSince(0))).isPaid)
  }).pipe(Effect.provide(forgetful())),
)
