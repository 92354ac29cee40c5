/**
 * What a new batch is held to by the settings of its partner, and where they say nothing, by those of the service. They hold for
 * what comes in and never for what the log has: a repetition of what was accepted is answered from the log.
 */
import { Effect, Option, Result } from "effect"
import { AppConfig } from "../../config.ts"
import { type AmountsByCurrency, totalsOf } from "../../domain/approval-threshold.ts"
import type { BatchTerms } from "../../domain/batch-terms.ts"
import { visibleBeneficiaryOf } from "../../domain/beneficiary.ts"
import type { BatchPolicy } from "../../domain/commands.ts"
import {
  type DuplicatePolicy,
  duplicatePolicyOf,
  readDuplicatePolicy,
} from "../../domain/duplicate-policy.ts"
import type { BatchMode } from "../../domain/events.ts"
import type { PartnerId } from "../../domain/identifiers.ts"
import { formatAmount } from "../../domain/money.ts"
import { minorAmounts, type PartnerSettings, type StoredSettings } from "../../domain/partner-settings.ts"
import { schemeOf } from "../../domain/scheme.ts"
import { KeyDirectory } from "../../identity/key-directory.ts"
import { turn } from "../../parsing/turns.ts"
import { type FieldProblem, fieldProblem, PROBLEMS_MAX } from "../edge/field-problem.ts"
import type { BatchRequest, RequestedItem } from "./payout-batch-request.ts"

/** Items that are looked at before other requests get their turn. */
const ITEMS_PER_TURN = 500

/** The amounts that a setting allows, in minor units by currency; no limit if it is `undefined`. */
type Limit = AmountsByCurrency | undefined

export interface PartnerTerms {
  readonly policy: BatchPolicy
  /** Nothing where duplicates are not looked for. */
  readonly duplicates: DuplicatePolicy | undefined
  /** Open batches beyond which no more are accepted; that of the service if it is `undefined`. */
  readonly backlogMax: number | undefined
  readonly modeByDefault: BatchMode
  readonly settings: PartnerSettings
  readonly itemMax: Limit
  readonly batchMax: Limit
  readonly dayMax: Limit
  /** What the log keeps of it; nothing for a partner without settings of its own. */
  readonly recorded: BatchTerms | undefined
}

/** The terms of a partner now. Fails only if its settings changed and cannot be read. */
export const partnerTerms = Effect.fnUntraced(function* (partner: PartnerId) {
  const { policy } = yield* AppConfig
  const stored = yield* (yield* KeyDirectory).settingsOf(partner)
  const { approvalAbove, duplicates, backlogMax, modes, itemMax, batchMax, dayMax } = stored.settings
  return {
    policy: {
      ...policy,
      approvalAbove: approvalAbove === undefined ? policy.approvalAbove : minorAmounts(approvalAbove),
    },
    duplicates:
      duplicates === undefined
        ? duplicatePolicyOf(policy.duplicates, partner)
        : Result.getOrThrowWith(readDuplicatePolicy(duplicates), (problem) => new Error(problem)),
    backlogMax,
    modeByDefault: modes?.[0] ?? "partial",
    settings: stored.settings,
    itemMax: limitOf(itemMax),
    batchMax: limitOf(batchMax),
    dayMax: limitOf(dayMax),
    recorded: recordedOf(stored),
  } satisfies PartnerTerms as PartnerTerms
})

const limitOf = (amounts: Readonly<Record<string, string>> | undefined): Limit =>
  Option.getOrUndefined(Option.map(Option.fromUndefinedOr(amounts), minorAmounts))

const recordedOf = ({ version, settings }: StoredSettings): BatchTerms | undefined =>
  Object.keys(settings).length === 0 ? undefined : { settingsVersion: version, ...settings }

/**
 * What the settings of the partner refuse in a request, the first of it: each names the setting and the place. Schemes are those of
 * the time at which the batch is to be executed, or of now (epoch milliseconds). At most
 * `problemsMax` are given.
 */
export const refusedBySettings = Effect.fnUntraced(function* (
  terms: PartnerTerms,
  request: BatchRequest,
  now: number,
  problemsMax = PROBLEMS_MAX,
) {
  const { settings, itemMax } = terms
  const found = [...problemsOfBatch(terms, request)]
  if (settings.currencies === undefined && settings.schemes === undefined && itemMax === undefined)
    return found.slice(0, problemsMax)
  const at = Math.max(now, request.executeAt ?? 0)
  for (let index = 0; index < request.items.length && found.length < problemsMax; index += 1) {
    if (index > 0 && index % ITEMS_PER_TURN === 0) yield* turn
    const item = request.items[index]
    if (item !== undefined) found.push(...problemsOfItem(terms, item, index, at))
  }
  return found.slice(0, problemsMax)
})

const problemsOfBatch = (
  { settings: { modes }, modeByDefault, batchMax, dayMax }: PartnerTerms,
  { mode = modeByDefault, items }: BatchRequest,
): ReadonlyArray<FieldProblem> => {
  const found: Array<FieldProblem> = []
  if (modes !== undefined && !modes.includes(mode))
    found.push(fieldProblem(["mode"], `the setting modes allows only ${modes.join(" and ")}`))
  if (batchMax === undefined && dayMax === undefined) return found
  for (const [currency, total] of totalsOf(items))
    for (const [setting, limit] of [["batchMax", batchMax] as const, ["dayMax", dayMax] as const]) {
      const problem = problemOf(setting, limit, currency, total)
      if (problem !== undefined) found.push(fieldProblem(["items"], problem))
    }
  return found
}

const problemsOfItem = (
  { settings: { currencies, schemes }, itemMax }: PartnerTerms,
  { beneficiary, currency, minor }: RequestedItem,
  index: number,
  at: number,
): ReadonlyArray<FieldProblem> => {
  const found: Array<FieldProblem> = []
  const add = (path: ReadonlyArray<string>, detail: string) =>
    found.push(fieldProblem(["items", index, ...path], detail))
  if (currencies !== undefined && !currencies.includes(currency))
    add(["amount", "currency"], `the setting currencies does not allow ${currency}`)
  const tooMuch = problemOf("itemMax", itemMax, currency, minor)
  if (tooMuch !== undefined) add(["amount", "value"], tooMuch)
  if (schemes !== undefined) {
    const scheme = schemeOf(visibleBeneficiaryOf(beneficiary).account, currency, at)
    if (!schemes.includes(scheme))
      add(["beneficiary", "account"], `the setting schemes does not allow ${scheme}`)
  }
  return found
}

/** Why an amount is above a limit; `undefined` if it is not. A limit that names some currencies allows nothing in others. */
const problemOf = (setting: string, limit: Limit, currency: string, minor: bigint): string | undefined => {
  if (limit === undefined) return undefined
  const max = limit[currency]
  if (max === undefined) return `the setting ${setting} allows nothing in ${currency}`
  return minor > max
    ? `the setting ${setting} allows at most ${formatAmount(max, currency)} ${currency}`
    : undefined
}
