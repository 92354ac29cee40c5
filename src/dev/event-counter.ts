/** Listening to NATS like any consumer: the public events of one batch, counted by their ids. */
import { connect } from "@nats-io/transport-node"
import { Effect, Option, Schema, type Scope } from "effect"
import { serversIn } from "../platform/nats-address.ts"
import { CliFailure } from "../terminal/cli-failure.ts"

const Event = Schema.fromJsonString(Schema.Struct({ id: Schema.String }))
const decodeEvent = Schema.decodeUnknownOption(Event)

/** Ids of the events that were published about the batch since the call; the set grows while the scope lives. */
export const countEvents = Effect.fn("countEvents")(function* (
  natsUrl: string,
  partner: string,
  batch: string,
): Effect.fn.Return<ReadonlySet<string>, CliFailure, Scope.Scope> {
  const connection = yield* Effect.acquireRelease(
    Effect.tryPromise({
      try: () => connect({ name: "atlaspay-demo", ...serversIn(natsUrl) }),
      catch: () => new CliFailure({ reason: "NATS does not answer." }),
    }),
    (connection) => Effect.promise(() => connection.close()),
  )
  const ids = new Set<string>()
  const stream = (process.env.NATS_STREAM || "ATLASPAY").toLowerCase()
  connection.subscribe(`${stream}.events.${partner}.${batch}.*`, {
    callback: (error, message) => {
      const event = error === null ? decodeEvent(message.string()) : Option.none()
      if (Option.isSome(event)) ids.add(event.value.id)
    },
  })
  yield* Effect.promise(() => connection.flush())
  return ids
})
