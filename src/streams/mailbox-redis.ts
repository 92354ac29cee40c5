/** The mailboxes of batches on Redis Streams. */
import { Effect } from "effect"
import { encodeMail } from "../domain/event-codec.ts"
import { attempt } from "../platform/redis-failure.ts"
import { commandTold } from "./evidence.ts"
import { CommandIdReused, type Mailbox, MailboxFull, NoSuchBatch } from "./mailbox.ts"
import { type PartitionSteps, range, unavailable } from "./partition-steps-redis.ts"
import { readMail } from "./stream-entry.ts"

export const mailbox = (steps: PartitionSteps): Mailbox["Service"] => ({
  tell: telling(steps),
  wasTold: wasTold(steps),
  mail: Effect.fnUntraced(function* (batch, limit) {
    const entries = yield* range(steps, steps.keysOf(batch).mail(batch), "-", limit)
    return entries.map(readMail)
  }),
})

const telling = ({ keysOf, call, limits, replicated }: PartitionSteps): Mailbox["Service"]["tell"] =>
  Effect.fnUntraced(function* (batch, command, { id, digest, keptMs }) {
    const { log, told, mail, ready, scheduled, lanes, waiting } = keysOf(batch)
    const answer = yield* call(
      "tell",
      [log(batch), told(batch, id), mail(batch), ready, scheduled, lanes, waiting],
      [batch, limits.partnerShare, limits.mailboxMax, encodeMail(command), digest, keptMs, id],
    )
    if (answer === "REUSED") return yield* new CommandIdReused({ batch })
    if (answer === "FULL") return yield* new MailboxFull({ batch })
    if (answer === "NONE") return yield* new NoSuchBatch({ batch })
    yield* replicated(told(batch, id), commandTold(told(batch, id), digest))
  })

const wasTold = ({ commands, keysOf, replicated }: PartitionSteps): Mailbox["Service"]["wasTold"] =>
  Effect.fn("Mailbox.wasTold")(function* (batch, { id, digest }) {
    const told = keysOf(batch).told(batch, id)
    const before = yield* attempt(() => commands.get(told)).pipe(unavailable("was told"))
    if (before === null) return false
    if (before !== digest) return yield* new CommandIdReused({ batch })
    yield* replicated(told, commandTold(told, digest))
    return true
  })
