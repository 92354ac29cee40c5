import type { Guard } from "./domain-guards.ts"
import type { StepGuard } from "./step-guards.ts"

/** The guards of what is planned to be paid, and when. */
export const planningGuards: ReadonlyArray<Guard> = [
  {
    name: "no more transfers are planned than a bank takes",
    file: "domain/plan-transfers.ts",
    text: "(taken.get(bank) ?? 0) < capacity.transfers",
    without: "capacity.transfers > 0",
  },
  {
    name: "an item in a call under way is not planned",
    file: "domain/plan-transfers.ts",
    text: "!busy.has(next.value.item) && ",
    without: "",
  },
  {
    name: "nothing is planned on a clearance that is not good",
    file: "domain/plan-transfers.ts",
    text: " && isCurrent(next.value, terms, now)",
    without: "",
  },
  {
    name: "what waits for a bank tells when to look again",
    file: "domain/plan-transfers.ts",
    text: "    waitUntil = Math.min(lookAgainAt(capacity, now), waitUntil ?? Number.POSITIVE_INFINITY)\n",
    without: "",
  },
  {
    name: "what left the line and came back stands in it once",
    file: "domain/pay-line.ts",
    text: " && entry.item.place === entry.place",
    without: "",
  },
  {
    name: "what left the line is not paid by it",
    file: "domain/pay-line.ts",
    text: 'entry.item.task === "request" && ',
    without: "",
  },
  {
    name: "what was screened by other lists stands in no queue",
    file: "domain/pay-line.ts",
    text: "    if (!isGood) return\n",
    without: "",
  },
  {
    name: "all join anew when other lists are announced",
    file: "domain/pay-line.ts",
    text: "    if (this.#listVersion !== terms.lists?.version) this.#clear()\n",
    without: "",
  },
  {
    name: "no more join the line at a time than may",
    file: "domain/pay-line.ts",
    text: "Math.min(this.#coming.length, first + limit)",
    without: "this.#coming.length",
  },
  {
    name: "payouts that a bound of a rule tells apart do not share a way",
    file: "domain/routing.ts",
    text: "[atMost + 1n]",
    without: "[]",
  },
  {
    name: "a bank that takes no inquiries is not asked",
    file: "domain/plan.ts",
    text: "Math.min(capacityOf(banks, bank).inquiries, TRANSFERS_IN_AIR_MAX)",
    without: "TRANSFERS_IN_AIR_MAX",
  },
  {
    name: "nobody is asked about a transfer before its time",
    file: "domain/plan.ts",
    text: "if (at > now || left === 0) break",
    without: "if (left === 0) break",
  },
]

const dueWork = "test/actors/due-work.test.ts"

/** The guards around what was planned, each missed by one test. */
export const planningStepGuards: ReadonlyArray<StepGuard> = [
  {
    name: "only what a channel grants gets an intent",
    file: "actors/intents.ts",
    text: "return left > 0",
    without: "return true",
    caughtIn: dueWork,
    caughtBy: "two batches that plan by one snapshot",
  },
  {
    name: "a channel that is full is not planned for in the same turn",
    file: "actors/due-work.ts",
    text: "if (full.size === 0) return banks",
    without: "if (full.size >= 0) return banks",
    caughtIn: dueWork,
    caughtBy: "a batch all of whose places went to others",
  },
  {
    name: "no intent is written while none may be sent",
    file: "actors/due-work.ts",
    text: "maySend ? line.queues : []",
    without: "line.queues",
    caughtIn: dueWork,
    caughtBy: "nothing is asked of channels",
  },
  {
    name: "a turn looks at no more that came than it may",
    file: "actors/due-work.ts",
    text: "line.follow(batch, terms, mayJoin)",
    without: "line.follow(batch, terms)",
    caughtIn: dueWork,
    caughtBy: "behind a hundred thousand items of a closed bank",
  },
  {
    name: "a batch that is behind with what came goes on at once",
    file: "actors/batch-actor.ts",
    text: "if (isBehind || actor.callsUnderWay > 0",
    without: "if (actor.callsUnderWay > 0",
    caughtIn: "test/actors/closed-banks.test.ts",
    caughtBy: "what is paid behind more than one turn looks at",
  },
  {
    name: "answers are gathered by how many may still come",
    file: "actors/batch-actor.ts",
    text: "batch.tasks.transfer.size + batch.tasks.inquire.size",
    without: "batch.items.size",
    caughtIn: "test/actors/releases.test.ts",
    caughtBy: "gathers answers for the transfers of which the batch still waits to know",
  },
  {
    name: "no answers are gathered for transfers that their banks have answered for good",
    file: "actors/batch-actor.ts",
    text: " - messages.countOf(isFinal)",
    without: "",
    caughtIn: "test/actors/releases.test.ts",
    caughtBy: "gathers nothing when banks have answered for good",
  },
  {
    name: "a command that the log has answered is not carried out again",
    file: "actors/turn.ts",
    text: "if (actor.batch.commands.has(id)) return",
    without: "",
    caughtIn: "test/actors/schedule.test.ts",
    caughtBy: "does not go back to an earlier time",
  },
  {
    name: "a place in a channel is granted once",
    file: "providers/calling/channel.ts",
    text: "tally.waiting + invitations.kept(now)",
    without: "tally.waiting",
    caughtIn: "test/providers/calling/channel.test.ts",
    caughtBy: "is given to no more than there is room for",
  },
  {
    name: "who comes takes no place that is over",
    file: "providers/calling/invitations.ts",
    text: "  came(now: number): void {\n    this.#forget(now)\n",
    without: "  came(_now: number): void {\n",
    caughtIn: "test/providers/calling/channel.test.ts",
    caughtBy: "is kept for who was invited",
  },
  {
    name: "the first transfer of an intent takes the place that was kept for it",
    file: "actors/turn.ts",
    text: '    if (event._tag === "TransfersRequested") keepPlaces(actor, event)\n',
    without: "",
    caughtIn: "test/actors/closed-banks.test.ts",
    caughtBy: "a bank that takes no calls gets no intents",
  },
  {
    name: "what is sent again takes nobody's place in a channel",
    file: "pipelines/paying.ts",
    text: "transfer.sends === 1 && takePlace",
    without: "takePlace",
    caughtIn: "test/pipelines/paying.test.ts",
    caughtBy: "takes the place in the channel kept for a first send",
  },
  {
    name: "nobody is woken to ask a bank that takes no inquiries",
    file: "domain/plan.ts",
    text: "capacity.inquiries > 0 ? least : Math.max(least, lookAgainAt(capacity, now))",
    without: "least",
    caughtIn: "test/domain/closed-bank.test.ts",
    caughtBy: "behind many inquiries of a closed bank",
  },
]
