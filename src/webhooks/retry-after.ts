/** How long an endpoint asks not to be called (`Retry-After`; RFC 9110, 10.2.3). */

/** No endpoint is waited for longer than this because it asked. It is also the longest wait of the schedule. Milliseconds. */
export const RETRY_AFTER_MS_MAX = 24 * 3_600_000

/** Header fields of an answer, as undici gives them: one that was sent several times is an array. */
export type AnswerHeaders = Readonly<Record<string, string | ReadonlyArray<string> | undefined>>

/**
 * The wait in milliseconds that an answer with this status asks for: seconds, or a date, which counts from the answer's own `Date`
 * if it has one, because the endpoint's clock may be wrong. `undefined` if the status is neither 429 nor 503, or the header is
 * missing, doubled, or neither form, or the date has passed. At most RETRY_AFTER_MS_MAX.
 *
 * @param now epoch milliseconds
 */
export const retryAfterMs = (status: number, headers: AnswerHeaders, now: number): number | undefined => {
  if (status !== 429 && status !== 503) return undefined
  const asked = headers["retry-after"]
  if (typeof asked !== "string") return undefined
  const waitMs = /^\d+$/.test(asked) ? 1_000 * Number(asked) : untilDate(asked, headers.date, now)
  return waitMs === undefined || waitMs <= 0 ? undefined : Math.min(waitMs, RETRY_AFTER_MS_MAX)
}

const untilDate = (asked: string, sent: AnswerHeaders[string], now: number): number | undefined => {
  const until = httpDate(asked, now)
  if (until === undefined) return undefined
  return until - ((typeof sent === "string" ? httpDate(sent, now) : undefined) ?? now)
}

const months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ")
const clock = String.raw`(?<hour>\d\d):(?<minute>\d\d):(?<second>\d\d)`

/** The three forms that a recipient has to understand (RFC 9110, 5.6.7): IMF-fixdate, RFC 850 and asctime. */
const forms = [
  new RegExp(String.raw`^[A-Z][a-z]{2}, (?<day>\d\d) (?<month>[A-Z][a-z]{2}) (?<year>\d{4}) ${clock} GMT$`),
  new RegExp(String.raw`^[A-Z][a-z]{5,8}, (?<day>\d\d)-(?<month>[A-Z][a-z]{2})-(?<year>\d\d) ${clock} GMT$`),
  new RegExp(String.raw`^[A-Z][a-z]{2} (?<month>[A-Z][a-z]{2}) (?<day>[\d ]\d) ${clock} (?<year>\d{4})$`),
]

/** A date of HTTP in epoch milliseconds; `undefined` if it is none. */
const httpDate = (text: string, now: number): number | undefined => {
  for (const form of forms) {
    const found = form.exec(text)?.groups
    if (found === undefined) continue
    const { day, hour, minute, second } = found
    const at = [
      months.indexOf(found.month ?? ""),
      Number(day),
      Number(hour),
      Number(minute),
      Number(second),
    ] as const
    if (at[0] < 0 || at[1] < 1 || at[1] > 31 || at[2] > 23 || at[3] > 59 || at[4] > 60) return undefined
    return Date.UTC(fullYear(found.year ?? "", now), ...at)
  }
  return undefined
}

/** A year of two digits that seems to be more than fifty years ahead is the last one with these digits. */
const fullYear = (digits: string, now: number): number => {
  if (digits.length === 4) return Number(digits)
  const thisYear = new Date(now).getUTCFullYear()
  const year = thisYear - (thisYear % 100) + Number(digits)
  return year > thisYear + 50 ? year - 100 : year
}
