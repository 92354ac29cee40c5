import type { Day } from "./business-days.ts"

/** What clocks show somewhere: the day, and the time as "HH:MM". */
export interface LocalTime {
  readonly day: Day
  readonly time: string
}

/** One formatter per time zone that rules or settings name; making one takes longer than using it a thousand times. */
const formats = new Map<string, Intl.DateTimeFormat>()

/** Since then, every zone differs from UTC by whole minutes: Liberia was the last, on 1972-01-07 (IANA tzdb). */
const WHOLE_MINUTES_SINCE = Date.UTC(1972, 0, 8)

/** The minute (since the epoch) and the answer of the last question about each zone: most questions are about now. */
const lastAsked = new Map<string, { readonly minute: number; readonly local: LocalTime }>()

/** The time in an IANA time zone at `at` (epoch milliseconds). Throws a RangeError for a zone that there is not. */
export const localTime = (timeZone: string, at: number): LocalTime => {
  const minute = Math.floor(at / 60_000)
  const last = lastAsked.get(timeZone)
  if (last?.minute === minute && at >= WHOLE_MINUTES_SINCE) return last.local
  // Swedish dates are ISO 8601: "2026-11-23 16:05".
  const [day = "", time = ""] = formatIn(timeZone).format(at).split(" ")
  const local = { day, time }
  lastAsked.set(timeZone, { minute, local })
  return local
}

export const isTimeZone = (name: string): boolean => {
  try {
    return formatIn(name) !== undefined
  } catch {
    return false
  }
}

const formatIn = (timeZone: string): Intl.DateTimeFormat => {
  const known = formats.get(timeZone)
  if (known !== undefined) return known
  const made = new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short", timeStyle: "short" })
  formats.set(timeZone, made)
  return made
}
