/** A register of claims on payouts that is gone with its layer, and may be away, slow or older than it was. */
import { Effect, Layer } from "effect"
import { StoreUnavailable } from "../../src/platform/store-unavailable.ts"
import { type ClaimedPayout, type PayoutClaim, PayoutClaims } from "../../src/register/payout-claims.ts"

interface Kept extends PayoutClaim {
  readonly claimedAt: number
  readonly keptUntil: number
  readonly payouts: ReadonlyArray<ClaimedPayout>
  readonly opened: boolean
}

const DAY_MS = 86_400_000

export class ClaimsInMemory {
  claims: ReadonlyArray<Kept> = []
  isAway = false
  /** Whether it never answers what it is to note. */
  isSilent = false
  /** How many milliseconds later it is than the clock says. */
  aheadMs = 0
  /** How often a claim was made. */
  asked = 0

  readonly layer = Layer.succeed(PayoutClaims, {
    claim: (claim, payouts, { days, known }) =>
      this.#whileThere(() => {
        this.asked += 1
        const claimedAt = Math.max(this.#now(), (this.claims.at(-1)?.claimedAt ?? 0) + 1)
        const hasKnown = known === undefined || this.claims.some(({ id }) => id === known)
        const earlier = this.#earlier(claim, payouts, days, claimedAt)
        const keptUntil = claimedAt + (days + 1) * DAY_MS
        this.claims = [...this.claims, { ...claim, claimedAt, keptUntil, payouts, opened: false }]
        return { earlier, isCutShort: false, hasKnown, claimedAt }
      }),
    look: (claim, payouts, days) =>
      this.#whileThere(() => ({
        earlier: this.#earlier(claim, payouts, days, this.#now()),
        isCutShort: false,
      })),
    opened: (id) => this.#change(id, (claim) => ({ ...claim, opened: true })),
    release: (id) => this.#change(id, (claim) => ({ ...claim, payouts: [] })),
    prune: this.#whileThere(() => {
      const before = this.claims.length
      this.claims = this.claims.filter(({ keptUntil }) => keptUntil >= this.#now())
      return before - this.claims.length
    }),
  })

  #earlier(
    claim: Pick<PayoutClaim, "partner" | "batch">,
    payouts: ReadonlyArray<ClaimedPayout>,
    days: number,
    at: number,
  ) {
    return this.claims
      .filter((one) => one.partner === claim.partner && one.batch !== claim.batch)
      .filter((one) => one.claimedAt > at - days * DAY_MS)
      .map((one) => ({
        batch: one.batch,
        request: one.request,
        opened: one.opened,
        ageMs: at - one.claimedAt,
        pairs: pairsOf(payouts, one.payouts),
      }))
      .filter(({ pairs }) => pairs.length > 0)
      .reverse()
  }

  #now(): number {
    return Date.now() + this.aheadMs
  }

  #change(id: string, change: (claim: Kept) => Kept): Effect.Effect<void, StoreUnavailable> {
    const changed = this.#whileThere(() => {
      this.claims = this.claims.map((claim) => (claim.id === id ? change(claim) : claim))
    })
    return Effect.suspend(() => (this.isSilent ? Effect.never : changed))
  }

  #whileThere<A>(step: () => A): Effect.Effect<A, StoreUnavailable> {
    return Effect.suspend(() =>
      this.isAway
        ? Effect.fail(
            new StoreUnavailable({ store: "postgres", step: "claim payouts", reason: "ECONNREFUSED" }),
          )
        : Effect.sync(step),
    )
  }
}

const pairsOf = (mine: ReadonlyArray<ClaimedPayout>, theirs: ReadonlyArray<ClaimedPayout>) => {
  const items = Map.groupBy(theirs, ({ fingerprint }) => fingerprint)
  return mine
    .filter(({ compared }) => compared)
    .flatMap(({ item, fingerprint }) =>
      (items.get(fingerprint) ?? []).map((their) => [item, their.item] as const),
    )
}
