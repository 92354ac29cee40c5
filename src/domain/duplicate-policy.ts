/**
 * What becomes of a payout that a partner was accepted before: the setting DUPLICATE_PAYOUTS. Two payouts are duplicates
 * when they go to the same account, in the same currency and amount, and share a text that names what is paid.
 */
import { Result } from "effect"

/** Whether duplicates are refused, or accepted with a warning. */
export type DuplicateMode = "refuse" | "warn"

/** Where the text of a payout stands that names what is paid. */
export type DuplicateText = "reference" | "remittance"

export interface DuplicatePolicy {
  readonly mode: DuplicateMode
  /** For how many days an accepted payout is compared with later ones. */
  readonly days: number
  /** Which texts of a new payout are looked for among the references and remittances of earlier ones. */
  readonly compared: ReadonlyArray<DuplicateText>
}

/** By partner, and under "*" for all others; `undefined` is a partner that is not checked. */
export type DuplicatePolicies = ReadonlyMap<string, DuplicatePolicy | undefined>

export const DUPLICATE_DAYS_MAX = 90

const policyPattern = /^(refuse|warn):([0-9]{1,3})(?::(reference|remittance))?$/
const partnerPattern = /^(?:\*|[a-z0-9][a-z0-9-]{0,62})$/

/** Reads "acme=refuse:30,globex=warn:7:reference,initech=off,*=warn:7", or says what is wrong with which entry, and quotes none. */
export const readDuplicatePolicies = (text: string): Result.Result<DuplicatePolicies, string> => {
  const policies = new Map<string, DuplicatePolicy | undefined>()
  for (const [at, entry] of text.split(",").entries()) {
    const which = `entry ${at + 1}`
    const [partner = "", setting = "", ...others] = entry.split("=").map((part) => part.trim())
    if (!partnerPattern.test(partner) || others.length > 0)
      return Result.fail(`${which}: expected partner=mode:days such as acme=refuse:30 or *=warn:7`)
    if (policies.has(partner)) return Result.fail(`${which}: the partner stands there more than once`)
    const policy = readDuplicatePolicy(setting)
    if (Result.isFailure(policy)) return Result.fail(`${which}: ${policy.failure}`)
    policies.set(partner, policy.success)
  }
  return Result.succeed(policies)
}

/** Reads one partner's policy, "refuse:30" or "off" (`undefined`), or says what is wrong with it. */
export const readDuplicatePolicy = (setting: string): Result.Result<DuplicatePolicy | undefined, string> => {
  const policy = setting === "off" ? undefined : policyOf(setting)
  return policy === "malformed"
    ? Result.fail(
        `expected off, or refuse or warn with 1 to ${DUPLICATE_DAYS_MAX} days and, where only one text is ` +
          `to be compared, :reference or :remittance; for example refuse:30 or warn:7:reference`,
      )
    : Result.succeed(policy)
}

const policyOf = (setting: string): DuplicatePolicy | "malformed" => {
  const [, mode, digits, text] = policyPattern.exec(setting) ?? []
  const days = Number(digits)
  if (mode === undefined || days < 1 || days > DUPLICATE_DAYS_MAX) return "malformed"
  return {
    mode: mode === "refuse" ? "refuse" : "warn",
    days,
    compared: text === undefined ? ["reference", "remittance"] : [text === "reference" ? text : "remittance"],
  }
}

/** The policy of a partner; nothing where its payouts are not checked. */
export const duplicatePolicyOf = (
  policies: DuplicatePolicies,
  partner: string,
): DuplicatePolicy | undefined => (policies.has(partner) ? policies.get(partner) : policies.get("*"))
