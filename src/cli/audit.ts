import { Console, Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { type AuditEntry, AuditTrail, ENTRIES_PER_PAGE_MAX } from "../identity/audit-trail.ts"
import { shownEntry } from "../identity/shown-access.ts"
import { aligned } from "../terminal/text-table.ts"
import { withAccess } from "./access-stores.ts"
import { dataDir, json } from "./flags.ts"

export const audit = Command.make(
  "audit",
  {
    limit: Flag.Int("limit").pipe(
      Flag.withDescription(`How many entries to show, newest first; at most ${ENTRIES_PER_PAGE_MAX}`),
      Flag.withDefault(50),
    ),
    before: Flag.optional(Flag.Int("before").pipe(Flag.withDescription("Only entries before this sequence"))),
    subject: Flag.optional(
      Flag.String("subject").pipe(Flag.withDescription("Only acts on this, such as partner:acme")),
    ),
    who: Flag.optional(
      Flag.String("who").pipe(Flag.withDescription("Only acts of this credential, such as operator:alice")),
    ),
    dataDir,
    json: json("Print each entry as one line of JSON"),
  },
  Effect.fn(function* ({ limit, before, subject, who, dataDir, json }) {
    const question = {
      limit,
      before: Option.getOrUndefined(before),
      subject: Option.getOrUndefined(subject),
      who: Option.getOrUndefined(who),
    }
    const entries = yield* withAccess(
      dataDir,
      Effect.flatMap(AuditTrail, ({ read }) => read(question)),
    )
    const lines = json
      ? entries.map((entry) => JSON.stringify(shownEntry(entry)))
      : aligned(entries.map(cells))
    for (const line of lines) yield* Console.log(line)
  }),
).pipe(Command.withDescription("Show who did what to partners and keys, when and from where"))

const cells = ({ sequence, at, who, address, act, subject }: AuditEntry): ReadonlyArray<string> => [
  `${sequence}`,
  at.toISOString(),
  who,
  address ?? "",
  act,
  subject,
]
