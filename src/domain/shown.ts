/** What is shown of a batch and its items, wherever it is shown: read models, the API, public events, the command line. */
import { type Batch, type BatchState, batchState, type Finding, type Item, type Tally } from "./batch.ts"
import { maskedAccount } from "./beneficiary.ts"
import { nameOfFinding } from "./clearance.ts"
import { type ItemState, isForPerson, isRest, itemStates } from "./item-state.ts"

/** By currency, in alphabetical order, and by item state that occurs. Their sum is what was accepted. */
export type ShownTotals = Readonly<Record<string, Readonly<Partial<Record<ItemState, Readonly<Tally>>>>>>

export interface ShownBatch
  extends Readonly<
    Pick<
      Batch,
      | "partner"
      | "reference"
      | "idempotencyKey"
      | "itemCount"
      | "version"
      | "receivedAt"
      | "updatedAt"
      | "closedAt"
      | "executeAt"
    >
  > {
  readonly state: BatchState
  readonly totals: ShownTotals
}

/** A batch as it is now; it does not change with the batch. Times are epoch milliseconds. */
export const shownBatch = (batch: Batch): ShownBatch => ({
  partner: batch.partner,
  reference: batch.reference,
  idempotencyKey: batch.idempotencyKey,
  state: batchState(batch),
  itemCount: batch.itemCount,
  totals: totalsOf(batch),
  version: batch.version,
  receivedAt: batch.receivedAt,
  updatedAt: batch.updatedAt,
  closedAt: batch.closedAt,
  executeAt: batch.executeAt,
})

const totalsOf = ({ tallies }: Batch): ShownTotals => {
  const totals: Record<string, Partial<Record<ItemState, Tally>>> = {}
  for (const currency of [...tallies.keys()].sort()) {
    const states: Partial<Record<ItemState, Tally>> = {}
    for (const [state, { count, minor }] of tallies.get(currency) ?? [])
      if (count > 0) states[state] = { count, minor }
    totals[currency] = states
  }
  return totals
}

/**
 * Whether only a person can move a batch: it waits for approval, or all of its items that are open are held or parked.
 * It takes only what is shown of a batch, so read models and logs give the same answer.
 */
export const needsAttention = (
  state: BatchState,
  totals: Readonly<Record<string, Readonly<Partial<Record<ItemState, unknown>>>>>,
): boolean => {
  const occurring = itemStates.filter((one) =>
    Object.values(totals).some((states) => states[one] !== undefined),
  )
  return state === "awaiting-approval" || (occurring.some(isForPerson) && occurring.every(isRest))
}

/** Totals with something in place of each. */
export const mapTotals = <A>(
  totals: ShownTotals,
  of: (tally: Readonly<Tally>, currency: string) => A,
): Record<string, Partial<Record<ItemState, A>>> =>
  Object.fromEntries(
    Object.entries(totals).map(([currency, states]) => [
      currency,
      Object.fromEntries(Object.entries(states).map(([state, tally]) => [state, of(tally, currency)])),
    ]),
  )

/** Minor units of a currency over the items in a state, or over all of them. */
export const sumOf = (totals: ShownTotals, currency: string, only?: ItemState): bigint => {
  let minor = 0n
  for (const [state, tally] of Object.entries(totals[currency] ?? {}))
    if (only === undefined || state === only) minor += tally.minor
  return minor
}

export type ShownItem = ReturnType<typeof shownItem>

/** An item as it is now, with the attempt that was made last. Of its account there is only the masked form. */
export const shownItem = (item: Item) => ({
  item: item.item,
  reference: item.reference,
  beneficiaryName: item.beneficiary.name,
  account: maskedAccount(item.beneficiary.account),
  currency: item.currency,
  minor: item.minor,
  state: item.state,
  ledger: item.ledger,
  bank: item.attempt?.bank,
  transferReference: item.attempt?.reference,
  attempt: item.attempt?.attempt,
  reason: item.reason,
  payee: item.payee,
  clearance: clearanceOf(item),
})

/** The engine's strictest word, once it said one, and what was found. */
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
