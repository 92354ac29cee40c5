/**
 * The reports of banks on orders in files, and the state of an order that follows from all its reports. Files arrive late,
 * twice and in any order, so the state depends on the set of reports alone.
 */
import { type FailureMeaning, holdsForAllCopies, meaningOf } from "../../../domain/failure-codes.ts"

export type OrderReport =
  /** The bank showed that it has the order. */
  | { readonly _tag: "Accepted" }
  | { readonly _tag: "Settled" }
  | { readonly _tag: "Returned"; readonly code: string }
  /** The bank refused the order, by its reference. */
  | { readonly _tag: "Failed"; readonly code: string }
  /** The bank refused the file or the payment that the order is in. */
  | { readonly _tag: "Refused"; readonly code: string }
  /** Not the bank's report, but ours: the order was to be withdrawn, but was in a complete file by then. */
  | { readonly _tag: "Asked" }

/** Whether a report shows that the bank has, or had, the order. */
export const showsReceipt = ({ _tag }: OrderReport): boolean =>
  _tag === "Accepted" || _tag === "Settled" || _tag === "Returned"

/**
 * Whether a refusal may concern another copy of the order. Such a refusal does not count once the bank is known to have the
 * order.
 */
export const mayBeOfCopy = (report: OrderReport): boolean =>
  report._tag === "Failed" && !holdsForAllCopies(meaningOf(report.code))

/** The state of an order that was sent. */
export type ReportedStanding =
  | { readonly _tag: "Accepted" }
  | { readonly _tag: "Settled" }
  | { readonly _tag: "Returned"; readonly code: string }
  /** Refused; `unconfirmed` if policy must not retry it on this report. */
  | { readonly _tag: "Failed"; readonly code: string; readonly unconfirmed?: true }
  /** Refused in a way that may concern another copy, or more than this order: an operator has to find out. */
  | { readonly _tag: "Unclear"; readonly reason: string }

/** A report as it is stored. */
export const reportKeyOf = (report: OrderReport): string => {
  const kind = report._tag.toLowerCase()
  return "code" in report ? `${kind} ${report.code}` : kind
}

/** The report that was stored under this key. Throws for an unknown key. */
export const reportOf = (key: string): OrderReport => {
  const [kind, code = ""] = key.split(" ", 2)
  switch (kind) {
    case "accepted":
      return { _tag: "Accepted" }
    case "settled":
      return { _tag: "Settled" }
    case "returned":
      return { _tag: "Returned", code }
    case "failed":
      return { _tag: "Failed", code }
    case "refused":
      return { _tag: "Refused", code }
    case "asked":
      return { _tag: "Asked" }
    default:
      throw new Error("a stored report of a bank has an unknown kind")
  }
}

export const standingBy = (reports: ReadonlyArray<OrderReport>): ReportedStanding => {
  const returned = reports.find((report) => report._tag === "Returned")
  if (returned !== undefined) return returned
  if (reports.some(({ _tag }) => _tag === "Settled")) return { _tag: "Settled" }
  const isAcknowledged = reports.some(({ _tag }) => _tag === "Accepted")
  const refusals = reports.filter((report) => report._tag === "Failed").map(({ code }) => code)
  const final = refusals.sort().find((code) => isFinal(meaningOf(code), isAcknowledged))
  if (final !== undefined) {
    const leadsOn = meaningOf(final)?.retryable ?? false
    return { _tag: "Failed", code: final, ...(leadsOn ? { unconfirmed: true as const } : {}) }
  }
  const [refusal] = refusals
  const unclear = (reason: string): ReportedStanding => ({
    _tag: "Unclear",
    reason: isAcknowledged ? `${reason}, and has shown that it has the order` : reason,
  })
  if (refusal !== undefined)
    return unclear(`the bank refused it with the code ${refusal}, which may concern another copy of it`)
  const whole = reports.find((report) => report._tag === "Refused")
  if (whole !== undefined)
    return unclear(`the bank refused with the code ${whole.code} the whole file that it is in`)
  return { _tag: "Accepted" }
}

/**
 * Whether somebody may act as if the bank does not have an order, so that its batch must be notified if the bank does have it:
 * the order was refused in some way, or was to be withdrawn, as when an operator resolved it as failed.
 */
export const isInDoubt = (reports: ReadonlyArray<OrderReport>): boolean =>
  reports.some(({ _tag }) => _tag === "Failed" || _tag === "Refused" || _tag === "Asked") &&
  !reports.some((report) => report._tag === "Failed" && !mayBeOfCopy(report))

/**
 * Whether a refusal by name is final. Once the bank has shown that it has the order, only a refusal that applies to every copy
 * is final, because any other may concern a second copy. Before that, every refusal is final but an outage, a missed cut-off,
 * or a reason that another bank may not have: the other bank would pay as well, and nobody can ask whether the refusal is
 * meant, so an operator decides. A bank that says that it gives no reason (MS03) is believed. A refusal without a code counts
 * like one with an unmapped code.
 */
const isFinal = (meaning: FailureMeaning | undefined, isAcknowledged: boolean): boolean => {
  // A code without a mapping: failed here, and the batch parks the item for an operator to decide.
  if (meaning === undefined) return true
  return isAcknowledged ? holdsForAllCopies(meaning) : !meaning.reroutable
}
