/** Guards around who sees and sends again what of deliveries, and which of them are forgotten, each with the one test that misses it. */
import type { StepGuard } from "./step-guards.ts"

const log = "test/webhooks/delivery-log.test.ts"
const replaying = "test/webhooks/replaying.test.ts"

export const deliveryLogGuards: ReadonlyArray<StepGuard> = [
  {
    name: "a partner sees no delivery of another",
    file: "webhooks/delivery-log-postgres.ts",
    text: "} and webhook_endpoints.partner = ",
    without: "} and '' <> ",
    caughtIn: log,
    caughtBy: "has each attempt, the first ones in a table",
  },
  {
    name: "a partner resends no delivery of another",
    file: "webhooks/delivery-log-postgres.ts",
    text: ".endpoint and webhook_endpoints.partner = ",
    without: ".endpoint and '' <> ",
    caughtIn: log,
    caughtBy: "resends in any state, under the same id",
  },
  {
    name: "a partner redrives no endpoint of another",
    file: "webhooks/delivery-log-postgres.ts",
    text: "} and partner = ",
    without: "} and '' <> ",
    caughtIn: log,
    caughtBy: "redrives what was given up, in steps",
  },
  {
    name: "an attempt that is under way is not begun again by a resend",
    file: "webhooks/delivery-log-postgres.ts",
    text: "and attempts > attempts_before and next_attempt_at > now()",
    without: "and next_attempt_at > now()",
    caughtIn: log,
    caughtBy: "resends in any state, under the same id",
  },
  {
    name: "what was sent again a short time ago is not forgotten",
    file: "webhooks/delivery-pruning-postgres.ts",
    text: "or last_attempt_at < now() - ",
    without: "or created_at < now() - ",
    caughtIn: log,
    caughtBy: "forgets what ended long ago",
  },
  {
    name: "a partner replays nothing to an endpoint of another",
    file: "webhooks/replays-postgres.ts",
    text: "} for no key update",
    without: "} or true for no key update",
    caughtIn: replaying,
    caughtBy: "is the only one of its endpoint",
  },
  {
    name: "two processes do not work off one replay",
    file: "webhooks/replays-postgres.ts",
    text: "where state = 'running' and claimed_until <= now()",
    without: "where state = 'running'",
    caughtIn: replaying,
    caughtBy: "is the only one of its endpoint",
  },
  {
    name: "who lost a replay sends nothing more of it",
    file: "webhooks/replays-postgres.ts",
    text: "::text::timestamptz\n  returning batches",
    without: "::text::timestamptz is not null\n  returning batches",
    caughtIn: replaying,
    caughtBy: "goes on behind its last step",
  },
  {
    name: "an endpoint is not tested in quick succession",
    file: "webhooks/endpoint-tests-postgres.ts",
    text: "(tested_at is null or tested_at <=",
    without: "(tested_at is null or now() >=",
    caughtIn: "test/webhooks/endpoint-health.test.ts",
    caughtBy: "gets a test event that is asked for",
  },
  {
    name: "what another reader read is not believed on another hash",
    file: "streams/read-once.ts",
    text: "return head === undefined ? true : hashAt(kept, after) === head",
    without: "return true",
    caughtIn: "test/streams/read-once.test.ts",
    caughtBy: "ask the store again where one stands on another hash",
  },
  {
    name: "what another reader read is not believed where the feed says another hash",
    file: "streams/read-once.ts",
    text: "Result.isSuccess(answer) && (end === undefined || answer.success.at(-1)?.hash === end)",
    without: "Result.isSuccess(answer)",
    caughtIn: "test/streams/read-once.test.ts",
    caughtBy: "ask the store again where the log was replaced behind the first of them",
  },
  {
    name: "what readers have read is forgotten beyond a limit",
    file: "streams/read-once.ts",
    text: "const isRoom = this.#weight + weight <= this.#weightMax",
    without: "const isRoom = true",
    caughtIn: "test/streams/read-once.test.ts",
    caughtBy: "ask the store again for what was taken out or did not fit",
  },
]
