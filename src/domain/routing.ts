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
import { type Scheme, schemeChangesAt, schemeOf, schemes } from "./scheme.ts"

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
  /** Whether a bank can be sent what goes this way; where it is left out, all can. */
  readonly canCarry?: (bank: string) => boolean
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
    payout: PayoutItem,
    asked: { readonly partner: string; readonly after: Route | undefined },
  ) => Way
}

/** What rules look at of a payout. */
export type RoutedPayout = Pick<PayoutItem, "beneficiary" | "currency" | "minor">

/** The way of a partner's payout: the first rule that holds leads it on, of those whose conditions on it hold. */
export const wayOf = ({ version, rules }: Routing, payout: RoutedPayout, partner: string): Way => {
  const {
    beneficiary: { account },
    currency,
  } = payout
  const changesAt = schemeChangesAt(account, currency)
  const open = openRules(rules, payout, partner, changesAt)
  const key = open.map(({ rule }) => rule).join(" ")
  return {
    key: changesAt === undefined ? key : `${key} (${changesAt})`,
    destination: (circumstances) =>
      destinationBy(version, open, circumstances, schemeOf(account, currency, circumstances.at)),
  }
}

/** The rules that can lead a payout, in their order: what comes after the last of them is never reached. */
const openRules = (
  rules: ReadonlyArray<Rule>,
  payout: RoutedPayout,
  partner: string,
  changesAt: number | undefined,
): ReadonlyArray<Rule> => {
  const open: Array<Rule> = []
  for (const rule of rules) {
    const { when } = rule
    if (when !== undefined && !holds(when, payout, partner, changesAt)) continue
    open.push(rule)
    const isForAWhile = changesAt !== undefined && when?.scheme !== undefined
    if (when?.hours === undefined && when?.health === undefined && !isForAWhile) break
  }
  return open
}

/** Of so many kinds of payouts at most something is kept. Where there are more, all are forgotten, and found again. */
const KINDS_MAX = 4_096

/** The same as `wayOf` for all payouts and partners; the rules are asked once for those that no rule tells apart. */
export const waysBy = (routing: Routing): ((payout: RoutedPayout, partner: string) => Way) =>
  keptBy(routing.rules, (payout, partner) => wayOf(routing, payout, partner))

/** The banks that a partner's payout may go to by the rules, whenever it goes and however the banks are; asked like `waysBy`. */
export const banksBy = (
  rules: ReadonlyArray<Rule>,
): ((payout: RoutedPayout, partner: string) => ReadonlySet<string>) =>
  keptBy(rules, (payout, partner) => {
    const changesAt = schemeChangesAt(payout.beneficiary.account, payout.currency)
    return new Set(openRules(rules, payout, partner, changesAt).flatMap(({ banks }) => banks))
  })

/** Something that follows from the rules, found once for the payouts that no rule tells apart. */
const keptBy = <A>(
  rules: ReadonlyArray<Rule>,
  find: (payout: RoutedPayout, partner: string) => A,
): ((payout: RoutedPayout, partner: string) => A) => {
  const kindOf = kindsBy(rules)
  const kept = new Map<string, A>()
  return (payout, partner) => {
    const kind = kindOf(payout, partner)
    const known = kept.get(kind)
    if (known !== undefined) return known
    const found = find(payout, partner)
    if (kept.size >= KINDS_MAX) kept.clear()
    kept.set(kind, found)
    return found
  }
}

/** A time for what does not change with it. */
const ALWAYS = 0

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
  return ({ beneficiary: { account }, currency, minor }: RoutedPayout, partner: string) => {
    const ofCurrency = currencyIn(currency)
    let ofMinor = bounds.get(ofCurrency)
    if (ofMinor === undefined) {
      ofMinor = boundsOf(conditions, ofCurrency)
      bounds.set(ofCurrency, ofMinor)
    }
    const changesAt = schemeChangesAt(account, currency)
    const scheme = changesAt ?? schemeIn(schemeOf(account, currency, ALWAYS))
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
  { at, isHealthy, canCarry = () => true }: Circumstances,
  scheme: Scheme,
): Destination | undefined => {
  for (const { rule, when, banks } of open) {
    if (when?.hours !== undefined && !isWithin(when.hours, at)) continue
    if (!isAmong(when?.scheme, scheme)) continue
    const able = banks.filter(canCarry)
    const [bank] = when?.health === undefined ? able : able.filter(isHealthy)
    if (bank !== undefined) return { bank, route: { rule, version, others: without(able, bank) } }
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
    destination: ({ isHealthy, canCarry = () => true }) => {
      const able = left.filter(canCarry)
      const bank = able.find(isHealthy) ?? able[0]
      return bank === undefined ? undefined : { bank, route: { ...route, others: without(others, bank) } }
    },
  }
}

const without = (banks: ReadonlyArray<string>, bank: string) => banks.filter((other) => other !== bank)

/**
 * Whether a rule's conditions on the payout hold, except those on the hour and the health of banks. If the payout's scheme changes
 * at some time, the condition on the scheme is checked when the way is asked for a destination.
 */
const holds = (
  { currency, country, scheme, partner, minor }: Conditions,
  payout: RoutedPayout,
  payer: string,
  changesAt: number | undefined,
): boolean => {
  const { account } = payout.beneficiary
  return (
    isAmong(currency, payout.currency) &&
    isAmong(country, account.country) &&
    (changesAt !== undefined || isAmong(scheme, schemeOf(account, payout.currency, ALWAYS))) &&
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
