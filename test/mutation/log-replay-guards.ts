/** Guards around replays, comparisons and exports of logs, each with the one test that misses it. */
import type { StepGuard } from "./step-guards.ts"

const lockstep = "test/replay/lockstep.test.ts"
const scrubbing = "test/replay/scrubbing.test.ts"
const commands = "test/cli/replay-commands.test.ts"

export const logReplayGuards: ReadonlyArray<StepGuard> = [
  {
    name: "states are compared after each event, not only at the end",
    file: "replay/lockstep.ts",
    text: "    this.#compareStates()\n    this.#isPlanned = false",
    without: "    this.#isPlanned = false",
    caughtIn: lockstep,
    caughtBy: "finds that a time is forgotten",
  },
  {
    name: "a field that is missing is not one that is undefined",
    file: "replay/difference.ts",
    text: "Object.hasOwn(others, key) ? others[key] : MISSING",
    without: "others[key]",
    caughtIn: lockstep,
    caughtBy: "finds that a field is missing",
  },
  {
    name: "the order of items counts",
    file: "replay/difference.ts",
    text: "if (!Object.is(value, other)) return",
    without: "if (value === MISSING) return",
    caughtIn: lockstep,
    caughtBy: "finds that items wait in another order",
  },
  {
    name: "the keys of heaps are compared",
    file: "replay/difference.ts",
    text: "if (!Object.is(key, otherKey))\n",
    without: "if (key === MISSING)\n",
    caughtIn: lockstep,
    caughtBy: "finds that a heap is by another time",
  },
  {
    name: "plans are compared at the time to wake",
    file: "replay/planning.ts",
    text: "wakeAt: wakeAt(batch, { now, terms, banks, line })",
    without: "wakeAt: undefined",
    caughtIn: lockstep,
    caughtBy: "finds that a batch is woken later",
  },
  {
    name: "plans are also made where banks take little",
    file: "replay/planning.ts",
    text: "this.#plan(batch, at, strict, little, this.#tight, someBusy)",
    without: "this.#plan(batch, at, strict, new Map(), this.#tight, someBusy)",
    caughtIn: lockstep,
    caughtBy: "finds that a bank that takes little is sent more",
  },
  {
    name: "a code that refuses an event is a difference",
    file: "replay/lockstep.ts",
    text: "if (ours !== undefined && theirs !== undefined) throw new Error(ours)",
    without: "return true",
    caughtIn: lockstep,
    caughtBy: "finds that a code throws",
  },
  {
    name: "a field that nobody has decided about leaves no house",
    file: "replay/scrubbing.ts",
    text: "if (treatment === undefined)",
    without: 'if (treatment === undefined && path === "")',
    caughtIn: scrubbing,
    caughtBy: "refuses an event with a field",
  },
  {
    name: "credentials are replaced part by part",
    file: "replay/scrubbing.ts",
    text: 'name.split("/").map(text).join("/")',
    without: "name",
    caughtIn: scrubbing,
    caughtBy: "has no text of",
  },
  {
    name: "the policy stays the policy, and funds that lack stay that",
    file: "replay/scrubbing.ts",
    text: "isOurWord(text) ? text : names.text(text)",
    without: "names.text(text)",
    caughtIn: scrubbing,
    caughtBy: "folds into the same states",
  },
  {
    name: "an export has its lines in order",
    file: "replay/scrubbed-log.ts",
    text: "if (version !== this.#version + 1)",
    without: "if (version < 0)",
    caughtIn: scrubbing,
    caughtBy: "names the line",
  },
  {
    name: "an export has its end",
    file: "replay/scrubbed-log.ts",
    text: "if (this.#version !== header.events)",
    without: "if (this.#version < 0)",
    caughtIn: scrubbing,
    caughtBy: "names the line",
  },
  {
    name: "an import goes into no store that others use",
    file: "cli/replay-import.ts",
    text: 'if (environment.NODE_ENV !== "production" && set.length === 0) return Effect.void',
    without: "return Effect.void",
    caughtIn: commands,
    caughtBy: "goes into no store that others use",
  },
]
