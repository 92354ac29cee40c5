/** The first events of a batch: its request as it is recorded, with what no log may show sealed. */
import { Array as Arr, Effect, Result } from "effect"
import { sealedOf, visibleBeneficiaryOf } from "../../domain/beneficiary.ts"
import type { ReceiveBatch } from "../../domain/commands.ts"
import { ITEMS_PER_EVENT_MAX, type PayoutItem } from "../../domain/events.ts"
import type { BatchId, PartnerId } from "../../domain/identifiers.ts"
import { decideOpening } from "../../domain/opening.ts"
import { turn } from "../../parsing/turns.ts"
import { PartnerKeys } from "../../vault/partner-keys.ts"
import { sealAccounts } from "../../vault/sealing.ts"
import { isDayUsedUp } from "./day-allowance.ts"
import type { PartnerTerms } from "./partner-terms.ts"
import type { BatchRequest, RequestedItem } from "./payout-batch-request.ts"

/** The first events of a requested batch. */
export const receive = Effect.fnUntraced(function* (
  id: BatchId,
  {
    totals: _,
    duplicates: _allowed,
    modulusFailures: _failures,
    mode,
    submittedBy,
    requireApproval,
    ...asked
  }: BatchRequest,
  { policy, modeByDefault, recorded }: PartnerTerms,
  received: Pick<
    ReceiveBatch,
    | "at"
    | "partner"
    | "credential"
    | "idempotencyKey"
    | "requestDigest"
    | "duplicates"
    | "trace"
    | "items"
    | "seals"
  >,
) {
  const approvalAsked = requireApproval ?? false
  const decision = decideOpening({
    _tag: "ReceiveBatch",
    ...asked,
    ...received,
    ...(recorded === undefined ? {} : { terms: recorded }),
    mode: mode ?? modeByDefault,
    submittedBy: submittedBy ?? received.partner,
    approvalAsked,
    dayIsUsedUp:
      !approvalAsked && (yield* isDayUsedUp(id, { ...received, rejectedRows: asked.rejectedRows }, policy)),
    policy,
  })
  if (Result.isFailure(decision)) return yield* Effect.die(new Error(decision.failure.reason))
  return decision.success
})

/** The items as the log may contain them, and their accounts and addresses, sealed by chunks with turns in between. */
export const sealItems = Effect.fnUntraced(function* (
  partner: PartnerId,
  batch: BatchId,
  items: BatchRequest["items"],
) {
  const key = yield* (yield* PartnerKeys).current(partner)
  const chunks = Arr.chunksOf(items, ITEMS_PER_EVENT_MAX)
  const sealed = yield* Effect.forEach(chunks, (chunk, index) =>
    Effect.map(index === 0 ? Effect.void : turn, () => {
      const visible = Arr.map(chunk, withoutAccount)
      const places = visible.map(({ item, beneficiary: { account, addressCountry } }) => ({
        item,
        account,
        addressCountry,
      }))
      const accounts = chunk.map(({ beneficiary }) => sealedOf(beneficiary))
      return { visible, seal: sealAccounts(key, { partner, batch }, places, accounts) }
    }),
  )
  return {
    items: Arr.flatten(Arr.map(sealed, ({ visible }) => visible)),
    seals: Arr.map(sealed, ({ seal }) => seal),
  }
})

/** It names each field, which is several times as fast as a copy of the others. */
const withoutAccount = (requested: RequestedItem): PayoutItem => {
  const { item, reference, remittance, currency, minor } = requested
  const beneficiary = visibleBeneficiaryOf(requested.beneficiary)
  return remittance === undefined
    ? { item, reference, currency, minor, beneficiary }
    : { item, reference, remittance, currency, minor, beneficiary }
}
