import { expect, it } from "vitest"
import { RETRY_AFTER_MS_MAX, retryAfterMs } from "../../src/webhooks/retry-after.ts"

const NOW = Date.UTC(2026, 0, 2, 3, 4, 5)
const asked = (
  retryAfter: string | ReadonlyArray<string> | undefined,
  date?: string | ReadonlyArray<string>,
) => retryAfterMs(503, { "retry-after": retryAfter, date }, NOW)

it("is of 429 and 503 alone", () => {
  for (const status of [200, 202, 301, 400, 410, 500, 502])
    expect(retryAfterMs(status, { "retry-after": "120" }, NOW)).toBeUndefined()
  expect(retryAfterMs(429, { "retry-after": "120" }, NOW)).toBe(120_000)
  expect(retryAfterMs(503, { "retry-after": "120" }, NOW)).toBe(120_000)
})

it("is at most a day", () => {
  expect(RETRY_AFTER_MS_MAX).toBe(86_400_000)
  for (const long of ["86400", "86401", "99999999999", "9".repeat(400), "Fri, 31 Dec 9999 23:59:59 GMT"])
    expect(asked(long)).toBe(86_400_000)
})

it.each([
  ["Fri, 02 Jan 2026 03:05:05 GMT", 60_000],
  ["Friday, 02-Jan-26 03:05:05 GMT", 60_000],
  ["Fri Jan  2 03:05:05 2026", 60_000],
])("is a date in each form of HTTP: %s", (date, waitMs) => {
  expect(asked(date)).toBe(waitMs)
})

it("counts from the answer's own date, as far as that is one", () => {
  const date = "Sat, 03 Jan 2026 00:10:00 GMT"
  expect(asked(date, "Sat, 03 Jan 2026 00:00:00 GMT")).toBe(600_000)
  expect(asked("Fri, 02 Jan 2026 03:04:35 GMT", "nonsense")).toBe(30_000)
  expect(asked("Fri, 02 Jan 2026 03:04:35 GMT", ["Sat, 03 Jan 2026 00:00:00 GMT", "x"])).toBe(30_000)
})

it.each([
  undefined,
  "",
  " ",
  "soon",
  "-5",
  "+5",
  "1.5",
  "1e3",
  "0x10",
  "5 s",
  "1, 2",
  "0",
  "Fri, 02 Jan 2026 03:04:04 GMT",
  "Fri, 02 Foo 2026 03:05:05 GMT",
  "Fri, 02 Jan 2026 24:05:05 GMT",
  "Fri, 00 Jan 2026 03:05:05 GMT",
  "2026-01-02T03:05:05Z",
  "Thursday, 02-Jan-97 03:05:05 GMT",
])("is ignored if it is %j", (value) => {
  expect(asked(value)).toBeUndefined()
})

it("is ignored if it was sent twice", () => {
  expect(asked(["120", "120"])).toBeUndefined()
})
