/** A moment in the life of a batch, as people and programs name it: a version of its log, or a time. */
import { lastMillisecondAt } from "./written-time.ts"

/** A version from 1, or a time in epoch milliseconds. */
export type Moment = { readonly version: number } | { readonly instant: number }

/** Larger than any version of a log. */
const VERSION_MAX = 1_000_000_000
const versionPattern = /^[1-9][0-9]{0,9}$/

/**
 * Reads "12" as a version, and a time with its offset such as "2026-11-27T10:00:00Z" (RFC 3339) as the last millisecond that is
 * not after it; `undefined` for any other text.
 */
export const momentOf = (written: string): Moment | undefined => {
  if (versionPattern.test(written)) {
    const version = Number(written)
    return version <= VERSION_MAX ? { version } : undefined
  }
  const instant = lastMillisecondAt(written)
  return instant === undefined ? undefined : { instant }
}

/** The same text for the same moment, and another one for another. */
export const momentText = (moment: Moment): string =>
  "version" in moment ? `version ${moment.version}` : `time ${moment.instant}`
