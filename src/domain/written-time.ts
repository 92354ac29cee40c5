/**
 * Times and days as people and programs write them. Only those that exist are read: `Date.parse` takes 29 February 2027 for
 * 1 March, and 24:00 for the next day.
 */
const dayPattern = /^(\d{4})-(\d{2})-(\d{2})$/
const instantPattern = /^(\d{4}-\d{2}-\d{2})[Tt](\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?([Zz]|[+-]\d{2}:\d{2})$/
const timePattern = /^(?:[01]\d|2[0-3])(?::[0-5]\d){1,2}$/

/** Whether a text is a day of the calendar such as "2026-11-23" (ISO 8601, years 0001 to 9999). */
export const isDay = (text: string): boolean => {
  const [, year = "0", month = "0", day = "0"] = dayPattern.exec(text) ?? []
  if (Number(year) < 1 || Number(month) < 1 || Number(month) > 12 || Number(day) < 1) return false
  return Number(day) <= daysIn(Number(year), Number(month))
}

const daysIn = (year: number, month: number): number => {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28
  return [4, 6, 9, 11].includes(month) ? 30 : 31
}

/**
 * Reads an instant with its offset, such as "2026-11-23T16:05:00Z" or "2026-11-23t16:05:00.123456789+01:00" (RFC 3339, with
 * at most nine digits of a second). Gives the first whole millisecond since the Unix epoch that is not before it, so that
 * nothing begins too early; `undefined` for a day or a time that does not exist. A leap second (23:59:60) is refused:
 * computers' clocks do not show it.
 */
export const instantOf = (text: string): number | undefined => {
  const read = instantIn(text)
  return read === undefined ? undefined : read.millisecond + (read.isWhole ? 0 : 1)
}

/** Reads an instant as {@link instantOf} does, and gives the last whole millisecond that is not after it. */
export const lastMillisecondAt = (text: string): number | undefined => instantIn(text)?.millisecond

/** The millisecond that an instant is in, and whether it is that millisecond's beginning. */
const instantIn = (text: string): { readonly millisecond: number; readonly isWhole: boolean } | undefined => {
  const [, day = "", time = "", fraction = "", offset = ""] = instantPattern.exec(text) ?? []
  if (!isDay(day) || !timePattern.test(time)) return undefined
  const isUtc = offset === "Z" || offset === "z"
  if (!isUtc && !timePattern.test(offset.slice(1))) return undefined
  const digits = fraction.padEnd(9, "0")
  const second = Date.parse(`${day}T${time}Z`) - (isUtc ? 0 : minutesOf(offset) * 60_000)
  return { millisecond: second + Number(digits.slice(0, 3)), isWhole: Number(digits.slice(3)) === 0 }
}

const minutesOf = (offset: string): number => {
  const minutes = Number(offset.slice(1, 3)) * 60 + Number(offset.slice(4, 6))
  return offset.startsWith("-") ? -minutes : minutes
}
