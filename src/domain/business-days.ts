/**
 * Business days of the payment schemes, as rules that give every year's closing days.
 *
 * - TARGET (T2) closes on 1 January, Good Friday, Easter Monday, 1 May, 25 and 26 December (ECB, long-term calendar).
 * - The Federal Reserve Banks close on eleven holidays; one on a Sunday moves to Monday, one on a Saturday stays
 *   (Federal Reserve Bank Services, holiday schedules).
 * - England and Wales have eight bank holidays; one on a weekend moves to the next weekday that is none
 *   (Banking and Financial Dealings Act 1971).
 *
 * Days are plain dates, "2026-11-23", without a time zone: which day it is somewhere is `scheme.ts`'s question.
 */

/** A calendar date, "YYYY-MM-DD". */
export type Day = string

/** The day in UTC of a moment, in milliseconds since the Unix epoch. */
export const utcDay = (at: number): Day => new Date(at).toISOString().slice(0, 10)

export type Calendar = "target" | "us-federal-reserve" | "england-and-wales"

export const isBusinessDay = (calendar: Calendar, day: Day): boolean => {
  const weekday = weekdayOf(day)
  return (
    weekday !== SATURDAY && weekday !== SUNDAY && !closingDays(calendar, Number(day.slice(0, 4))).has(day)
  )
}

/** The day that is `count` business days after a day; 0 gives the day itself, or the next business day if it is none. */
export const businessDayAfter = (calendar: Calendar, day: Day, count: number): Day => {
  let left = count
  let current = nextOpen(calendar, day)
  while (left > 0) {
    current = nextOpen(calendar, addDays(current, 1))
    left -= 1
  }
  return current
}

/** No calendar closes for longer than this. */
const CLOSED_DAYS_MAX = 10

const nextOpen = (calendar: Calendar, from: Day): Day => {
  for (let ahead = 0; ahead <= CLOSED_DAYS_MAX; ahead += 1) {
    const day = addDays(from, ahead)
    if (isBusinessDay(calendar, day)) return day
  }
  throw new Error(`no business day within ${CLOSED_DAYS_MAX} days of ${from}`)
}

const SUNDAY = 0
const MONDAY = 1
const THURSDAY = 4
const SATURDAY = 6
const DAY_MS = 86_400_000

export const addDays = (day: Day, count: number): Day => dayOf(Date.parse(day) + count * DAY_MS)

const dayOf = (ms: number): Day => new Date(ms).toISOString().slice(0, 10)

/** From 0, a Sunday. */
export const weekdayOf = (day: Day): number => new Date(day).getUTCDay()

const date = (year: number, month: number, day: number): Day => dayOf(Date.UTC(year, month - 1, day))

const rules: Readonly<Record<Calendar, (year: number) => ReadonlyArray<Day>>> = {
  target: (year) => [
    date(year, 1, 1),
    addDays(easter(year), -2),
    addDays(easter(year), 1),
    date(year, 5, 1),
    date(year, 12, 25),
    date(year, 12, 26),
  ],
  "us-federal-reserve": (year) => [
    ...[date(year, 1, 1), date(year, 6, 19), date(year, 7, 4), date(year, 11, 11), date(year, 12, 25)].map(
      (day) => (weekdayOf(day) === SUNDAY ? addDays(day, 1) : day),
    ),
    nth(year, 1, MONDAY, 3),
    nth(year, 2, MONDAY, 3),
    last(year, 5, MONDAY),
    nth(year, 9, MONDAY, 1),
    nth(year, 10, MONDAY, 2),
    nth(year, 11, THURSDAY, 4),
  ],
  "england-and-wales": (year) => [
    ...moved([date(year, 1, 1)]),
    addDays(easter(year), -2),
    addDays(easter(year), 1),
    nth(year, 5, MONDAY, 1),
    last(year, 5, MONDAY),
    last(year, 8, MONDAY),
    ...moved([date(year, 12, 25), date(year, 12, 26)]),
  ],
}

/** Rules give the same days for ever, so each year is worked out once; a century bounds the cache. */
const known = new Map<string, ReadonlySet<Day>>()
const KNOWN_MAX = 300

const closingDays = (calendar: Calendar, year: number): ReadonlySet<Day> => {
  const key = `${calendar} ${year}`
  const found = known.get(key)
  if (found !== undefined) return found
  if (known.size >= KNOWN_MAX) known.clear()
  const days = new Set(rules[calendar](year))
  known.set(key, days)
  return days
}

/** Holidays on a weekend move to the next weekday that no other of them takes. */
const moved = (days: ReadonlyArray<Day>): ReadonlyArray<Day> => {
  const taken = new Set(days.filter((day) => !isWeekend(day)))
  for (const day of days.filter(isWeekend)) {
    let free = addDays(day, 1)
    while (isWeekend(free) || taken.has(free)) free = addDays(free, 1)
    taken.add(free)
  }
  return [...taken]
}

const isWeekend = (day: Day): boolean => weekdayOf(day) === SATURDAY || weekdayOf(day) === SUNDAY

const nth = (year: number, month: number, weekday: number, count: number): Day => {
  const first = date(year, month, 1)
  return addDays(first, ((weekday - weekdayOf(first) + 7) % 7) + (count - 1) * 7)
}

const last = (year: number, month: number, weekday: number): Day => {
  const end = date(year, month + 1, 0)
  return addDays(end, -((weekdayOf(end) - weekday + 7) % 7))
}

/** Easter Sunday in the Gregorian calendar (the anonymous algorithm, as given by Meeus). */
const easter = (year: number): Day => {
  const a = year % 19
  const b = Math.floor(year / 100)
  const c = year % 100
  const d = b - Math.floor(b / 4) - Math.floor((8 * b + 13) / 25)
  const h = (19 * a + d + 15) % 30
  const i = Math.floor(c / 4)
  const l = (32 + 2 * (b % 4) + 2 * i - h - (c % 4)) % 7
  const m = Math.floor((a + 11 * h + 22 * l) / 451)
  return date(year, Math.floor((h + l - 7 * m + 114) / 31), ((h + l - 7 * m + 114) % 31) + 1)
}
