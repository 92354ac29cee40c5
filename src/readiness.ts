/**
 * What a process has to reach for its roles to work, and whether they do. It answers probes: an orchestrator sends requests only to
 * a process that is ready, and goes on with an upgrade only when it is.
 *
 * The API needs only Redis to accept and show batches, so a process with the API is ready with Redis, and takes requests. A process
 * without the API is ready when it reaches what all of its roles need. Whatever else is missing is reported as degraded.
 */
import { Effect, Layer } from "effect"
import { LateChecks } from "./http/operations/late-checks.ts"
import { ReadinessChecks } from "./http/operations/operations.ts"
import { Nats, natsStep } from "./platform/nats.ts"
import { Postgres } from "./platform/postgres.ts"
import { RedisConnections } from "./platform/redis.ts"
import type { Role } from "./service-roles.ts"
import { Partitions } from "./streams/partitions.ts"
import { StoreWatch } from "./streams/store-watch.ts"

/** What each role needs besides Redis, without which it does nothing. */
const needs: Readonly<Record<Role, ReadonlyArray<"nats" | "postgres">>> = {
  api: [],
  worker: ["postgres"],
  "bank-files": ["postgres"],
  projector: ["postgres"],
  publisher: ["postgres", "nats"],
  webhooks: ["postgres", "nats"],
  // Only signed roots go to NATS, and they wait.
  archiver: ["postgres"],
}

/** Whether any of the roles publishes or delivers. */
export const needsNats = (roles: ReadonlyArray<Role>): boolean =>
  roles.some((role) => needs[role].includes("nats"))

const paying: ReadonlyArray<Role> = ["api", "worker", "bank-files"]

/** Whether any of the roles takes orders or sends them, and so watches what the stores have lost. */
export const watchesStores = (roles: ReadonlyArray<Role>): boolean =>
  roles.some((role) => paying.includes(role))

/** Whether any of the roles sends orders to banks. */
export const sendsOrders = (roles: ReadonlyArray<Role>): boolean =>
  roles.some((role) => role !== "api" && paying.includes(role))

/** The checks of a process with these roles. */
export const readinessLayer = (roles: ReadonlyArray<Role>) =>
  Layer.effect(
    ReadinessChecks,
    Effect.gen(function* () {
      const { onEachPrimary } = yield* RedisConnections
      const { query } = yield* Postgres
      const late = yield* LateChecks
      const judged: ReadonlyArray<Role> = roles.includes("api") ? ["api"] : roles
      const isRequired = (part: "nats" | "postgres") => judged.every((role) => needs[role].includes(part))
      const started = Effect.forEach(judged, (role) => late.of(role), { discard: true })
      return [
        { name: "start", required: true, check: started },
        { name: "redis", required: true, check: onEachPrimary((primary) => primary.ping()) },
        {
          name: "postgres",
          required: isRequired("postgres"),
          check: query("ping", (sql) => sql`select 1`),
        },
        ...(needsNats(roles) ? [{ name: "nats", required: isRequired("nats"), check: late.of("nats") }] : []),
        ...(watchesStores(roles) ? [{ name: "paying", required: false, check: late.of("paying") }] : []),
      ]
    }),
  )

/** Says that a role has started, once its layer is built. */
export const startedLayer = (role: Role) =>
  Layer.effectDiscard(Effect.flatMap(LateChecks, ({ add }) => add(role, Effect.void)))

/** Lets readiness know the connection to NATS, which a role waits for when it starts. */
export const natsCheckLayer = Layer.effectDiscard(
  Effect.gen(function* () {
    const { connection } = yield* Nats
    yield* (yield* LateChecks).add(
      "nats",
      natsStep("ping", () => connection.flush()),
    )
  }),
)

/** Lets readiness know whether the partitions may pay. */
export const payingCheckLayer = Layer.effectDiscard(
  Effect.gen(function* () {
    const { count } = yield* Partitions
    const { objection } = yield* StoreWatch
    const allMayPay = Effect.suspend(() => {
      const objections = Array.from({ length: count }, (_, partition) => objection(partition))
      const reason = objections.find((objection) => objection !== undefined)
      return reason === undefined ? Effect.void : Effect.fail(reason)
    })
    yield* (yield* LateChecks).add("paying", allMayPay)
  }),
)
