/** Guards around traces: what they may keep and send, and that nobody waits for them. */
import type { StepGuard } from "./step-guards.ts"

const exporting = "test/traces/exporting.test.ts"
const logSpans = "test/traces/log-spans.test.ts"
const batchTraces = "test/actors/batch-traces.test.ts"
const sampling = "test/traces/sampling.test.ts"
const logReading = "test/actors/log-reading.test.ts"

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
    text: "const may = kept[of].take(now)",
    without: "const may = kept[of].take(now) || true",
    caughtIn: batchTraces,
    caughtBy: "is one of so many a second that are kept",
  },
  {
    name: "a batch that its channel held back is in no trouble",
    file: "actors/batch-traces.ts",
    text: ' || failure === "not-called"',
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
    name: "requests take nothing from the traces of batches",
    file: "traces/tracing.ts",
    text: "asked[of].take(now)",
    without: "asked.batch.take(now)",
    caughtIn: sampling,
    caughtBy: "leaves batches their share",
  },
  {
    name: "a mistake in recording stays beside the batch",
    file: "traces/tracing.ts",
    text: "        return step()\n      } catch (defect) {",
    without:
      "        return step()\n      } catch (defect) {\n        if (defect !== undefined) throw defect",
    caughtIn: batchTraces,
    caughtBy: "stays beside the batch",
  },
  {
    name: "a mistake in sending does not end all sending",
    file: "traces/exporting.ts",
    text: "    Effect.catchDefect((defect) =>\n",
    without: "    Effect.catchDefect((defect) =>\n      defect !== undefined ? Effect.die(defect) :\n",
    caughtIn: exporting,
    caughtBy: "that cannot be written are dropped",
  },
  {
    name: "trouble is read from the log",
    file: "actors/activation.ts",
    text: "services.traces === undefined ? advance : advanceTraced",
    without: "advance",
    caughtIn: "test/actors/loaded-log.test.ts",
    caughtBy: "whoever had the batch then",
  },
  {
    name: "a batch whose log told of trouble is kept",
    file: "actors/batch-traces.ts",
    text: "const isToKeep = isTroubled || seen",
    without: "const isToKeep = seen",
    caughtIn: batchTraces,
    caughtBy: "told of trouble to another worker",
  },
  {
    name: "how slow a closed batch was does not grow",
    file: "actors/batch-traces.ts",
    text: "batch.closedAt ?? this.#clock.currentTimeMillisUnsafe())",
    without: "this.#clock.currentTimeMillisUnsafe() + 1e15)",
    caughtIn: batchTraces,
    caughtBy: "and not for a return",
  },
  {
    name: "a log that cannot be read to its end is shown until there",
    file: "actors/log-reading.ts",
    text: '.pipe(Effect.catchTag("CorruptEntry", recordUntil))',
    without: "",
    caughtIn: logReading,
    caughtBy: "gives the spans until there",
  },
  {
    name: "logs that wait at the end are read",
    file: "actors/log-reading.ts",
    text: "yield* Effect.timeoutOption(Effect.interruptible(readAll), FAREWELL_MS_MAX)",
    without: "",
    caughtIn: logReading,
    caughtBy: "that waits at the end is still read",
  },
  {
    name: "open spans that went wrong come before others",
    file: "traces/log-spans.ts",
    text: '{ "atlaspay.open": true }), open.isTroubled)',
    without: '{ "atlaspay.open": true }), false)',
    caughtIn: logSpans,
    caughtBy: "before what is open",
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
