/** How a provider is called, as data that an operator can change in the providers' file. */
import { Schema } from "effect"

const HOUR_MS = 3_600_000

const between = (minimum: number, maximum: number) =>
  Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum, maximum })))

const Retries = Schema.Struct({
  /** The most calls in all, the first one included. */
  attemptsMax: between(1, 10),
  /** The pause before the n-th retry is drawn between 0 and this, doubled n - 1 times. */
  baseMs: between(1, HOUR_MS),
  /** The longest pause. */
  capMs: between(1, HOUR_MS),
  /** Retries per 100 calls; more would only add to the load of a provider in trouble. */
  budgetPercent: between(0, 100),
})

const Breaker = Schema.Struct({
  /** The percentage of failures among the last {@link Breaker.calls} calls that opens the breaker. */
  failurePercent: between(1, 100),
  /** How many of the last calls it counts. */
  calls: between(1, 1_000),
  /** It does not open before this many calls. */
  callsMin: between(1, 1_000),
  /** How long it stays open before it admits a trial call. */
  openMs: between(1, HOUR_MS),
})

/** The policy of one provider in the settings. */
export const PolicyFields = Schema.Struct({
  /** From the start of a call to the last byte of its answer. */
  timeoutMs: between(1, 10_000_000),
  /** Calls under way at a time in one process. */
  concurrency: between(1, 10_000),
  /** Calls under way at a time in all processes together. */
  concurrencyOfAll: between(1, 100_000),
  /** Calls per second in all processes together. */
  ratePerSecond: between(1, 100_000),
  /** How long a transfer waits while the channel admits no calls. */
  patienceMs: between(0, HOUR_MS),
  /** The longest pause that we grant a provider on its request. */
  pauseMsMax: between(0, HOUR_MS),
  retries: Schema.optionalKey(Retries),
  breaker: Schema.optionalKey(Breaker),
})
export type PolicyFields = typeof PolicyFields.Type

/** How a provider is called. The limits over all processes are optional. */
export interface CallPolicy extends Required<Omit<PolicyFields, "concurrencyOfAll" | "ratePerSecond">> {
  readonly concurrencyOfAll?: number
  readonly ratePerSecond?: number
  readonly retries: Required<typeof Retries.Type>
  readonly breaker: Required<typeof Breaker.Type>
}

const RETRIES = { attemptsMax: 3, baseMs: 100, capMs: 2_000, budgetPercent: 20 }
const BREAKER = { failurePercent: 50, calls: 20, callsMin: 10, openMs: 5_000 }

/** The policy of the settings, completed with defaults. */
export const policyOf = (
  { retries, breaker, ...given }: PolicyFields,
  fallback: Pick<CallPolicy, "timeoutMs" | "concurrency">,
): CallPolicy => ({
  patienceMs: 30_000,
  pauseMsMax: 60_000,
  ...fallback,
  ...given,
  retries: { ...RETRIES, ...retries },
  breaker: { ...BREAKER, ...breaker },
})
