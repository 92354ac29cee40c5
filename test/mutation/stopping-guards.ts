/** Guards of the end of a process: who is told, who is waited for, and for how long. */
import type { StepGuard } from "./step-guards.ts"

const life = "test/platform/lifecycle.test.ts"
const listeners = "test/http/edge/listener.test.ts"
const webhooks = "test/webhooks/attempts.test.ts"
const workers = "test/actors/drain.test.ts"
const processes = "test/recovery/drain.test.ts"

export const stoppingGuards: ReadonlyArray<StepGuard> = [
  {
    name: "callers have time to learn that a process stops",
    file: "platform/lifecycle.ts",
    text: "  yield* Effect.sleep(noticeMs)\n",
    without: "",
    caughtIn: life,
    caughtBy: "tells its end to callers before anything ends",
  },
  {
    name: "a process ends although a part does not",
    file: "platform/lifecycle.ts",
    text: "      yield* overdue\n",
    without: "",
    caughtIn: life,
    caughtBy: "waits for its parts within a limit",
  },
  {
    name: "a process that stops is not ready",
    file: "http/operations/operations.ts",
    text: "if (isStopping)",
    without: "if (!isStopping && false)",
    caughtIn: processes,
    caughtBy: "loses no request",
  },
  {
    name: "a process that stops keeps no connection",
    file: "http/edge/listener.ts",
    text: "if (this.#life.isStopping) endsConnection(outgoing)",
    without: "",
    caughtIn: processes,
    caughtBy: "loses no request",
  },
  {
    name: "a worker that ends hands over what it has",
    file: "actors/draining.ts",
    text: "    yield* Effect.forEach(left, (lease) => handOver(lease), { concurrency: HAND_OVERS_MAX, discard: true })\n",
    without: "",
    caughtIn: workers,
    caughtBy: "hands its batches over before a slow bank has answered",
  },
  {
    name: "nobody waits for a permit that a drain keeps",
    file: "actors/worker.ts",
    text: "worker.taking.withPermitsIfAvailable(1)",
    without: "worker.taking.withPermit",
    caughtIn: workers,
    caughtBy: "ends although it was just about to take over",
  },
  {
    name: "a process that stops waits for the answers of endpoints",
    file: "webhooks/attempts.ts",
    text: "pipe(Effect.interruptible, Effect.timeoutOption(ANSWERS_MS_MAX))",
    without: "pipe(Effect.timeoutOption(ANSWERS_MS_MAX), Effect.interruptible)",
    caughtIn: webhooks,
    caughtBy: "is waited for and recorded when the process stops",
  },
  {
    name: "a server waits for its requests although its fiber is interrupted",
    file: "http/edge/listener.ts",
    text: "    Effect.interruptible,\n    Effect.timeoutOrElse({ duration: DRAIN_MS_MAX, orElse: () => cutOff(server, calls) }),\n",
    without:
      "    Effect.timeoutOrElse({ duration: DRAIN_MS_MAX, orElse: () => cutOff(server, calls) }),\n    Effect.interruptible,\n",
    caughtIn: listeners,
    caughtBy: "although its own fiber is interrupted",
  },
]
