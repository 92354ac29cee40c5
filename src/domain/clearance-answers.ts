/** The compliance engine's answers about items, and the names of findings, as commands and events have them. */
import { Schema } from "effect"
import { hasAtMost } from "./code-points.ts"
import { ItemNumber } from "./identifiers.ts"
import { ListMatch } from "./list-match.ts"
import { cleanTextWithin, OutsideText, visibleText } from "./outside-text.ts"

/** The compliance engine's decision about an item. */
export const Verdict = Schema.Literals(["approved", "rejected", "review"])
export type Verdict = typeof Verdict.Type

/** Verification of payee: whether the beneficiary's name is the one on the account. */
export const PayeeMatch = Schema.Literals(["match", "close-match", "no-match", "unknown"])
export type PayeeMatch = typeof PayeeMatch.Type

/** What happens to an item whose beneficiary's name is not the one on the account. */
export const PayeePolicy = Schema.Literals(["off", "review", "reject"])
export type PayeePolicy = typeof PayeePolicy.Type

/** The cause of a finding, such as `sanctions`: letters and hyphens only, so it cannot quote an account. */
export const Cause = Schema.String.check(
  Schema.isPattern(/^[a-z][a-z-]{0,39}$/, { message: "expected a cause such as sanctions" }),
)
const isCause = Schema.is(Cause)

/** The engine's answer about one item. */
export const ClearanceAnswer = Schema.Struct({
  item: ItemNumber,
  decision: Verdict,
  reason: Schema.optionalKey(OutsideText),
  payee: Schema.optionalKey(PayeeMatch),
  /** Without a cause it counts as sanctions, the gravest one. Logs of older releases have none. */
  cause: Schema.optionalKey(Cause),
  /** What it found on its lists: for reviewers, never for partners. Logs of older releases have none. */
  matches: Schema.optionalKey(Schema.Array(ListMatch)),
})
export type ClearanceAnswer = typeof ClearanceAnswer.Type

/** Code points of a reason that are kept: a reviewer names the finding by it. */
const REASON_LENGTH_MAX = 200

/** "Name Check" and NAME_CHECK are spellings of name-check. */
const causeOf = (text: string): string =>
  text
    .trim()
    .toLowerCase()
    .replaceAll(/[\s_]+/g, "-")

/** An engine with a protocol of ours does not say what it found. */
const { matches: _, ...withoutMatches } = ClearanceAnswer.fields

/**
 * The same as it comes in: its texts are whatever the engine writes. How a reason is spelt, or how long it is, never keeps a
 * decision from counting.
 */
export const RawClearanceAnswer = Schema.Struct({
  ...withoutMatches,
  reason: Schema.optionalKey(Schema.NullOr(Schema.String)),
  cause: Schema.optionalKey(
    Schema.NullOr(
      Schema.String.check(
        Schema.makeFilter((text: string) => isCause(causeOf(text)) || "expected a cause such as sanctions"),
      ),
    ),
  ),
})
export type RawClearanceAnswer = typeof RawClearanceAnswer.Type

/** An answer with what was found, as `keptMatches` gives it. */
export type AnswerWithMatches = RawClearanceAnswer & Pick<ClearanceAnswer, "matches">

/** An answer with its texts cleaned. The engine does not get the account, but its lists may contain it. */
export const cleanedAnswer = ({ reason, cause, ...answer }: AnswerWithMatches): ClearanceAnswer => {
  // As nearly always.
  if (typeof reason !== "string" && typeof cause !== "string") return answer
  const cleaned = typeof reason === "string" ? cleanTextWithin(reason, REASON_LENGTH_MAX) : ""
  return {
    ...answer,
    ...(cleaned === "" ? {} : { reason: cleaned }),
    ...(typeof cause === "string" ? { cause: causeOf(cause) } : {}),
  }
}

const LIST_VERSION_LENGTH_MAX = 255
/** Units of UTF-16. */
const LIST_VERSION_READ_MAX = 4 * LIST_VERSION_LENGTH_MAX

/** The version of the engine's lists as it is kept: {@link visibleText}, so that each spelling names the same lists. */
export const listVersionOf = visibleText

/** The version of the engine's lists as it comes in: any text of 1 to 255 characters that a person can see. */
export const RawListVersion = Schema.String.check(
  Schema.makeFilter((text: string) => {
    // Whatever is invisible in it: beyond so many, it is not read at all.
    const version = text.length <= LIST_VERSION_READ_MAX ? listVersionOf(text) : ""
    const isNamed = version !== "" && hasAtMost(version, LIST_VERSION_LENGTH_MAX)
    return isNamed || `expected 1 to ${LIST_VERSION_LENGTH_MAX} characters`
  }),
)

/** A decision as an event records it: the engine's answer, or what the batch's policy makes of it. */
export const ClearanceDecision = Schema.Struct({
  ...ClearanceAnswer.fields,
  /** A later clearance repeats a finding that a reviewer has released already. */
  released: Schema.optionalKey(Schema.Literal(true)),
})
export type ClearanceDecision = typeof ClearanceDecision.Type

/**
 * The identity of a finding against an item: its cause, the version of the lists, and the reason. If one of them differs, it
 * is another finding.
 */
export const FindingName = Schema.Struct({
  cause: Cause,
  listVersion: Schema.String,
  reason: Schema.optionalKey(OutsideText),
})
export type FindingName = typeof FindingName.Type
