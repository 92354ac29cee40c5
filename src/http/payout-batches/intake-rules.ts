/**
 * What a new batch is held to besides its form. Rules change with settings, releases and days, so they hold for what comes in
 * and never for what the log has: a repetition of what was accepted is answered from the log, whatever the rules are now.
 */
import type { BeneficiaryAccount } from "../../domain/beneficiary.ts"
import { utcDay } from "../../domain/business-days.ts"
import { currencyProblem } from "../../domain/currency.ts"
import { type ModulusPolicy, passesModulusCheck } from "../../domain/uk-modulus.ts"
import { instantOf } from "../../domain/written-time.ts"

export interface IntakeRules {
  /** How far ahead of its arrival, and how far behind, a batch's `executeAt` may lie, in milliseconds. */
  readonly executeAheadMsMax: number
  readonly executePastMsMax: number
  readonly ukModulus: ModulusPolicy
}

/** For a check before the batch is sent: the service applies the rules that depend on its settings. */
export const leftToTheService: IntakeRules = {
  executeAheadMsMax: Number.POSITIVE_INFINITY,
  executePastMsMax: Number.POSITIVE_INFINITY,
  ukModulus: "off",
}

const DAY_MS = 86_400_000

/** Why a batch that comes at `now` may not be executed at a time (both epoch milliseconds); `undefined` if it may. */
export const executeAtProblem = (
  executeAt: number,
  now: number,
  { executeAheadMsMax, executePastMsMax }: IntakeRules,
): string | undefined => {
  if (executeAt > now + executeAheadMsMax)
    return `expected a time within ${Math.floor(executeAheadMsMax / DAY_MS)} days from now`
  if (executeAt < now - executePastMsMax)
    return `expected a time that is at most ${Math.floor(executePastMsMax / DAY_MS)} days ago`
  return undefined
}

/**
 * Judges the currencies of one batch, each once: they have to be payable on the day on which it comes, and on the day for
 * which it is scheduled.
 */
export class CurrenciesInUse {
  readonly #days: ReadonlyArray<string>
  readonly #problems = new Map<string, string | undefined>()

  /** `executeAt` as the request has it, whether it is a time or not. */
  constructor(now: number, executeAt: unknown) {
    const due = typeof executeAt === "string" ? instantOf(executeAt) : undefined
    this.#days = due === undefined || due <= now ? [utcDay(now)] : [utcDay(now), utcDay(due)]
  }

  problemOf(currency: string): string | undefined {
    if (!this.#problems.has(currency))
      this.#problems.set(currency, this.#days.map((day) => currencyProblem(currency, day)).find(Boolean))
    return this.#problems.get(currency)
  }
}

/** Whether an account is British, by its sort code or its IBAN, and its number cannot belong to its sort code. */
export const failsModulusCheck = (account: BeneficiaryAccount): boolean => {
  if (account.scheme === "sort-code") return !passesModulusCheck(account.sortCode, account.accountNumber)
  if (account.scheme !== "iban" || !account.iban.startsWith("GB")) return false
  // GB, check digits, four letters of the bank, sort code, account number.
  return !passesModulusCheck(account.iban.slice(8, 14), account.iban.slice(14))
}

/** The field of an account that fails the check. */
export const modulusField = ({ scheme }: BeneficiaryAccount): string =>
  scheme === "iban" ? "iban" : "accountNumber"

export const MODULUS_FAILED = "the account number cannot belong to the sort code (UK modulus check)"
