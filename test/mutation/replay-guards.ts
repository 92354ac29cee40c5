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
]
