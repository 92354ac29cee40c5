/**
 * Which bank pays a payout: ordered rules, as data. The first rule whose conditions hold names the banks, in the order in
 * which they are tried. The choice goes into the log with the intent, so a replay does not need the rules.
 */
import { Array as Arr, Schema } from "effect"
import { weekdayOf } from "./business-days.ts"
import type { PayoutItem, Route } from "./events.ts"
import { ATTEMPTS_MAX, PartnerId } from "./identifiers.ts"
import { isTimeZone, localTime } from "./local-time.ts"
import { Currency, MINOR_UNITS_MAX } from "./money.ts"
import { schemeOf, schemes } from "./scheme.ts"

export const RULES_MAX = 200
const VALUES_MAX = 500

const some = <A>(value: Schema.Codec<A, string>) =>
  Schema.NonEmptyArray(value).check(Schema.isMaxLength(VALUES_MAX), Schema.isUnique())

/** The name of a bank. It is part of logs, of callback addresses and of metrics. */
export const BankName = Schema.String.check(
  Schema.isPattern(/^[a-z0-9-]{1,32}$/, {
    message: "expected a name of 1 to 32 lower-case letters, digits and hyphens",
  }),
)

const RuleName = Schema.String.check(
  Schema.isPattern(/^[\w*.-]{1,64}$/, {
    message: "expected a name of 1 to 64 letters, digits, hyphens, dots or stars",
  }),
)

/** Minor units as digits, so that no reader of JSON rounds them. */
const Minor = Schema.BigIntFromString.check(
  Schema.makeFilter((minor: bigint) => (minor >= 0n && minor <= MINOR_UNITS_MAX) || "expected minor units"),
)

const TimeOfDay = Schema.String.check(
  Schema.isPattern(/^([01][0-9]|2[0-3]):[0-5][0-9]$/, { message: "expected a time such as 07:30" }),
)

/** As `weekdayOf` counts. */
const weekdays = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"] as const

/** When the attempt is made: on some days, from one time and before another, in a time zone. */
const Hours = Schema.Struct({
  zone: Schema.String.check(
    Schema.makeFilter((zone: string) => isTimeZone(zone) || "expected a time zone such as Europe/Brussels"),
  ),
  weekdays: Schema.optionalKey(some(Schema.Literals(weekdays))),
  from: Schema.optionalKey(TimeOfDay),
  before: Schema.optionalKey(TimeOfDay),
}).check(
  Schema.makeFilter(
    ({ from = "00:00", before = "24:00" }) =>
      from < before || "from has to be earlier than before: a night is two rules",
  ),
)

/** The conditions on a payout. All have to hold; within one condition, any of its values is enough. */
const Conditions = Schema.Struct({
  currency: Schema.optionalKey(some(Currency)),
  /** The country of the beneficiary's account, if its IBAN or BIC names one. */
  country: Schema.optionalKey(
    some(Schema.String.check(Schema.isPattern(/^[A-Z]{2}$/, { message: "expected a country such as DE" }))),
  ),
  scheme: Schema.optionalKey(some(Schema.Literals(schemes))),
  partner: Schema.optionalKey(some(PartnerId)),
  minor: Schema.optionalKey(
    Schema.Struct({ atLeast: Schema.optionalKey(Minor), atMost: Schema.optionalKey(Minor) }),
  ),
  hours: Schema.optionalKey(Hours),
  /** Only banks whose breaker is closed count. The rule holds while there is one. */
  health: Schema.optionalKey(Schema.Literal("closed")),
}).check(
  Schema.makeFilter(
    ({ minor, currency }) =>
      minor === undefined || currency?.length === 1 || "minor units are of one currency: name it",
  ),
)
type Conditions = typeof Conditions.Type

export const Rule = Schema.Struct({
  rule: RuleName,
  when: Schema.optionalKey(Conditions),
  /** In the order in which they are tried. */
  banks: Schema.NonEmptyArray(BankName).check(Schema.isMaxLength(ATTEMPTS_MAX), Schema.isUnique()),
})
export type Rule = typeof Rule.Type

export const Rules = Schema.NonEmptyArray(Rule).check(Schema.isMaxLength(RULES_MAX))

/** Rules in order, and the version of the document that they came from. */
export interface Routing {
  readonly version: string
  readonly rules: ReadonlyArray<Rule>
}

/** The first problem with the rules together, as a sentence that names the rule; `undefined` if there is none. */
export const problemOf = (rules: ReadonlyArray<Rule>, banks: ReadonlySet<string>): string | undefined => {
  for (const [index, { rule, banks: named, when }] of rules.entries()) {
    const stranger = named.find((bank) => !banks.has(bank))
    if (stranger !== undefined) return `${rule} leads to no bank of banks: ${stranger}`
    if (rules.findIndex((other) => other.rule === rule) < index) return `${rule} is there twice`
    if (when === undefined && index < rules.length - 1)
      return `${rule} takes all: no rule after it is reached`
  }
  return undefined
}

/** The time of a choice in epoch milliseconds, and which banks are healthy then. */
export interface Circumstances {
  readonly at: number
  readonly isHealthy: (bank: string) => boolean
}

export interface Destination {
  readonly bank: string
  readonly route: Route
  /** The bank's orders wait with us before they are sent. */
  readonly withdrawable?: true
}

/** Decides where payouts go, given the hour and the health of banks. Payouts with the same key go the same way. */
export interface Way {
  readonly key: string
  /** Where they go in these circumstances; `undefined` if nowhere. */
  readonly destination: (circumstances: Circumstances) => Destination | undefined
}

/** The ways of payouts by one version of the rules. */
export interface Routes {
  readonly version: string
  /** The way by the first rule that holds, or `after` a refusal along the route of the refused attempt. */
  readonly wayOf: (
    payout: Pick<PayoutItem, "beneficiary" | "currency" | "minor">,
    asked: { readonly partner: string; readonly after: Route | undefined },
  ) => Way
}

/** The way of a partner's payout: the rules whose conditions on it hold. The first that holds at the time decides. */
export const wayOf = (
  { version, rules }: Routing,
  payout: Pick<PayoutItem, "beneficiary" | "currency" | "minor">,
  partner: string,
): Way => {
  const open: Array<Rule> = []
  for (const rule of rules) {
    if (rule.when !== undefined && !holds(rule.when, payout, partner)) continue
    open.push(rule)
    // No rule after it is ever reached.
    if (rule.when?.hours === undefined && rule.when?.health === undefined) break
  }
  return {
    key: open.map(({ rule }) => rule).join(" "),
    destination: (circumstances) => destinationBy(version, open, circumstances),
  }
}

/** Kinds of payouts whose ways are cached. Beyond that, the cache is emptied. */
const KINDS_MAX = 4_096

/** `wayOf` with a cache: the rules run once for all payouts that no rule distinguishes. */
export const waysBy = (routing: Routing): ((payout: Parameters<typeof wayOf>[1], partner: string) => Way) => {
  const kindOf = kindsBy(routing.rules)
  const ways = new Map<string, Way>()
  return (payout, partner) => {
    const kind = kindOf(payout, partner)
    const known = ways.get(kind)
    if (known !== undefined) return known
    const way = wayOf(routing, payout, partner)
    if (ways.size >= KINDS_MAX) ways.clear()
    ways.set(kind, way)
    return way
  }
}

/** A key of everything that rules can see of a payout. Values that no condition names are not distinguished. */
const kindsBy = (rules: ReadonlyArray<Rule>) => {
  const conditions = rules.flatMap(({ when }) => when ?? [])
  const named = <A>(of: (when: Conditions) => ReadonlyArray<A> | undefined) => {
    const values = new Set(conditions.flatMap((when) => of(when) ?? []))
    return (value: A | undefined) => (value !== undefined && values.has(value) ? value : "")
  }
  const currencyIn = named(({ currency }) => currency)
  const countryIn = named(({ country }) => country)
  const schemeIn = named(({ scheme }) => scheme)
  const partnerIn = named(({ partner }) => partner)
  const bounds = new Map<string, ReadonlyArray<bigint>>()
  return ({ beneficiary: { account }, currency, minor }: Parameters<typeof wayOf>[1], partner: string) => {
    const ofCurrency = currencyIn(currency)
    let ofMinor = bounds.get(ofCurrency)
    if (ofMinor === undefined) {
      ofMinor = boundsOf(conditions, ofCurrency)
      bounds.set(ofCurrency, ofMinor)
    }
    const scheme = schemeIn(schemeOf(account, currency))
    return `${ofCurrency} ${countryIn(account.country)} ${scheme} ${rankOf(minor, ofMinor)} ${partnerIn(partner)}`
  }
}

/** The amounts at which other conditions begin to hold, in ascending order. */
const boundsOf = (conditions: ReadonlyArray<Conditions>, currency: string): ReadonlyArray<bigint> => {
  const bounds = conditions.flatMap(({ minor, currency: own }) => {
    if (minor === undefined || (own !== undefined && !Arr.contains(own, currency))) return []
    const { atLeast, atMost } = minor
    return [...(atLeast === undefined ? [] : [atLeast]), ...(atMost === undefined ? [] : [atMost + 1n])]
  })
  return [...new Set(bounds)].sort((one, other) => (one < other ? -1 : 1))
}

/** How many of the bounds an amount has reached. */
const rankOf = (minor: bigint, bounds: ReadonlyArray<bigint>): number => {
  let [low, high] = [0, bounds.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (minor >= (bounds[middle] ?? 0n)) low = middle + 1
    else high = middle
  }
  return low
}

const destinationBy = (
  version: string,
  open: ReadonlyArray<Rule>,
  { at, isHealthy }: Circumstances,
): Destination | undefined => {
  for (const { rule, when, banks } of open) {
    if (when?.hours !== undefined && !isWithin(when.hours, at)) continue
    const [bank] = when?.health === undefined ? banks : banks.filter(isHealthy)
    if (bank !== undefined) return { bank, route: { rule, version, others: without(banks, bank) } }
  }
  return undefined
}

/**
 * The way of a payout after a refusal that other banks may not share: to the next bank of its rule, a healthy one if there is
 * one; nowhere if none of them is configured any more.
 */
export const wayAfter = (after: Route, isKnown: (bank: string) => boolean): Way => {
  const { others = [], ...route } = after
  const left = others.filter(isKnown)
  return {
    key: JSON.stringify([route.rule, route.version, others]),
    destination: ({ isHealthy }) => {
      const bank = left.find(isHealthy) ?? left[0]
      return bank === undefined ? undefined : { bank, route: { ...route, others: without(others, bank) } }
    },
  }
}

const without = (banks: ReadonlyArray<string>, bank: string) => banks.filter((other) => other !== bank)

/** Whether a rule's conditions on the payout hold, except those on the hour and the health of banks. */
const holds = (
  { currency, country, scheme, partner, minor }: Conditions,
  payout: Pick<PayoutItem, "beneficiary" | "currency" | "minor">,
  payer: string,
): boolean => {
  const { account } = payout.beneficiary
  return (
    isAmong(currency, payout.currency) &&
    isAmong(country, account.country) &&
    isAmong(scheme, schemeOf(account, payout.currency)) &&
    isAmong(partner, payer) &&
    payout.minor >= (minor?.atLeast ?? payout.minor) &&
    payout.minor <= (minor?.atMost ?? payout.minor)
  )
}

const isAmong = <A>(values: ReadonlyArray<A> | undefined, value: A | undefined): boolean =>
  values === undefined || (value !== undefined && Arr.contains(values, value))

const isWithin = (
  { zone, weekdays: days, from = "00:00", before = "24:00" }: typeof Hours.Type,
  at: number,
) => {
  const { day, time } = localTime(zone, at)
  return isAmong(days, weekdays[weekdayOf(day)]) && from <= time && time < before
}
