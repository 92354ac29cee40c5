/**
 * A batch and its items as they are shown: in read models, the API, public events and the command line. Item states have their
 * public names here.
 */
import {
  type Approval,
  type Batch,
  type BatchState,
  batchState,
  type Finding,
  type Item,
  type Tally,
} from "./batch.ts"
import { maskedAccount } from "./beneficiary.ts"
import { nameOfFinding } from "./clearance.ts"
import { isForPerson, isRest, type PublicItemState, publicItemStates, publicStateOf } from "./item-state.ts"

/** Totals by currency, in alphabetical order, and by the item states that occur. Their sum is the accepted total. */
export type ShownTotals = Readonly<
  Record<string, Readonly<Partial<Record<PublicItemState, Readonly<Tally>>>>>
>

export interface ShownBatch
  extends Readonly<
    Pick<
      Batch,
      | "partner"
      | "reference"
      | "idempotencyKey"
      | "itemCount"
      | "duplicates"
      | "rejectedRows"
      | "version"
      | "receivedAt"
      | "updatedAt"
      | "closedAt"
      | "executeAt"
    >
  > {
  readonly state: BatchState
  /** Absent if the batch needs no approval. */
  readonly approval: ShownApproval | undefined
  /** The day on which the payouts of each scheme should arrive, once the batch started to pay. */
  readonly expectedArrivals: Batch["arrivals"] | undefined
  readonly totals: ShownTotals
}

/** The approval that a batch needs: why, of which hash, until when, and what became of it. Times are epoch milliseconds. */
export interface ShownApproval {
  readonly state: "pending" | "approved" | "expired"
  readonly reason: Approval["reason"]
  readonly hash: string
  readonly expiresAt: number
  /** The approver's name as the event has it, and the credential, by which the approver is known. */
  readonly by?: string
  readonly credential?: string
  readonly approvedAt?: number
}

/** A copy of the batch as it is now. Times are epoch milliseconds. */
export const shownBatch = (batch: Batch): ShownBatch => ({
  partner: batch.partner,
  reference: batch.reference,
  idempotencyKey: batch.idempotencyKey,
  state: batchState(batch),
  itemCount: batch.itemCount,
  totals: totalsOf(batch),
  duplicates: batch.duplicates,
  rejectedRows: batch.rejectedRows,
  version: batch.version,
  receivedAt: batch.receivedAt,
  updatedAt: batch.updatedAt,
  closedAt: batch.closedAt,
  executeAt: batch.executeAt,
  approval: batch.approval === undefined ? undefined : shownApproval(batch.approval),
  expectedArrivals: batch.arrivals.length === 0 ? undefined : batch.arrivals,
})

const shownApproval = (approval: Approval): ShownApproval => {
  const { reason, hash, expiresAt, approvedBy, approverCredential, approvedAt, expired } = approval
  return {
    state: approvedBy !== undefined ? "approved" : expired ? "expired" : "pending",
    reason,
    hash,
    expiresAt,
    ...(approvedBy === undefined ? {} : { by: approvedBy }),
    ...(approverCredential === undefined ? {} : { credential: approverCredential }),
    ...(approvedAt === undefined ? {} : { approvedAt }),
  }
}

const totalsOf = ({ tallies }: Batch): ShownTotals => {
  const totals: Record<string, Partial<Record<PublicItemState, Tally>>> = {}
  for (const currency of [...tallies.keys()].sort()) {
    const states: Partial<Record<PublicItemState, Tally>> = {}
    for (const [state, { count, minor }] of tallies.get(currency) ?? [])
      if (count > 0) states[publicStateOf(state)] = { count, minor }
    totals[currency] = states
  }
  return totals
}

/**
 * Whether only a person can move a batch: it waits for approval, or all of its open items are held or parked. It needs only
 * what is shown of a batch, so read models and logs give the same answer.
 */
export const needsAttention = (
  state: BatchState,
  totals: Readonly<Record<string, Readonly<Partial<Record<PublicItemState, unknown>>>>>,
): boolean => {
  const occurring = publicItemStates.filter((one) =>
    Object.values(totals).some((states) => states[one] !== undefined),
  )
  return state === "awaiting-approval" || (occurring.some(isForPerson) && occurring.every(isRest))
}

/** Totals with each entry replaced. */
export const mapTotals = <A>(
  totals: ShownTotals,
  of: (tally: Readonly<Tally>, currency: string) => A,
): Record<string, Partial<Record<PublicItemState, A>>> =>
  Object.fromEntries(
    Object.entries(totals).map(([currency, states]) => [
      currency,
      Object.fromEntries(Object.entries(states).map(([state, tally]) => [state, of(tally, currency)])),
    ]),
  )

/** The amount of a currency in minor units, over the items in one state or over all items. */
export const sumOf = (totals: ShownTotals, currency: string, only?: PublicItemState): bigint => {
  let minor = 0n
  for (const [state, tally] of Object.entries(totals[currency] ?? {}))
    if (only === undefined || state === only) minor += tally.minor
  return minor
}

export type ShownItem = ReturnType<typeof shownItem>

/** An item as it is now, with its last attempt and only the masked form of its account. */
export const shownItem = (item: Item) => ({
  item: item.item,
  reference: item.reference,
  beneficiaryName: item.beneficiary.name,
  account: maskedAccount(item.beneficiary.account),
  currency: item.currency,
  minor: item.minor,
  state: publicStateOf(item.state),
  ledger: item.ledger,
  bank: item.attempt?.bank,
  transferReference: item.attempt?.reference,
  transferId: item.attempt?.transferId,
  attempt: item.attempt?.attempt,
  reason: item.reason,
  payee: item.payee,
  clearance: clearanceOf(item),
})

/** The engine's strictest decision, if there is one, and the findings. */
const clearanceOf = ({ verdict, listVersion, payee, findings }: Item) =>
  verdict === undefined || listVersion === undefined
    ? undefined
    : {
        decision: verdict,
        listVersion,
        ...(payee === undefined ? {} : { payee }),
        ...(findings.length === 0 ? {} : { findings: findings.map(shownFinding) }),
      }

const shownFinding = ({ decision, released, ...finding }: Finding) => ({
  ...nameOfFinding(finding),
  decision,
  released,
})
