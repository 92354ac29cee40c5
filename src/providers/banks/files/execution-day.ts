/** When orders are due in a file, and the day on which a file asks to be executed. */
import type { Day } from "../../../domain/business-days.ts"
import { cutOffOn, dayOf, executionOf, type Scheme } from "../../../domain/scheme.ts"
import { beginningOf, sameDayCutOff } from "../../nacha/entry-dates.ts"
import type { NachaSettings } from "../../nacha/nacha-settings.ts"
import { type VariantChoice, variantOf } from "./variant-settings.ts"

/** The last file of a day is made this long before the cut-off, so that it reaches the bank in time. */
const LEAD_MS = 600_000

/** SEPA Instant Credit Transfers are executed at any hour of any day (EPC004-16). */
const isInstant = (bank: VariantChoice, scheme: Scheme): boolean =>
  scheme === "sepa" && variantOf(bank).instant

/**
 * The latest time at which an order must be in a file: `everyMs` after `at`, but before the cut-off of the day on which it can
 * be executed. All times in epoch milliseconds.
 */
export const dueAt = (bank: VariantChoice, scheme: Scheme, at: number, everyMs: number): number => {
  const cutOff = isInstant(bank, scheme) ? undefined : cutOffOn(scheme, executionOf(scheme, at))
  return Math.min(at + everyMs, ...closingsAfter(at, [cutOff]))
}

/**
 * The same for a bank of files of Nacha: an order also makes the cut-off for the same day. It waits for the day on which it can be executed, because
 * the bank takes only so many files a day.
 */
export const dueOnNacha = (at: number, everyMs: number, nacha: NachaSettings): number => {
  const day = executionOf("ach", at)
  const waitsFrom = nacha.ahead === true ? at : Math.max(at, beginningOf(day))
  const cutOffs = [cutOffOn("ach", day), sameDayCutOff(day, nacha)]
  return Math.min(waitsFrom + everyMs, ...closingsAfter(at, cutOffs))
}

/** The last times before cut-offs at which a file can be made, as far as they are still to come. */
const closingsAfter = (at: number, cutOffs: ReadonlyArray<number | undefined>): ReadonlyArray<number> =>
  cutOffs.flatMap((cutOff) => (cutOff === undefined || cutOff - LEAD_MS <= at ? [] : [cutOff - LEAD_MS]))

/** The day on which a file that is made at `at` (epoch milliseconds) asks to be executed, in the scheme's time zone. */
export const executionDayOf = (bank: VariantChoice, scheme: Scheme, at: number): Day =>
  isInstant(bank, scheme) ? dayOf(scheme, at) : executionOf(scheme, at)
