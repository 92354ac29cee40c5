/** Guards around who takes batches: that somebody always does. */
import type { StepGuard } from "./step-guards.ts"

const packing = "test/actors/packing.test.ts"
const taking = "test/actors/taking.test.ts"
const spare = "test/actors/processor-time.test.ts"
const decisions = "actors/packing.ts"
const part = "actors/taking.ts"

export const packingGuards: ReadonlyArray<StepGuard> = [
  {
    name: "a mark that does not change keeps nobody from taking",
    file: decisions,
    text: "isOthers && mark !== this.#seen",
    without: "isOthers",
    caughtIn: packing,
    caughtBy: "takes when the mark no longer changes, and then its own is left",
  },
  {
    name: "nobody refrains for longer than a mark is kept",
    file: decisions,
    text: "now < this.#refrainsUntil ||",
    without: "this.#refrainsUntil > 0 ||",
    caughtIn: packing,
    caughtBy: "takes when the mark no longer changes, and then its own is left",
  },
  {
    name: "another takes beside a full taker",
    file: decisions,
    text: "mark.endsWith(FULL) && wouldHelp()",
    without: "false",
    caughtIn: packing,
    caughtBy: "becomes the taker if the other is full and there is time to spare",
  },
  {
    name: "a full worker that uses much takes beside another",
    file: decisions,
    text: "this.#used >= USED.min || wouldHelp()",
    without: "wouldHelp()",
    caughtIn: packing,
    caughtBy: "takes beside it if it is full itself, and another taker would help",
  },
  {
    name: "workers that share a load do not change places",
    file: decisions,
    text: "used < USED.min)",
    without: "used < USED.max)",
    caughtIn: packing,
    caughtBy: "are at last as many as it needs, and do not change: 2 workers",
  },
  {
    name: "nobody waits for a last taker for long",
    file: decisions,
    text: " || now - this.#noneSince >= CEDE_MS",
    without: "",
    caughtIn: packing,
    caughtBy: "waits for the last taker, and takes a few meanwhile",
  },
  {
    name: "nobody waits for a last taker that did not come",
    file: decisions,
    text: "this.#isAnothers &&= this.#sawAnother",
    without: "",
    caughtIn: packing,
    caughtBy: "waits for it also after a rest, but not after one for which it did not come",
  },
  {
    name: "a worker whose store does not answer takes",
    file: part,
    text: "      packing.knowsNothing()\n",
    without: "",
    caughtIn: taking,
    caughtBy: "takes all that it can if the store does not answer from the beginning",
  },
  {
    name: "a worker that cannot read the run queue keeps nobody from it",
    file: part,
    text: "works && canRead()",
    without: "works",
    caughtIn: taking,
    caughtBy: "is not the taker while its read of the run queue fails",
  },
  {
    name: "a taker that ends says so",
    file: part,
    text: "isTaker ? logged(mark.remove, 0) : Effect.void",
    without: "Effect.void",
    caughtIn: taking,
    caughtBy: "takes at once when the taker ends, and that one does not come back",
  },
  {
    name: "only the taker removes the mark",
    file: part,
    text: "isTaker ? logged(mark.remove, 0) : Effect.void",
    without: "logged(mark.remove, 0)",
    caughtIn: taking,
    caughtBy: "leaves the mark of another alone when it ends",
  },
  {
    name: "batches that have waited for long are taken by all",
    file: part,
    text: "hasTime() || waitsLong",
    without: "hasTime()",
    caughtIn: taking,
    caughtBy: "takes beside a full taker without time to spare when batches have waited for half a minute",
  },
  {
    name: "nobody looks at rest",
    file: part,
    text: "if (isAtRest() && !refrains() && needed.closeUnsafe())",
    without: "if (false)",
    caughtIn: taking,
    caughtBy: "asks for no mark before it has taken a batch, and none at rest",
  },
  {
    name: "time to spare is not known of a time in which nobody asked",
    file: "actors/processor-time.ts",
    text: "at - since <= IDLE_OVER_MS.max && ",
    without: "",
    caughtIn: spare,
    caughtBy: "is not known of a time in which nobody asked",
  },
]
