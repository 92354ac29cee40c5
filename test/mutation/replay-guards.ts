/** Guards around deliveries that are shown and sent again, each with the one test that misses it. */
import type { StepGuard } from "./step-guards.ts"

const log = "test/webhooks/delivery-log.test.ts"
const replaying = "test/webhooks/replaying.test.ts"

export const replayGuards: ReadonlyArray<StepGuard> = [
  {
    name: "a replay sends no batch of another partner",
    file: "webhooks/replaying.ts",
    text: "if (history.batch.partner !== held.replay.partner)",
    without: "if (history.batch.version < 0)",
    caughtIn: replaying,
    caughtBy: "never sends a batch of another partner",
  },
  {
    name: "an event whose delivery may be forgotten is not new",
    file: "webhooks/deliveries-postgres.ts",
    text: "return events.filter((one) => !isOld(one))",
    without: "return events",
    caughtIn: log,
    caughtBy: "does not take an event for new",
  },
  {
    name: "what arrived before a resend is not taken for it",
    file: "webhooks/deliveries-postgres.ts",
    text: " and ended.attempts >= delivery.attempts_before",
    without: "",
    caughtIn: log,
    caughtBy: "does not take what arrived before a resend",
  },
  {
    name: "an account number in groups is masked in an answer",
    file: "webhooks/answer-text.ts",
    text: "masked(withoutSecrets).replace(groupedNumber, MASK)",
    without: "masked(withoutSecrets)",
    caughtIn: "test/webhooks/answer-text.test.ts",
    caughtBy: "has no a card number in groups",
  },
  {
    name: "what was given up without an attempt is removed, too",
    file: "webhooks/delivery-pruning-postgres.ts",
    text: "(last_attempt_at is null or last_attempt_at <",
    without: "(last_attempt_at <",
    caughtIn: log,
    caughtBy: "forgets what was given up without an attempt",
  },
  {
    name: "nothing is sent again to a disabled endpoint",
    file: "webhooks/delivery-log-postgres.ts",
    text: "if (own.state === DISABLED) return DISABLED",
    without: "",
    caughtIn: log,
    caughtBy: "sends nothing again to a disabled endpoint",
  },
  {
    name: "a replay ends when its endpoint is disabled",
    file: "webhooks/replays-postgres.ts",
    text: "if (to?.state === DISABLED) return DISABLED",
    without: "",
    caughtIn: replaying,
    caughtBy: "is refused, or ends, when its endpoint is disabled",
  },
  {
    name: "what a replay sends has come, also for an ordered endpoint",
    file: "webhooks/replays-postgres.ts",
    text: "if (to.ordered) await noteSeen(sql, place.batch, sequences)",
    without: "",
    caughtIn: replaying,
    caughtBy: "goes out in order where JetStream lost the rest",
  },
  {
    name: "a replay that reads for long keeps its claim",
    file: "webhooks/replaying.ts",
    text: "yield* goesOn(held, yield* keep(held.replay, place, LEASE_MS))",
    without: "",
    caughtIn: replaying,
    caughtBy: "keeps its claim while it reads much",
  },
]
