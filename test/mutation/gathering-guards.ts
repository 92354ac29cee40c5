import type { StepGuard } from "./step-guards.ts"

const gathering = "test/actors/gathered-reports.test.ts"
const gathered = "test/domain/gathered-events.test.ts"

/** The guards of events that say the same of several transfers: of who makes them, and of who reads them. */
export const gatheringGuards: ReadonlyArray<StepGuard> = [
  {
    name: "a second report about an item that waits is decided after the first",
    file: "actors/gathered-reports.ts",
    text: 'command._tag === "RecordTransfer" && !this.#items.has(command.item)',
    without: 'command._tag === "RecordTransfer"',
    caughtIn: gathering,
    caughtBy: "are recorded as they would be one by one",
  },
  {
    name: "what waits is recorded before what came after it",
    file: "actors/gathered-reports.ts",
    text: "      this.flush()\n      for (const event of events) this.#record(event)\n",
    without: "      for (const event of events) this.#record(event)\n",
    caughtIn: gathering,
    caughtBy: "are recorded as they would be one by one",
  },
  {
    name: "a gathered event has one kind of evidence",
    file: "actors/gathered-reports.ts",
    text: "first.evidence !== event.evidence || ",
    without: "",
    caughtIn: gathering,
    caughtBy: "are gathered wherever they follow each other",
  },
  {
    name: "a gathered event is bounded",
    file: "actors/gathered-reports.ts",
    text: "this.#items.size === REPORTS_PER_EVENT_MAX || ",
    without: "",
    caughtIn: gathering,
    caughtBy: "are in events of at most so many",
  },
  {
    name: "the reports of a gathered event are near each other in time",
    file: "actors/gathered-reports.ts",
    text: " || Math.abs(at - first.at) > APART_MS_MAX",
    without: "",
    caughtIn: gathering,
    caughtBy: "stay apart where their times are",
  },
  {
    name: "a batch waits for more reports after several in one event, as after several events",
    file: "actors/batch-actor.ts",
    text: "recorded + singleCount(event)",
    without: "recorded + 1",
    caughtIn: "test/actors/releases.test.ts",
    caughtBy: "keeps a batch for the first reports about many payouts",
  },
  {
    name: "no item is in a gathered event twice",
    file: "verification/legal-step.ts",
    text: "seen.size === seen.add(item).size",
    without: "seen.size < 0",
    caughtIn: gathered,
    caughtBy: "with an item twice is not legal",
  },
  {
    name: "each transfer of a gathered event may follow",
    file: "verification/legal-step.ts",
    text: "return firstFault(singleEvents(event), (single) => singleFault(id, batch, single))",
    without: "return undefined",
    caughtIn: gathered,
    caughtBy: "with what is settled already is not legal",
  },
  {
    name: "each transfer of a gathered event counts on its own day",
    file: "projections/day-tallies.ts",
    text: "event.transfers.flatMap(({ at, item, attempt }) => standing(batch, at, item, attempt))",
    without: "event.transfers.flatMap(({ item, attempt }) => standing(batch, event.at, item, attempt))",
    caughtIn: gathered,
    caughtBy: "says the same to the read models",
  },
]
