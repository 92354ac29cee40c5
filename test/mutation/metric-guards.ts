/** Guards of the metrics: counts that happen once, gauges that do not outlive their readings, and labels that stay few. */
import type { StepGuard } from "./step-guards.ts"

const turns = "test/actors/turn-outcomes.test.ts"
const table = "test/telemetry/metric-table.test.ts"
const waiting = "test/projections/waiting-items.test.ts"

export const metricGuards: ReadonlyArray<StepGuard> = [
  {
    name: "money that a bank reports twice moves once",
    file: "actors/turn-outcomes.ts",
    text: "if (!before.paid && wasPaid(attempt))",
    without: "if (wasPaid(attempt))",
    caughtIn: turns,
    caughtBy: "counts over",
  },
  {
    name: "an item that ended so before does not end again",
    file: "actors/turn-outcomes.ts",
    text: " || outcome === before) continue",
    without: ") continue",
    caughtIn: turns,
    caughtBy: "counts over",
  },
  {
    name: "an item that policy tries again has not ended",
    file: "domain/item-outcome.ts",
    text: " && !isToBeTriedAgain(batch, item)",
    without: "",
    caughtIn: turns,
    caughtBy: "has not ended while policy will try it again",
  },
  {
    name: "the time that a reviewer took is not the scheme's",
    file: "actors/turn-outcomes.ts",
    text: " || item.findings.some(({ released }) => released)",
    without: "",
    caughtIn: turns,
    caughtBy: "counts from its first attempt if a reviewer had to release it",
  },
  {
    name: "a reading that is old is not shown",
    file: "telemetry/read-gauge.ts",
    text: "if (at < shownFrom) {",
    without: "if (false) {",
    caughtIn: table,
    caughtBy: "shows what was read, and nothing once the readings stop",
  },
  {
    name: "nothing is shown that nobody has read",
    file: "telemetry/read-gauge.ts",
    text: "if (this.#labelNames.length === 0) this.remove()",
    without: "",
    caughtIn: table,
    caughtBy: "shows nothing that nobody has read",
  },
  {
    name: "a server that hides its settings is not said to be safe",
    file: "platform/redis-gauges.ts",
    text: "if (answers.length > 0) redisDurability",
    without: "redisDurability",
    caughtIn: "test/platform/redis-gauges.test.ts",
    caughtBy: "that does not tell its settings has no flag for them",
  },
  {
    name: "a timer that is due waits for a worker",
    file: "streams/functions/queue-depth.lua",
    text: " + redis.call('ZCOUNT', timers, '-inf', now)",
    without: "",
    caughtIn: "test/streams/queue-depth-redis.test.ts",
    caughtBy: "is what no worker has",
  },
  {
    name: "new batches behind those that have begun have an age",
    file: "streams/functions/queue-depth.lua",
    text: "ipairs({ first, new })",
    without: "ipairs({ first })",
    caughtIn: "test/streams/queue-depth-redis.test.ts",
    caughtBy: "has waited since its entry, its place in line or its timer",
  },
  {
    name: "an outcome is unknown since the attempt, not since the last inquiry",
    file: "projections/waiting-items-postgres.ts",
    text: "when wait = 'unknown' then coalesce(requested_at, updated_at) else",
    without: "when false then updated_at else",
    caughtIn: waiting,
    caughtBy: "counts over partners and open states",
  },
  {
    name: "the age reads a bounded number of items",
    file: "projections/waiting-items-postgres.ts",
    text: "where before <",
    without: "where 0 * before <",
    caughtIn: waiting,
    caughtBy: "reads the items of the batches that were received first",
  },
  {
    name: "what an endpoint holds up itself is not the dispatchers' lag",
    file: "webhooks/due-gauge.ts",
    text: " and not ordered and rate_limit is null",
    without: "",
    caughtIn: "test/webhooks/due-gauge.test.ts",
    caughtBy: "is 0 if none is",
  },
  {
    name: "an event that is sent again is no first webhook",
    file: "webhooks/attempts.ts",
    text: "return sinceMs <= FIRST_MS_MAX ? Math.max(0, sinceMs) : undefined",
    without: "return Math.max(0, sinceMs)",
    caughtIn: "test/webhooks/attempts.test.ts",
    caughtBy: "is not taken of",
  },
]
