/** What every register of claims on payouts has to do. */
import { randomBytes, randomUUID } from "node:crypto"
import { assert, type Vitest } from "@effect/vitest"
import { Effect } from "effect"
import { PartnerId } from "../../src/domain/identifiers.ts"
import { type ClaimedPayout, PayoutClaims } from "../../src/register/payout-claims.ts"
import { newBatchId } from "../publisher/story.ts"

export const newPartner = () => PartnerId.make(`p-${randomUUID().slice(0, 8)}`)
export const fingerprint = () => randomBytes(16).toString("hex")

export const claimOf = (partner: PartnerId, batch = newBatchId(), request = "digest") => ({
  id: randomUUID(),
  partner,
  batch,
  request,
})

export const payoutOf = (item: number, of: string, compared = true): ClaimedPayout => ({
  item,
  fingerprint: of,
  compared,
})

export const terms = { days: 7, known: undefined }

export const payoutClaimsContract = (it: Vitest.MethodsNonLive<PayoutClaims>): void => {
  it.effect("gives earlier claims on the same payouts by the same partner, the latest first", () =>
    Effect.gen(function* () {
      const { claim, look, opened } = yield* PayoutClaims
      const partner = newPartner()
      const [a, b, c] = [fingerprint(), fingerprint(), fingerprint()]
      const first = claimOf(partner)
      const nothing = yield* claim(first, [payoutOf(1, a), payoutOf(2, b)], terms)
      assert.deepInclude(nothing, { earlier: [], isCutShort: false, hasKnown: true })
      const second = claimOf(partner, newBatchId(), "other")
      const one = yield* claim(second, [payoutOf(1, c), payoutOf(2, b), payoutOf(3, b)], terms)
      assert.deepStrictEqual(
        one.earlier.map(({ ageMs, ...rest }) => ({ ...rest, isYoung: ageMs >= 0 && ageMs < 60_000 })),
        [
          {
            batch: first.batch,
            request: "digest",
            opened: false,
            isYoung: true,
            pairs: [
              [2, 2],
              [3, 2],
            ],
          },
        ],
      )
      yield* opened(first.id)
      const third = yield* claim(claimOf(partner), [payoutOf(7, b)], terms)
      assert.deepStrictEqual(
        third.earlier.map(({ batch, opened, pairs }) => [batch, opened, pairs]),
        [
          [
            second.batch,
            false,
            [
              [7, 2],
              [7, 3],
            ],
          ],
          [first.batch, true, [[7, 2]]],
        ],
      )
      assert.isAbove(third.claimedAt, one.claimedAt)
      const looked = yield* look({ partner, batch: newBatchId() }, [payoutOf(7, a)], 7)
      assert.deepStrictEqual(
        looked.earlier.map(({ batch, pairs }) => [batch, pairs]),
        [[first.batch, [[7, 1]]]],
        "who looks meets the same claims",
      )
      const after = yield* claim(claimOf(partner), [payoutOf(1, a)], terms)
      assert.strictEqual(after.earlier.length, 1, "who looks makes no claim")
      const stranger = yield* claim(claimOf(newPartner()), [payoutOf(1, b)], terms)
      assert.deepStrictEqual(stranger.earlier, [], "another partner's claims are its own")
    }),
  )

  it.effect("does not hold a batch's own claims against it, nor what was released", () =>
    Effect.gen(function* () {
      const { claim, release } = yield* PayoutClaims
      const partner = newPartner()
      const payouts = [payoutOf(1, fingerprint())]
      const first = claimOf(partner)
      yield* claim(first, payouts, terms)
      const again = claimOf(partner, first.batch)
      assert.deepStrictEqual((yield* claim(again, payouts, terms)).earlier, [])
      yield* release(first.id)
      const { earlier } = yield* claim(claimOf(partner), payouts, terms)
      assert.deepStrictEqual(
        earlier.map(({ batch }) => batch),
        [first.batch],
        "by its other claim",
      )
    }),
  )

  it.effect("keeps what is not compared for later claims that compare it", () =>
    Effect.gen(function* () {
      const { claim } = yield* PayoutClaims
      const partner = newPartner()
      const text = fingerprint()
      yield* claim(claimOf(partner), [payoutOf(1, text, false)], terms)
      assert.deepStrictEqual((yield* claim(claimOf(partner), [payoutOf(1, text, false)], terms)).earlier, [])
      assert.lengthOf((yield* claim(claimOf(partner), [payoutOf(1, text)], terms)).earlier, 2)
    }),
  )

  it.effect("knows a claim that was made, also one that was released, and no other", () =>
    Effect.gen(function* () {
      const { claim, release } = yield* PayoutClaims
      const partner = newPartner()
      const known = claimOf(partner)
      yield* claim(known, [payoutOf(1, fingerprint())], terms)
      yield* release(known.id)
      const after = (id: string) => claim(claimOf(partner), [], { ...terms, known: id })
      assert.isTrue((yield* after(known.id)).hasKnown)
      assert.isFalse((yield* after(randomUUID())).hasKnown)
    }),
  )

  it.effect("of many that claim the same at a time each but one meets another, and none meets itself", () =>
    Effect.gen(function* () {
      const { claim } = yield* PayoutClaims
      const partner = newPartner()
      const payouts = [payoutOf(1, fingerprint())]
      const met = yield* Effect.all(
        Array.from({ length: 8 }, () => claim(claimOf(partner), payouts, terms)),
        { concurrency: "unbounded" },
      )
      assert.sameMembers(
        met.map(({ earlier }) => earlier.length),
        [0, 1, 2, 3, 4, 5, 6, 7],
      )
    }),
  )
}
