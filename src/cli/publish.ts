/** For an operator: publishes events again from the logs, and looks at the stream that holds them. */
import { Console, Effect, type Layer, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { AppConfig } from "../config.ts"
import { type BatchId, isBatchId } from "../domain/identifiers.ts"
import { Nats } from "../platform/nats.ts"
import { applyLimits, differencesOf, ensureEventStream, streamInfo } from "../publisher/event-stream.ts"
import { FOLLOWER, makeRelay } from "../publisher/relay.ts"
import { makeRepublication } from "../publisher/republication.ts"
import { makeStreamWatch } from "../publisher/stream-watch.ts"
import { EventStore } from "../streams/event-store.ts"
import { CliFailure } from "../terminal/cli-failure.ts"
import { dataDir, json } from "./flags.ts"
import { withLayer } from "./service-layer.ts"

/** What `--from` names: all events since a time, or those of one batch from a version of its log on. */
export type From =
  | { readonly since: number; readonly batch?: undefined }
  | { readonly batch: BatchId; readonly version: number }

const EXPECTED =
  "--from: expected start, a time such as 2026-11-23T10:00:00Z, or a batch and a version such as pb_…:41, also as the id of an event has it."

/** Reads `--from`; `undefined` if it is nothing of these. */
export const fromOf = (text: string): From | undefined => {
  if (text === "start") return { since: 0 }
  const [batch = "", version = "", ...rest] = text.split(":")
  if (isBatchId(batch))
    return rest.length <= 2 && [version, ...rest].every((part) => /^[1-9][0-9]{0,8}$/.test(part))
      ? { batch, version: Number(version) }
      : undefined
  // A time without its zone would be another moment on another machine.
  const since = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(?:Z|[+-][0-9]{2}:[0-9]{2})$/.test(text)
    ? Date.parse(text)
    : Number.NaN
  return Number.isNaN(since) ? undefined : { since }
}

interface Progress {
  readonly batches: number
  readonly events: number
  readonly corrupt: number
  readonly last?: BatchId | undefined
}

export const publish = Command.make(
  "publish",
  {
    from: Flag.String("from").pipe(
      Flag.withMetavar("start|TIME|ID:VERSION"),
      Flag.withDescription(
        "From where: all logs, events since a time, or one batch from an entry of its log on",
      ),
    ),
    after: Flag.optional(
      Flag.String("after").pipe(
        Flag.withMetavar("ID"),
        Flag.withDescription("Continue after this batch, up to which an earlier run came"),
      ),
    ),
    dryRun: Flag.Boolean("dry-run").pipe(
      Flag.withDescription("Only count what would be published"),
      Flag.withDefault(false),
    ),
    dataDir,
    json: json("Print the progress as lines of JSON"),
  },
  Effect.fn(function* ({ from: text, after, dryRun, dataDir, json }) {
    const from = fromOf(text)
    if (from === undefined) return yield* new CliFailure({ reason: EXPECTED })
    const first = Option.getOrElse(after, () => "")
    if (first !== "" && !isBatchId(first))
      return yield* new CliFailure({ reason: "--after: expected a payout batch id such as pb_…" })
    if (first !== "" && from.batch !== undefined)
      return yield* new CliFailure({ reason: "--after: --from names one batch already" })
    const done = yield* withPublication(
      dataDir,
      publishFrom(from, first, dryRun, (so) => Console.log(json ? JSON.stringify(so) : lineOf(so, dryRun))),
    )
    if (done.corrupt > 0)
      return yield* new CliFailure({ reason: `The logs of ${done.corrupt} batches cannot be read.` })
  }),
).pipe(
  Command.withDescription(
    "Publish events again from the logs. They have their old ids, so whoever has them drops them",
  ),
)

const lineOf = ({ batches, events, last }: Progress, dryRun: boolean): string =>
  `${events} events of ${batches} ${batches === 1 ? "batch" : "batches"} ${dryRun ? "would be" : "are"} published${last === undefined ? "" : `, up to --after ${last}`}`

const publishFrom = Effect.fnUntraced(function* (
  from: From,
  first: string,
  dryRun: boolean,
  report: (progress: Progress) => Effect.Effect<void>,
) {
  const relay = yield* makeRelay
  const watch = yield* makeStreamWatch(FOLLOWER, relay.publish)
  if (!dryRun) yield* watch.check
  const again = yield* makeRepublication((messages) =>
    dryRun ? Effect.void : Effect.flatten(watch.publish(messages)),
  )
  if (from.batch !== undefined) {
    const { batch, version } = from
    const [begin] = yield* (yield* EventStore).read(batch, 0, 1)
    if (begin === undefined) return yield* new CliFailure({ reason: `There is no log of ${batch}.` })
    const events = yield* again.batch(batch, { since: 0, from: version })
    const done: Progress = { batches: 1, events, corrupt: 0 }
    yield* report(done)
    return done
  }
  if (!dryRun) yield* watch.goBack
  let done: Progress = { batches: 0, events: 0, corrupt: 0 }
  let after = first
  while (true) {
    const { last, batches, events, corrupt } = yield* again.page(after, from)
    done = {
      batches: done.batches + batches,
      events: done.events + events,
      corrupt: done.corrupt + corrupt,
      last,
    }
    yield* report(done)
    if (last === undefined) return done
    after = last
  }
}, Effect.scoped)

const withPublication = <A, E extends { readonly _tag: string; readonly message: string }>(
  dataDir: string,
  use: Effect.Effect<A, E, Layer.Success<typeof import("../app.ts")["publicationLayer"]>>,
) => withLayer(dataDir, ({ publicationLayer }) => publicationLayer, use)

const show = Command.make(
  "show",
  { dataDir, json: json("Print it as one line of JSON") },
  Effect.fn(function* ({ dataDir, json }) {
    const shown = yield* withPublication(
      dataDir,
      Effect.gen(function* () {
        const { stream, limits } = (yield* AppConfig).nats
        const { config, state } = yield* streamInfo((yield* Nats).manager, stream)
        const { messages, bytes, first_ts, last_ts } = state
        return { stream, messages, bytes, first_ts, last_ts, differences: differencesOf(config, limits) }
      }),
    )
    const { stream, messages, bytes, differences } = shown
    if (json) return yield* Console.log(JSON.stringify(shown))
    yield* Console.log(`${stream}: ${messages} messages, ${bytes} bytes`)
    for (const { limit, found, wanted } of differences)
      yield* Console.log(`  ${limit} is ${found}; the settings say ${wanted}`)
  }),
).pipe(Command.withDescription("Show the event stream, and where its limits differ from the settings"))

const apply = Command.make(
  "apply",
  { dataDir },
  Effect.fn(function* ({ dataDir }) {
    yield* withPublication(
      dataDir,
      Effect.gen(function* () {
        const { stream, limits } = (yield* AppConfig).nats
        const { manager } = yield* Nats
        yield* ensureEventStream(manager, stream, limits)
        yield* applyLimits(manager, stream, limits)
        yield* Console.log(`${stream} has the limits of the settings.`)
      }),
    )
  }),
).pipe(Command.withDescription("Give the event stream the limits of the settings"))

export const stream = Command.make("stream").pipe(
  Command.withDescription("The JetStream stream of the public events"),
  Command.withSubcommands([show, apply]),
)
