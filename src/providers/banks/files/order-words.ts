/**
 * What banks say of orders in files, and what is known of an order by all that was said of it. Files come late, twice and
 * in any order, so what is known depends on the set of words alone.
 */
import { type FailureMeaning, holdsForAllCopies, meaningOf } from "../../../domain/failure-codes.ts"

export type OrderWord =
  /** The bank showed that it has the order. */
  | { readonly _tag: "Accepted" }
  | { readonly _tag: "Settled" }
  | { readonly _tag: "Returned"; readonly code: string }
  /** The bank refused the order, by its reference. */
  | { readonly _tag: "Failed"; readonly code: string }
  /** The bank refused the file, or the group of payments, that the order is in. */
  | { readonly _tag: "Refused"; readonly code: string }
  /** Not the bank's, but ours: it was to be taken back, and was in a file by then. */
  | { readonly _tag: "Asked" }

/** Whether a word says that the bank has, or had, the order. */
export const isSign = ({ _tag }: OrderWord): boolean =>
  _tag === "Accepted" || _tag === "Settled" || _tag === "Returned"

/** Whether a refusal may be of another copy of the order: as good as none, once the bank is known to have it. */
export const mayBeOfCopy = (word: OrderWord): boolean =>
  word._tag === "Failed" && !holdsForAllCopies(meaningOf(word.code))

/** What is known of an order that went out. */
export type WordStanding =
  | { readonly _tag: "Accepted" }
  | { readonly _tag: "Settled" }
  | { readonly _tag: "Returned"; readonly code: string }
  /** Refused; `unconfirmed` where a machine has no reason to try again on it. */
  | { readonly _tag: "Failed"; readonly code: string; readonly unconfirmed?: true }
  /** Refused in a way that may be meant for another copy, or for more than this order: a person finds out. */
  | { readonly _tag: "Unclear"; readonly reason: string }

/** A word as it is written down. */
export const wordKeyOf = (word: OrderWord): string => {
  const kind = word._tag.toLowerCase()
  return "code" in word ? `${kind} ${word.code}` : kind
}

/** The word that was written down. */
export const wordOf = (key: string): OrderWord => {
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
      throw new Error("a word of a bank is none that is written here")
  }
}

export const standingBy = (words: ReadonlyArray<OrderWord>): WordStanding => {
  const returned = words.find((word) => word._tag === "Returned")
  if (returned !== undefined) return returned
  if (words.some(({ _tag }) => _tag === "Settled")) return { _tag: "Settled" }
  const isAcknowledged = words.some(({ _tag }) => _tag === "Accepted")
  const refusals = words.filter((word) => word._tag === "Failed").map(({ code }) => code)
  const final = refusals.sort().find((code) => isFinal(meaningOf(code), isAcknowledged))
  if (final !== undefined) {
    const leadsOn = meaningOf(final)?.retryable ?? false
    return { _tag: "Failed", code: final, ...(leadsOn ? { unconfirmed: true as const } : {}) }
  }
  const [refusal] = refusals
  const unclear = (reason: string): WordStanding => ({
    _tag: "Unclear",
    reason: isAcknowledged ? `${reason}, and has shown that it has it` : reason,
  })
  if (refusal !== undefined)
    return unclear(`the bank refused it with the code ${refusal}, which may be meant for another copy of it`)
  const whole = words.find((word) => word._tag === "Refused")
  if (whole !== undefined)
    return unclear(`the bank refused with the code ${whole.code} the whole file that it is in`)
  return { _tag: "Accepted" }
}

/**
 * Whether somebody may act as if the bank had not an order, so that a sign that it has is news: it was refused in some way,
 * or was to be taken back, as one is that a person says has failed.
 */
export const isInDoubt = (words: ReadonlyArray<OrderWord>): boolean =>
  words.some(({ _tag }) => _tag === "Failed" || _tag === "Refused" || _tag === "Asked") &&
  !words.some((word) => word._tag === "Failed" && !mayBeOfCopy(word))

/**
 * Whether a refusal by name is final. Once the bank has shown that it has the order, only one that holds for every copy is:
 * any other may be of a second one. Before that, all are but an outage, a missed cut-off, and what another bank could mend:
 * that one would be paid there, and nobody can be asked whether it is meant, so it is a person's. A bank that gives no
 * reason and says so (MS03) is final like every other; one without a code counts like one whose code nobody has mapped.
 */
const isFinal = (meaning: FailureMeaning | undefined, isAcknowledged: boolean): boolean => {
  // Failed by its record, and parked by whoever hears it: a code that nobody has mapped is left to a person.
  if (meaning === undefined) return true
  return isAcknowledged ? holdsForAllCopies(meaning) : !meaning.reroutable
}
