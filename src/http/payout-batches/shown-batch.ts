/** Batches and items of the read models, as the API shows them: times in ISO 8601, amounts with their currencies. */
import { failureOf } from "../../domain/failure-codes.ts"
import { formatAmount } from "../../domain/money.ts"
import { needsAttention, type ShownApproval } from "../../domain/shown.ts"
import { uetrOf } from "../../domain/uetr.ts"
import type {
  AttemptView,
  BankRemarkView,
  BatchView,
  FoundItem,
  ItemView,
  Totals,
} from "../../projections/batch-queries.ts"

/** `totals` are the accepted amounts, as in the answer to the post; `states` has the amounts by item state. */
export const shownBatch = ({
  totals,
  receivedAt,
  updatedAt,
  closedAt,
  executeAt,
  approval,
  ...view
}: BatchView) => ({
  ...view,
  totals: Object.fromEntries(
    Object.entries(totals).map(([currency, states]) => [currency, sumOf(currency, states)]),
  ),
  states: totals,
  needsAttention: needsAttention(view.state, totals),
  receivedAt: iso(receivedAt),
  updatedAt: iso(updatedAt),
  ...(closedAt === undefined ? {} : { closedAt: iso(closedAt) }),
  ...(executeAt === undefined ? {} : { executeAt: iso(executeAt) }),
  ...(approval === undefined ? {} : { approval: shownApproval(approval) }),
})

const shownApproval = ({ expiresAt, approvedAt, ...approval }: ShownApproval) => ({
  ...approval,
  expiresAt: iso(expiresAt),
  ...(approvedAt === undefined ? {} : { approvedAt: iso(approvedAt) }),
})

/** Amounts have exactly the currency's decimals, so without the decimal point they are minor units. */
const sumOf = (currency: string, states: Totals[string]): string => {
  let minor = 0n
  for (const { amount } of Object.values(states)) minor += BigInt(amount.replace(".", ""))
  return formatAmount(minor, currency)
}

/** An item without its attempts. */
export const shownItem = ({
  beneficiaryName,
  account,
  currency,
  amount,
  updatedAt,
  attempts: _,
  ...item
}: ItemView) => {
  const failure = item.state === "failed" || item.state === "returned" ? failureOf(item.reason) : undefined
  const uetr = item.transferReference === undefined ? undefined : uetrOf(item.transferReference)
  return {
    ...item,
    ...(uetr === undefined ? {} : { uetr }),
    ...(failure === undefined ? {} : { failure }),
    amount: { currency, value: amount },
    beneficiary: { name: beneficiaryName, account },
    updatedAt: iso(updatedAt),
  }
}

/** The attempts to pay an item, in their order, each with the meaning of its code. */
export const shownAttempts = ({ attempts = [] }: ItemView) => ({ attempts: attempts.map(shownAttempt) })

/** How a list shows an item, with what was asked for beside it. */
export const withIncluded =
  <Item extends ItemView, Shown extends object>(
    include: ReadonlyArray<"attempts"> | undefined,
    shown: (item: Item) => Shown,
  ) =>
  (item: Item) => ({ ...shown(item), ...(include === undefined ? {} : shownAttempts(item)) })

const shownAttempt = ({ requestedAt, concludedAt, ...attempt }: AttemptView) => {
  const uetr = uetrOf(attempt.reference)
  return {
    ...attempt,
    ...(uetr === undefined ? {} : { uetr }),
    requestedAt: iso(requestedAt),
    ...(concludedAt === undefined ? {} : { concludedAt: iso(concludedAt) }),
  }
}

/** An item with its batch, and when that was received. */
export const shownFoundItem = ({ batch, receivedAt, ...item }: FoundItem) => ({
  batch,
  ...shownItem(item),
  receivedAt: iso(receivedAt),
})

export const shownRemark = ({ seenAt, ...remark }: BankRemarkView) => ({ ...remark, seenAt: iso(seenAt) })

const iso = (at: number): string => new Date(at).toISOString()
