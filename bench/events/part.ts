/**
 * One part of what follows the log, in a process of its own: `part.ts relay`. Its settings come from the environment, like those
 * of the service. Works until it is stopped, and fails if the part ends.
 */
import "effect/schema/SchemaJITCompiler/enable"
import { NodeRuntime } from "@effect/platform-node"
import { Effect, Layer } from "effect"
import { serveLayer } from "../../src/app.ts"
import { AppConfig } from "../../src/config.ts"
import { Database } from "../../src/database/database.ts"
import { Nats } from "../../src/platform/nats.ts"
import { Postgres } from "../../src/platform/postgres.ts"
import { RedisConnections } from "../../src/platform/redis.ts"
import { layer as partnerKeysOnRedis } from "../../src/vault/partner-keys-redis.ts"
import { ClaimedAhead } from "../../src/webhooks/claimed-ahead.ts"
import { layer as deliveriesInPostgres } from "../../src/webhooks/deliveries-postgres.ts"
import { makeWakeUps, runDispatcher } from "../../src/webhooks/dispatcher.ts"
import { layer as endpointHealthInPostgres } from "../../src/webhooks/endpoint-health-postgres.ts"
import { runEventConsumer } from "../../src/webhooks/event-consumer.ts"

/** What the halves of the role `webhooks` stand on, as `src/app.ts` wires it. */
const webhooksPlatform = Layer.mergeAll(deliveriesInPostgres, endpointHealthInPostgres, Nats.layer).pipe(
  Layer.provideMerge(partnerKeysOnRedis),
  Layer.provideMerge(Database.layer),
  Layer.provideMerge(Layer.mergeAll(RedisConnections.layer, Postgres.layer)),
  Layer.provideMerge(AppConfig.layer),
)

/** With nobody who sends, nothing is claimed ahead. */
const inbox = Effect.flatMap(makeWakeUps, (wakeUps) => runEventConsumer(wakeUps, new ClaimedAhead()))
const dispatcher = Effect.flatMap(makeWakeUps, (wakeUps) => runDispatcher(wakeUps))

const parts = {
  relay: Layer.launch(serveLayer(["publisher"])),
  projector: Layer.launch(serveLayer(["projector"])),
  followers: Layer.launch(serveLayer(["projector", "publisher"])),
  inbox: Effect.provide(inbox, webhooksPlatform),
  dispatcher: Effect.provide(dispatcher, webhooksPlatform),
  webhooks: Layer.launch(serveLayer(["webhooks"])),
  "all in one": Layer.launch(serveLayer(["projector", "publisher", "webhooks"])),
} as const
export type Part = keyof typeof parts

const isPart = (name: string): name is Part => Object.hasOwn(parts, name)

const name = process.argv[2] ?? ""
if (!isPart(name)) throw new Error(`${name} is none of ${Object.keys(parts).join(", ")}`)
console.log(`${name} begins`)
NodeRuntime.runMain(Effect.andThen(parts[name], Effect.fail(new Error(`${name} ended`))))
