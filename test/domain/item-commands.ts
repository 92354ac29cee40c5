/** One command per column of the transition table, each about item 1. */
import { Result } from "effect"
import {
  accepted,
  type CommandWithoutTime,
  failed,
  failedOddly,
  intent,
  neverSeen,
  type PlainOutcome,
  returned,
  type Story,
  settled,
  unknown,
  unresolved,
} from "./batch-story.ts"

const outcome = (outcome: PlainOutcome) => (): CommandWithoutTime => ({
  _tag: "RecordTransfer",
  item: 1,
  attempt: 1,
  outcome,
})

const screening = (decision: "approved" | "rejected" | "review") => (story: Story) =>
  ({
    _tag: "RecordScreening",
    clearance: story.batch.clearanceCount,
    clearanceId: "c",
    listVersion: "v",
    decisions: [{ item: 1, decision }],
  }) as const

const pending = (story: Story) =>
  ({
    _tag: "RecordScreening",
    clearance: story.batch.clearanceCount,
    clearanceId: "c",
    listVersion: "v",
    decisions: [],
    pending: { items: [1], decideBy: story.now + 9_000 },
  }) as const

const review = (decision: "released" | "rejected") => () =>
  ({ _tag: "Review", item: 1, decision, by: "olga", reason: "looked at it" }) as const

const posting = (kind: "hold" | "post" | "release" | "reverse") => () =>
  ({ _tag: "RequestPosting", kind, items: [1] }) as const

export const itemCommands = {
  "ask for screening": () => ({ _tag: "RequestScreening", items: [1] }),
  "engine approves": screening("approved"),
  "engine rejects": screening("rejected"),
  "engine wants review": screening("review"),
  "engine decides later": pending,
  "reviewer releases": review("released"),
  "reviewer rejects": review("rejected"),
  cancel: () => ({ _tag: "Cancel", items: [1], by: "sam", reason: "by mistake" }),
  hold: posting("hold"),
  post: posting("post"),
  release: posting("release"),
  reverse: posting("reverse"),
  pay: () => intent(1),
  "bank accepts": outcome(accepted),
  "bank is silent": outcome(unknown),
  "bank never saw it": outcome(neverSeen),
  "bank settles": outcome(settled),
  "bank fails": outcome(failed),
  "bank fails, unmapped": outcome(failedOddly),
  "bank returns": outcome(returned),
  "inquiries exhausted": outcome(unresolved),
  "take over": () => ({ _tag: "TakeOver" }),
  retry: () => ({ _tag: "Retry", item: 1, by: "olga" }),
  "resolve as settled": () => ({
    _tag: "Resolve",
    item: 1,
    outcome: "settled",
    by: "olga",
    reason: "statement",
  }),
  "resolve as failed": () => ({
    _tag: "Resolve",
    item: 1,
    outcome: "failed",
    by: "olga",
    reason: "statement",
  }),
} satisfies Record<string, (story: Story) => CommandWithoutTime>

export type ItemCommand = keyof typeof itemCommands

/** What an item's command causes. */
export const effectOf = (story: Story, command: ItemCommand): string =>
  effect(story, itemCommands[command](story))

/** What a command causes, as the tables write it: events by name, "–" for old news, or the rejection. */
export const effect = (story: Story, command: CommandWithoutTime): string =>
  Result.match(story.decide(command), {
    onSuccess: (events) => (events.length === 0 ? "–" : events.map(({ _tag }) => _tag).join(" + ")),
    onFailure: ({ reason }) => `✗ ${reason}`,
  })
