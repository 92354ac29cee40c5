/** The words of the compliance engine on items, and what tells them apart, as commands and events carry them. */
import { Schema } from "effect"
import { PlainText } from "./beneficiary.ts"
import { ItemNumber } from "./identifiers.ts"
import { cleanText, OutsideText } from "./outside-text.ts"

/** The compliance engine's answer on an item. */
export const Verdict = Schema.Literals(["approved", "rejected", "review"])
export type Verdict = typeof Verdict.Type

/** Verification of payee: whether the beneficiary's name is the one on the account. */
export const PayeeMatch = Schema.Literals(["match", "close-match", "no-match", "unknown"])
export type PayeeMatch = typeof PayeeMatch.Type

/** What becomes of an item whose beneficiary's name is not the one on the account. */
export const PayeePolicy = Schema.Literals(["off", "review", "reject"])
export type PayeePolicy = typeof PayeePolicy.Type

/** What a answer of the compliance engine is about, such as `sanctions`: letters and hyphens, so it quotes no account. */
export const Cause = Schema.String.check(
  Schema.isPattern(/^[a-z][a-z-]{0,39}$/, { message: "expected a cause such as sanctions" }),
)

/** What the compliance engine said of one item. */
export const ClearanceAnswer = Schema.Struct({
  item: ItemNumber,
  decision: Verdict,
  reason: Schema.optionalKey(OutsideText),
  payee: Schema.optionalKey(PayeeMatch),
  /** Sanctions where it is not said, as in logs from before causes were named: nothing is graver. */
  cause: Schema.optionalKey(Cause),
})
export type ClearanceAnswer = typeof ClearanceAnswer.Type

/** The same as the engine says it: its text is a stranger's. */
export const RawClearanceAnswer = Schema.Struct({
  ...ClearanceAnswer.fields,
  reason: Schema.optionalKey(PlainText(200)),
})
export type RawClearanceAnswer = typeof RawClearanceAnswer.Type

/** A answer of the engine with its text cleaned. The engine is not told the account, and its lists may hold it all the same. */
export const cleanedAnswer = ({ reason, ...answer }: RawClearanceAnswer): ClearanceAnswer =>
  reason === undefined ? answer : { ...answer, reason: cleanText(reason) }

/** What is kept of the engine's answer on one item, or made of it by the batch's policy. */
export const ClearanceDecision = Schema.Struct({
  ...ClearanceAnswer.fields,
  /** It is what a reviewer has released already, said again by a later clearance. */
  released: Schema.optionalKey(Schema.Literal(true)),
})
export type ClearanceDecision = typeof ClearanceDecision.Type

/**
 * What tells one finding against an item from another: what it is about, the lists that it was made by, and the reason that
 * was given. Whatever differs in one of them is another finding.
 */
export const FindingName = Schema.Struct({
  cause: Cause,
  listVersion: Schema.String,
  reason: Schema.optionalKey(OutsideText),
})
export type FindingName = typeof FindingName.Type
