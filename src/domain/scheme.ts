/**
 * Payment schemes: which one a payout takes, until when in a day it is sent, and when it should arrive.
 *
 * - SEPA credit transfer: credited by the end of the next business day (EPC125-05 rulebook, maximum execution time). It reaches
 *   the countries and territories of sepa-scheme-countries.ts.
 * - UK Faster Payments: any day and hour, within two hours (Pay.UK).
 * - US ACH: credits are available on the banking day after they were sent (Nacha Operating Rules).
 * - Cross-border by BIC: two TARGET business days, as correspondents commonly promise.
 * - Wallets, whose providers credit at once and all day.
 *
 * Cut-off times are the operator's own, a little before the schemes' last windows.
 */
import { isWalletScheme, type VisibleAccount } from "./beneficiary.ts"
import { addDays, businessDayAfter, type Calendar, type Day, isBusinessDay } from "./business-days.ts"
import { localTime } from "./local-time.ts"
import { isInSepa, joinsSepaAt } from "./sepa-scheme-countries.ts"

/** The schemes by which money reaches accounts at banks. */
export const bankSchemes = ["sepa", "faster-payments", "ach", "cross-border"] as const
export type BankScheme = (typeof bankSchemes)[number]

export const schemes = [...bankSchemes, "wallet"] as const
export type Scheme = (typeof schemes)[number]

interface SchemeRules {
  readonly timeZone: string
  /** Absent for a scheme that is open all day, every day. */
  readonly calendar?: Calendar
  /** "HH:MM" in the scheme's time zone: what comes later is sent on the next business day. */
  readonly cutOff?: string
  readonly businessDays: number
  /** For a scheme that counts in hours: how long a payout may take once it is sent. */
  readonly hoursMax?: number
}

const rules: Readonly<Record<Scheme, SchemeRules>> = {
  sepa: { timeZone: "Europe/Brussels", calendar: "target", cutOff: "15:30", businessDays: 1 },
  "faster-payments": { timeZone: "Europe/London", businessDays: 0, hoursMax: 2 },
  ach: { timeZone: "America/New_York", calendar: "us-federal-reserve", cutOff: "16:00", businessDays: 1 },
  "cross-border": { timeZone: "Europe/Brussels", calendar: "target", cutOff: "15:30", businessDays: 2 },
  wallet: { timeZone: "Etc/UTC", businessDays: 0, hoursMax: 24 },
}

type Addressed = Pick<VisibleAccount, "scheme" | "country">

/**
 * The scheme that pays an account in a currency at a time (epoch milliseconds). Euros go by SEPA to the IBANs of its countries and
 * territories alone; euros to other IBANs go across borders.
 */
export const schemeOf = (account: Addressed, currency: string, at: number): Scheme => {
  if (account.scheme === "iban" && currency === "EUR" && isInSepa(account.country ?? "", at)) return "sepa"
  if (account.scheme === "sort-code" && currency === "GBP") return "faster-payments"
  if (account.scheme === "aba" && currency === "USD") return "ach"
  return isWalletScheme(account.scheme) ? "wallet" : "cross-border"
}

/** When (epoch milliseconds) the scheme of an account in a currency changes from cross-border to SEPA; nothing where it never does. */
export const schemeChangesAt = ({ scheme, country }: Addressed, currency: string): number | undefined =>
  scheme === "iban" && currency === "EUR" ? joinsSepaAt(country ?? "") : undefined

/** The day on which a payout that goes out at `at` (epoch milliseconds) is executed, in the scheme's time zone. */
export const executionOf = (scheme: Scheme, at: number): Day => {
  const { timeZone, calendar, cutOff } = rules[scheme]
  const { day, time } = localTime(timeZone, at)
  if (calendar === undefined) return day
  const missed = cutOff !== undefined && isBusinessDay(calendar, day) && time >= cutOff
  return businessDayAfter(calendar, missed ? addDays(day, 1) : day, 0)
}

/** The day that clocks in the scheme's time zone show at `at` (epoch milliseconds), whether it is open then or not. */
export const dayOf = (scheme: Scheme, at: number): Day => localTime(rules[scheme].timeZone, at).day

/**
 * The answers of a calendar, of which the last one of each scheme is kept by its minute: cut-offs and days begin at whole minutes,
 * most questions are about now, and a calendar is slow to ask.
 */
const byMinute = <A>(ask: (scheme: Scheme, at: number) => A): ((scheme: Scheme, at: number) => A) => {
  const last = new Map<Scheme, { readonly minute: number; readonly answer: A }>()
  return (scheme, at) => {
    const minute = Math.floor(at / 60_000)
    const known = last.get(scheme)
    if (known?.minute === minute) return known.answer
    const answer = ask(scheme, at)
    last.set(scheme, { minute, answer })
    return answer
  }
}

/** The day on which a payout that goes out at `at` (epoch milliseconds) should arrive, in the scheme's time zone. */
export const arrivalOf: (scheme: Scheme, at: number) => Day = byMinute((scheme, at) => {
  const { calendar, businessDays } = rules[scheme]
  const execution = executionOf(scheme, at)
  return calendar === undefined ? execution : businessDayAfter(calendar, execution, businessDays)
})

const HOUR_MS = 3_600_000

/**
 * Until when (epoch milliseconds) a payout that may go out at `at` has settled if all is well: the end of the day of its arrival in the
 * scheme's time zone, or so many hours later. The sources are those of the rules above.
 */
export const settlementDueAt = (scheme: Scheme, at: number): number => {
  const { hoursMax } = rules[scheme]
  return hoursMax === undefined ? dayEndOf(scheme, at) : at + hoursMax * HOUR_MS
}

const dayEndOf = byMinute((scheme, at) =>
  momentIn(rules[scheme].timeZone, addDays(arrivalOf(scheme, at), 1), "00:00"),
)

/** Until when (epoch milliseconds) a payout can go out on a day; `undefined` for a scheme that never closes. */
export const cutOffOn = (scheme: Scheme, day: Day): number | undefined => {
  const { timeZone, cutOff } = rules[scheme]
  return cutOff === undefined ? undefined : momentIn(timeZone, day, cutOff)
}

/** When (epoch milliseconds) clocks in a time zone show a day and a time. */
export const momentIn = (timeZone: string, day: Day, time: string): number => {
  const asUtc = Date.parse(`${day}T${time}Z`)
  const there = localTime(timeZone, asUtc)
  return asUtc - (Date.parse(`${there.day}T${there.time}Z`) - asUtc)
}
