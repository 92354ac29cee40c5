/** The mailboxes of batches on Redis Streams. */
import { Effect } from "effect"
import { encodeMail } from "../domain/event-codec.ts"
import { attempt } from "../platform/redis-failure.ts"
import { commandEnqueued } from "./evidence.ts"
import { CommandIdReused, type Mailbox, MailboxFull, NoSuchBatch } from "./mailbox.ts"
import { type PartitionSteps, range, unavailable } from "./partition-steps-redis.ts"
import { readMail } from "./stream-entry.ts"

export const mailbox = (steps: PartitionSteps): Mailbox["Service"] => ({
  enqueue: enqueuing(steps),
  wasEnqueued: wasEnqueued(steps),
  mail: Effect.fnUntraced(function* (batch, limit) {
    const entries = yield* range(steps, steps.keysOf(batch).mail(batch), "-", limit)
    return entries.map(readMail)
  }),
})

const enqueuing = ({ keysOf, call, limits, replicated }: PartitionSteps): Mailbox["Service"]["enqueue"] =>
  Effect.fnUntraced(function* (batch, command, { id, digest, keptMs }) {
    const { log, told, mail, ready, scheduled, lanes, waiting } = keysOf(batch)
    const mark = told(batch, id)
    const answer = yield* call(
      "enqueue",
      [log(batch), mark, mail(batch), ready, scheduled, lanes, waiting],
      [batch, limits.partnerShare, limits.mailboxMax, encodeMail(command), digest, keptMs, id],
    )
    if (answer === "REUSED") return yield* new CommandIdReused({ batch })
    if (answer === "FULL") return yield* new MailboxFull({ batch })
    if (answer === "NONE") return yield* new NoSuchBatch({ batch })
    yield* replicated(mark, commandEnqueued(mark, digest))
  })

const wasEnqueued = ({ commands, keysOf, replicated }: PartitionSteps): Mailbox["Service"]["wasEnqueued"] =>
  Effect.fn("Mailbox.wasEnqueued")(function* (batch, { id, digest }) {
    const mark = keysOf(batch).told(batch, id)
    const before = yield* attempt(() => commands.get(mark)).pipe(unavailable("was enqueued"))
    if (before === null) return false
    if (before !== digest) return yield* new CommandIdReused({ batch })
    yield* replicated(mark, commandEnqueued(mark, digest))
    return true
  })
