/**
 * The safety net for what people and the compliance engine decided: a decision that is registered, and that no log has
 * answered for a while, was lost on its way. Its batch may be at rest, so that nothing else would ever look at it.
 */
import { Effect } from "effect"
import { DecisionRegister, type OverdueDecision } from "../register/decision-register.ts"
import { Mailbox } from "../streams/mailbox.ts"

/** Decisions that one look tells again; the next look takes others. */
const TOLD_MAX = 256
/** As long as a command that was told again is recognised: a batch that is frozen gets one copy a day in its mailbox. */
const KEPT_MS = 24 * 3_600_000

/**
 * Tells batches again of decisions that no log has answered for `idleMs`, under the ids that they had. One that waits in a
 * mailbox, or was told a short time ago, is there once. Each is put off by the register, so one that cannot be told, or
 * that nobody answers, is told ever more rarely.
 */
export const enqueueOverdue = Effect.fnUntraced(function* (idleMs: number) {
  const overdue = yield* Effect.catchTag(
    (yield* DecisionRegister).overdue(idleMs, TOLD_MAX),
    "StoreUnavailable",
    ({ step, reason }) =>
      Effect.as(Effect.logWarning("overdue decisions are not known", { step, reason }), []),
  )
  yield* Effect.forEach(overdue, tellAgain, { discard: true })
})

const tellAgain = Effect.fnUntraced(
  function* ({ batch, id, digest, command }: OverdueDecision) {
    yield* (yield* Mailbox).tell(batch, command, { id, digest, keptMs: KEPT_MS })
    yield* Effect.logWarning("a decision is told again", { batch, command: command._tag })
  },
  (told, { batch }) =>
    Effect.catchTags(told, {
      CommandIdReused: ({ _tag }) => notTold(batch, _tag),
      MailboxFull: ({ _tag }) => notTold(batch, _tag),
      NoSuchBatch: ({ _tag }) => notTold(batch, _tag),
    }),
)

const notTold = (batch: string, reason: string) =>
  Effect.logWarning("a decision cannot be told again yet", { batch, reason })
