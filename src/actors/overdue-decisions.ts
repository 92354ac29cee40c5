/**
 * The safety net for decisions of people and of the compliance engine: a decision that is registered and that no log has
 * answered for a while was lost on its way. Its batch may be at rest, so nothing else would look at it.
 */
import { Effect } from "effect"
import { DecisionRegister, type OverdueDecision } from "../register/decision-register.ts"
import { Mailbox } from "../streams/mailbox.ts"

/** Decisions that one look enqueues again. The next look takes others. */
const ENQUEUED_MAX = 256
/** How long the mailbox recognises a command that is enqueued again: a frozen batch gets at most one copy a day. */
const KEPT_MS = 24 * 3_600_000

/**
 * Enqueues decisions again that no log has answered for `idleMs`, under their own ids, so that a mailbox never has one twice.
 * The register puts each off for longer each time, so a decision that cannot be enqueued, or that no log answers, is tried
 * ever more rarely.
 */
export const enqueueOverdue = Effect.fnUntraced(function* (idleMs: number) {
  const overdue = yield* Effect.catchTag(
    (yield* DecisionRegister).overdue(idleMs, ENQUEUED_MAX),
    "StoreUnavailable",
    ({ step, reason }) =>
      Effect.as(Effect.logWarning("overdue decisions cannot be read", { step, reason }), []),
  )
  yield* Effect.forEach(overdue, enqueueAgain, { discard: true })
})

const enqueueAgain = Effect.fnUntraced(
  function* ({ batch, id, digest, command }: OverdueDecision) {
    yield* (yield* Mailbox).enqueue(batch, command, { id, digest, keptMs: KEPT_MS })
    yield* Effect.logWarning("a decision is enqueued again", { batch, command: command._tag })
  },
  (enqueued, { batch }) =>
    Effect.catchTags(enqueued, {
      CommandIdReused: ({ _tag }) => notEnqueued(batch, _tag),
      MailboxFull: ({ _tag }) => notEnqueued(batch, _tag),
      NoSuchBatch: ({ _tag }) => notEnqueued(batch, _tag),
    }),
)

const notEnqueued = (batch: string, reason: string) =>
  Effect.logWarning("a decision cannot be enqueued again yet", { batch, reason })
