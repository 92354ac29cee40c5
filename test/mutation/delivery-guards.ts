/** Guards around what partners are told, and around secrets at rest, each with the one test that misses it. */
import type { StepGuard } from "./step-guards.ts"

const forged = "test/safety/forged-messages.test.ts"
const notDelivered = "a forged message is not delivered"

export const deliveryGuards: ReadonlyArray<StepGuard> = [
  {
    name: "a message without a seal is not believed",
    file: "publisher/event-message.ts",
    text: 'if (given === "") return Result.fail("no-seal")',
    without:
      'if (given === "") return Result.map(Result.mapError(decodePublicEvent(message.string()), () => "unreadable" as const), (event) => ({ event, body: message.string(), publishedAt: Date.now() }))',
    caughtIn: forged,
    caughtBy: notDelivered,
  },
  {
    name: "a seal is that of the message",
    file: "publisher/event-message.ts",
    text: 'if (found !== "genuine") return Result.fail(found)',
    without: "",
    caughtIn: forged,
    caughtBy: notDelivered,
  },
  {
    name: "the id of a message cannot be foreseen",
    file: "publisher/event-message.ts",
    text: 'seal(["id", redis.prefix, stream, event.id])',
    without: '""',
    caughtIn: "test/publisher/event-message.test.ts",
    caughtBy: "an event that is told again later has the same id",
  },
  {
    name: "a seal holds for one deployment",
    file: "publisher/event-message.ts",
    text: '    "event",\n    redis.prefix,\n    stream,',
    without: '    "event",',
    caughtIn: "test/publisher/event-message.test.ts",
    caughtBy: "a message is not believed by a deployment",
  },
  {
    name: "an event belongs to the subject that it came on",
    file: "publisher/event-message.ts",
    text: 'if (subjectOf(stream, event.success) !== subject) return Result.fail("other-subject")',
    without: "",
    caughtIn: "test/publisher/event-message.test.ts",
    caughtBy: "what is sealed and does not belong",
  },
  {
    name: "a seal holds for one purpose",
    file: "vault/message-seal.ts",
    text: '"", purpose, KEY_BYTES',
    without: '"", "", KEY_BYTES',
    caughtIn: "test/vault/message-seal.test.ts",
    caughtBy: "is no seal for another purpose",
  },
  {
    name: "an old message that is played again tells a new endpoint nothing",
    file: "webhooks/deliveries-postgres.ts",
    text: " and created_at <= known_until",
    without: "",
    caughtIn: "test/webhooks/deliveries-postgres.test.ts",
    caughtBy: "are none for an endpoint that was added long after",
  },
  {
    name: "a discrepancy is told where somebody else spoke before",
    file: "reconciliation/discrepancy-teller-nats.ts",
    text: 'return seal.check(parts, last?.header?.get(SEAL) ?? "") === "genuine"',
    without: "return last !== null",
    caughtIn: "test/reconciliation/discrepancy-teller-nats.test.ts",
    caughtBy: "are told also where somebody else spoke before",
  },
]
