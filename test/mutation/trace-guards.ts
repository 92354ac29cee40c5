/** Guards around traces: what they may keep and send, and that nobody waits for them. */
import type { StepGuard } from "./step-guards.ts"

const exporting = "test/traces/exporting.test.ts"
const logSpans = "test/traces/log-spans.test.ts"
const batchTraces = "test/actors/batch-traces.test.ts"
const sampling = "test/traces/sampling.test.ts"

export const traceGuards: ReadonlyArray<StepGuard> = [
  {
    name: "spans that wait have a limit",
    file: "traces/span-queue.ts",
    text: "if (this.#spans.length >= SPANS_MAX) this.#dropped()",
    without: "if (this.#spans.length < 0) this.#dropped()",
    caughtIn: exporting,
    caughtBy: "wait in a queue with a limit",
  },
  {
    name: "spans that the collector refused are not sent for ever",
    file: "traces/exporting.ts",
    text: "    return !mayPass\n",
    without: "    return false\n",
    caughtIn: exporting,
    caughtBy: "are dropped if the collector refuses them",
  },
  {
    name: "the spans of a log have a limit",
    file: "traces/log-spans.ts",
    text: "this.#untroubled >= SPANS_MAX",
    without: "this.#untroubled < 0",
    caughtIn: logSpans,
    caughtBy: "are no more than fit",
  },
  {
    name: "spans that were exported are not made again",
    file: "traces/log-spans.ts",
    text: "if (this.#version <= this.#from) return",
    without: "if (this.#version < 0) return",
    caughtIn: logSpans,
    caughtBy: "that were exported are not made again",
  },
  {
    name: "traces that are kept afterwards are so many a second",
    file: "traces/tracing.ts",
    text: "const may = kept.take(now)",
    without: "const may = kept.take(now) || true",
    caughtIn: batchTraces,
    caughtBy: "is one of so many a second that are kept",
  },
  {
    name: "a batch that its channel held back is in no trouble",
    file: "actors/batch-traces.ts",
    text: ' || span.failure === "not-called"',
    without: "",
    caughtIn: batchTraces,
    caughtBy: "is not kept because a channel took no calls",
  },
  {
    name: "spans of calls are remembered up to a number of all batches",
    file: "actors/kept-traces.ts",
    text: "while (this.#calls > ALL_CALLS_MAX)",
    without: "while (this.#calls < 0)",
    caughtIn: batchTraces,
    caughtBy: "has a limit over all batches",
  },
  {
    name: "a clock that was set back allows nothing",
    file: "traces/sampling.ts",
    text: "Math.max(0, now - this.#at)",
    without: "Math.abs(now - this.#at)",
    caughtIn: sampling,
    caughtBy: "gives so many a second",
  },
]
