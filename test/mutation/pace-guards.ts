/** Guards around the order in which an endpoint gets its webhooks, and around how often it is called. */
import type { StepGuard } from "./step-guards.ts"

const ordered = "test/webhooks/ordered-claims.test.ts"
const claims = "test/webhooks/paced-claims.test.ts"
const pace = "test/webhooks/pace.test.ts"
const ahead = "test/webhooks/claimed-ahead.test.ts"
const gaps = "test/webhooks/closing-gaps.test.ts"
const retryAfter = "test/webhooks/retry-after.test.ts"
const inSql = "webhooks/paced-claims-postgres.ts"
const deliveries = "webhooks/deliveries-postgres.ts"

export const paceGuards: ReadonlyArray<StepGuard> = [
  {
    name: "nothing of a batch in order overtakes what has not come",
    file: inSql,
    text: "bool_and(next.due_at <= now() and (seen is null or seen @> int8range(1, next.sequence)))",
    without: "bool_and(next.due_at <= now())",
    caughtIn: ordered,
    caughtBy: "waits for an event that has not come",
  },
  {
    name: "two processes do not claim of one batch in order",
    file: inSql,
    text: "        and state = 'pending' and next_attempt_at <= now()\n      for update skip locked",
    without: "",
    caughtIn: ordered,
    caughtBy: "gets nothing of a batch whose first delivery another process is claiming",
  },
  {
    name: "what was stored before its endpoint was ordered is put in order",
    file: inSql,
    text: "await putInOrder(sql, some)",
    without: "",
    caughtIn: ordered,
    caughtBy: "gets also what was stored before it was ordered",
  },
  {
    name: "which events have come is noted together with their deliveries",
    file: deliveries,
    text: "seen = webhook_batches.seen + excluded.seen",
    without: "seen = webhook_batches.seen",
    caughtIn: ordered,
    caughtBy: "waits for an event that has not come",
  },
  {
    name: "an ordered endpoint is not claimed for as others are",
    file: deliveries,
    text: " and not webhook_endpoints.ordered and (rate",
    without: " and (rate",
    caughtIn: ordered,
    caughtBy: "is claimed for neither with the storing nor as others are",
  },
  {
    name: "nothing is claimed with its storing for an endpoint that is ordered, has a limit, or may not be called",
    file: deliveries,
    text: "case when nth <= room and at_once then",
    without: "case when nth <= room then",
    caughtIn: ordered,
    caughtBy: "is claimed for neither with the storing nor as others are",
  },
  {
    name: "a process sends one delivery of a batch in order at a time",
    file: "webhooks/claimed-ahead.ts",
    text: "held.findIndex(({ delivery }) => !this.#isSending(delivery))",
    without: "0",
    caughtIn: ahead,
    caughtBy: "gives one delivery of a batch in order at a time",
  },
  {
    name: "nothing is sent behind a delivery of its batch that did not arrive",
    file: "webhooks/claimed-ahead.ts",
    text: "if (!arrived) this.giveBack(endpoint, batch)",
    without: "",
    caughtIn: ahead,
    caughtBy: "gives back what is behind a delivery of its batch",
  },
  {
    name: "nothing is sent behind a delivery of its batch that was cut off",
    file: "webhooks/claimed-ahead.ts",
    text: "if (batch !== undefined) this.giveBack(endpoint, batch)",
    without: "",
    caughtIn: ahead,
    caughtBy: "starts nothing later behind a delivery that was cut off",
  },
  {
    name: "a gap stays open while a message before it may be redelivered",
    file: "webhooks/closing-gaps.ts",
    text: " && consumer.acknowledged >= delivered",
    without: "",
    caughtIn: gaps,
    caughtBy: "leaves a gap open, however old",
  },
  {
    name: "a gap stays open while the relay may publish a group again",
    file: "webhooks/closing-gaps.ts",
    text: "now - since >= this.#openMs && ",
    without: "",
    caughtIn: gaps,
    caughtBy: "and not before its time",
  },
  {
    name: "a paused endpoint is not called",
    file: deliveries,
    text: "sql`enabled and webhook_endpoints.state = 'active' and (",
    without: "sql`enabled and (",
    caughtIn: claims,
    caughtBy: "that is paused has its deliveries stored",
  },
  {
    name: "nothing is stored for a disabled endpoint",
    file: deliveries,
    text: "and enabled and webhook_endpoints.state <> 'disabled'",
    without: "",
    caughtIn: claims,
    caughtBy: "that is disabled has nothing stored",
  },
  {
    name: "what is claimed for a paused endpoint is given back",
    file: "webhooks/dispatcher.ts",
    text: "for (const endpoint of halted) ahead.giveBack(endpoint)",
    without: "",
    caughtIn: pace,
    caughtBy: "that is paused gets nothing more of what was claimed",
  },
  {
    name: "a limit holds for all processes together",
    file: inSql,
    text: "- extract(epoch from used_until - now()) * rate_limit",
    without: "",
    caughtIn: claims,
    caughtBy: "with a limit is claimed for within it",
  },
  {
    name: "attempts that did not begin are not counted against a limit",
    file: inSql,
    text: "if (unused.size > 0) await giveBack(sql, unused)",
    without: "",
    caughtIn: claims,
    caughtBy: "with a limit keeps what it did not use",
  },
  {
    name: "an endpoint is not called before it asked to be",
    file: "webhooks/attempts.ts",
    text: "Math.max(scheduledMs, notBeforeMs ?? 0)",
    without: "scheduledMs",
    caughtIn: pace,
    caughtBy: "that asks not to be called for an hour is not",
  },
  {
    name: "nothing else is sent to an endpoint that asked not to be called",
    file: "webhooks/attempts.ts",
    text: "if (notBeforeMs !== undefined) yield* deliveries.hold(attempt.endpoint, notBeforeMs)",
    without: "",
    caughtIn: pace,
    caughtBy: "that asks not to be called for an hour is not",
  },
  {
    name: "an endpoint may ask for a day at most",
    file: "webhooks/retry-after.ts",
    text: "Math.min(waitMs, RETRY_AFTER_MS_MAX)",
    without: "waitMs",
    caughtIn: retryAfter,
    caughtBy: "is at most a day",
  },
  {
    name: "a hold is not shortened",
    file: deliveries,
    text: "held_until = greatest(held_until, now() +",
    without: "held_until = greatest(now() +",
    caughtIn: claims,
    caughtBy: "that asked not to be called is held until then",
  },
]
