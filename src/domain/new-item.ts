/** An item of a batch as it was received. */
import type { Item } from "./batch.ts"
import type { PayoutItem } from "./events.ts"

/** Items without findings or earlier attempts share this array, because most have none. */
const none: ReadonlyArray<never> = []

/** An item while it is made. */
type NewItem = Omit<Item, "remittance"> & { -readonly [Field in keyof Pick<Item, "remittance">]: Item[Field] }

/**
 * The item that was received in the event with this version of the log. It names each field: an object that begins as a copy
 * of another is larger, and slower to make and to read.
 */
export const newItem = (accepted: PayoutItem, version: number): Item => {
  const item: NewItem = {
    item: accepted.item,
    reference: accepted.reference,
    beneficiary: accepted.beneficiary,
    currency: accepted.currency,
    minor: accepted.minor,
    state: "received",
    since: version,
    ledger: "none",
    task: "submit",
    place: 0,
    firstClearance: undefined,
    clearance: undefined,
    asked: undefined,
    lastAnswer: undefined,
    findings: none,
    verdict: undefined,
    listVersion: undefined,
    payee: undefined,
    clearanceWithdrawn: false,
    cancelled: false,
    cancellationRefused: false,
    posting: undefined,
    refusal: undefined,
    attempt: undefined,
    earlier: none,
    reroute: undefined,
    attended: false,
    waitedForFunds: false,
    proposal: undefined,
    reason: undefined,
  }
  if (accepted.remittance !== undefined) item.remittance = accepted.remittance
  return item
}
