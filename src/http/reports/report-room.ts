/** Reports under way in a process: each keeps a connection to the read models busy, which accepting and paying need, too. */
import { fairlyAtATime } from "../edge/at-a-time.ts"

const REPORTS_MAX = 4

/** Shares the reports between their callers. */
export const inRoom = fairlyAtATime(REPORTS_MAX, "reports at a time")
