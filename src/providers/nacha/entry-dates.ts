/**
 * The days of entries, in New York and on the days of the Federal Reserve Banks.
 *
 * Sources: Nacha Operating Rules, Appendix Three (Effective Entry Date); Article Three, Subsection 3.8.1 (an RDFI returns an entry so
 * that it is available to the ODFI by the opening of business on the second banking day after its settlement date);
 * Nacha's Same Day ACH rule (at most 1,000,000 dollars per entry since 2022-03-18).
 */
import { addDays, businessDayAfter, type Day } from "../../domain/business-days.ts"
import { localTime } from "../../domain/local-time.ts"
import { momentIn } from "../../domain/scheme.ts"
import { type NachaSettings, RETURN_BANKING_DAYS } from "./nacha-settings.ts"

const ZONE = "America/New_York"
const CALENDAR = "us-federal-reserve"

/** In cents: an entry of more is never settled on the same day. */
export const SAME_DAY_MINOR_MAX = 100_000_000n

/** What the days of a file's entries depend on. */
export interface FileTimes {
  /** On which the bank processes it. */
  readonly day: Day
  /** Epoch milliseconds. */
  readonly madeAt: number
}

/** The day in New York at a time (epoch milliseconds), and the time there as "HH:MM". */
export const newYork = (at: number) => localTime(ZONE, at)

/** When (epoch milliseconds) a day begins in New York. */
export const beginningOf = (day: Day): number => momentIn(ZONE, day, "00:00")

/** When (epoch milliseconds) a day's entries for the same day have to be at the bank. */
export const sameDayCutOff = (day: Day, { sameDay }: Pick<NachaSettings, "sameDay">): number | undefined =>
  sameDay === undefined ? undefined : momentIn(ZONE, day, sameDay.cutOff)

/**
 * The day on which an entry of so many cents is to settle: that of the file if it is made before the cut-off of the same day and the
 * amount is not too high, else the banking day after it.
 */
export const effectiveDateOf = (
  minor: bigint,
  { day, madeAt }: FileTimes,
  { sameDay }: Pick<NachaSettings, "sameDay">,
): Day => {
  const made = newYork(madeAt)
  const isSameDay =
    sameDay !== undefined && minor <= SAME_DAY_MINOR_MAX && made.day === day && made.time < sameDay.cutOff
  return isSameDay ? day : businessDayAfter(CALENDAR, day, 1)
}

/**
 * When (epoch milliseconds) nothing has come back in time of an entry with this effective date: at the end of the last day on which
 * the bank may pass returns on.
 */
export const returnsEndAt = (effective: Day, { settlesAfter }: Pick<NachaSettings, "settlesAfter">): number =>
  beginningOf(
    addDays(businessDayAfter(CALENDAR, effective, settlesAfter?.bankingDays ?? RETURN_BANKING_DAYS), 1),
  )

/** The last day of which everything that is in time has come back at a time (epoch milliseconds), if entries were effective on it. */
export const lastReturnedDay = (at: number, settings: Pick<NachaSettings, "settlesAfter">): Day => {
  let day = newYork(at).day
  // Sixty banking days, the most that settings have, are fewer than so many days.
  for (let days = 0; days < DAYS_BACK_MAX && returnsEndAt(day, settings) > at; days += 1)
    day = addDays(day, -1)
  return day
}

const DAYS_BACK_MAX = 120
