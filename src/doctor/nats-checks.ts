/** Checks of NATS: JetStream, the event stream with its limits, and the consumer of webhooks. */
import { Effect, Result } from "effect"
import { natsStep } from "../platform/nats.ts"
import { type Check, ok, problem, type Seen, warning } from "./check.ts"
import { type NatsTarget, type Targets, withTarget } from "./targets.ts"

/** The oldest version with what the stream needs: the age of its window for duplicates, and metadata of consumers. */
const MAJOR_MIN = 2
const NOT_FOUND = /NotFound/
const FULL_WARNING = 0.8
const FULL_PROBLEM = 0.95
const PENDING_WARNING = 1_000
/** The durable consumer of the webhooks. */
const CONSUMER = "webhooks"

/** The checks that look at NATS. Without it nobody is told anything, and payments go on. */
export const natsChecks = ({ nats, settings: { stream } }: Targets): ReadonlyArray<Check> => [
  { name: "nats", look: Result.match(nats, { onSuccess: server, onFailure: unreachable }) },
  { name: "event-stream", look: withTarget(nats, (target) => eventStream(target, stream)) },
  { name: "webhook-lag", look: withTarget(nats, (target) => webhookLag(target, stream)) },
]

const unreachable = ({ message }: { readonly message: string }) =>
  Effect.succeed(
    problem(
      `cannot be reached: ${message}`,
      "Start NATS with JetStream, or correct NATS_URL: until then events and webhooks wait in the logs.",
    ),
  )

const server = ({ connection, manager }: NatsTarget) => {
  const version = connection.info?.version ?? "unknown"
  return natsStep("look at JetStream", () => manager.getAccountInfo()).pipe(
    Effect.map((account): Seen => {
      const seen = `NATS ${version}, JetStream with ${account.streams} streams`
      return Number.parseInt(version, 10) < MAJOR_MIN
        ? problem(seen, `Upgrade NATS to ${MAJOR_MIN}.0 or newer.`)
        : ok(seen)
    }),
    Effect.catch(({ reason }) =>
      Effect.succeed(
        problem(`NATS ${version}: JetStream does not answer: ${reason}`, "Start NATS with JetStream (-js)."),
      ),
    ),
  )
}

const eventStream = ({ manager }: NatsTarget, stream: string) =>
  natsStep("look at the stream", () => manager.streams.info(stream)).pipe(
    Effect.map(({ config, state, cluster }): Seen => {
      const fill = Math.max(
        config.max_bytes > 0 ? state.bytes / config.max_bytes : 0,
        config.max_msgs > 0 ? state.messages / config.max_msgs : 0,
      )
      const lagging = (cluster?.replicas ?? []).filter(({ current, offline }) => !current || offline === true)
      const seen = `${stream}: ${state.messages} messages, ${state.bytes} bytes, ${Math.round(fill * 100)} % of its limits, ${config.num_replicas} replicas`
      const todo =
        "Raise NATS_STREAM_BYTES_MAX or NATS_STREAM_MESSAGES_MAX, and run atlaspay stream apply: a full stream takes no events."
      if (fill >= FULL_PROBLEM) return problem(seen, todo)
      if (lagging.length > 0)
        return warning(
          `${seen}, ${lagging.length} of them behind or away`,
          "Look at the servers of the JetStream cluster.",
        )
      return fill >= FULL_WARNING ? warning(seen, todo) : ok(seen)
    }),
    Effect.catchIf(
      ({ reason }) => NOT_FOUND.test(reason),
      () =>
        Effect.succeed(
          warning(
            `there is no stream ${stream}`,
            "The publisher makes it when it starts. If events were published before, it has been deleted: see docs/EVENTS.md.",
          ),
        ),
    ),
  )

const webhookLag = ({ manager }: NatsTarget, stream: string) =>
  natsStep("look at the consumer", () => manager.consumers.info(stream, CONSUMER)).pipe(
    Effect.map(({ num_pending, num_ack_pending }): Seen => {
      const seen = `${num_pending} events wait for their webhooks, ${num_ack_pending} are being stored`
      return num_pending > PENDING_WARNING
        ? warning(seen, "Look whether a process with the role webhooks runs, and what it logs.")
        : ok(seen)
    }),
    Effect.catchIf(
      ({ reason }) => NOT_FOUND.test(reason),
      () =>
        Effect.succeed(
          warning(
            "no process with the role webhooks has run yet",
            "Start one: atlaspay serve --roles webhooks.",
          ),
        ),
    ),
  )
