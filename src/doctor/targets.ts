/** What the checks look at: connections that are open, or why one is not; and the settings by which they judge. */
import type { JetStreamManager } from "@nats-io/jetstream"
import type { NatsConnection } from "@nats-io/transport-node"
import { Effect, type Result } from "effect"
import type { Postgres } from "../platform/postgres.ts"
import type { RedisCommands } from "../platform/redis-client.ts"
import type { MasterKeys } from "../settings/keys.ts"

/** A store cannot be reached. The reason has no address and no password. */
export interface Unreachable {
  readonly message: string
}

/** What the checks need of the settings. Those that are missing or malformed have their defaults here. */
export interface DoctorSettings {
  readonly production: boolean
  readonly prefix: string
  readonly partitions: number
  readonly redisReplicas: number
  readonly postgresStandbys: number
  readonly stream: string
  readonly clockOffsetMsMax: number
  readonly archiveAfterMs: number
  readonly masterKeys: MasterKeys | undefined
  /** The folder for data of a local platform. */
  readonly dataDir: string
}

export interface NatsTarget {
  readonly connection: NatsConnection
  readonly manager: JetStreamManager
}

/** The stores, each on its own: with one down, the checks of the others still say what they see. */
export interface Targets {
  readonly settings: DoctorSettings
  readonly redis: Result.Result<RedisCommands, Unreachable>
  readonly query: Result.Result<Postgres["Service"]["query"], Unreachable>
  readonly nats: Result.Result<NatsTarget, Unreachable>
}

/** Looks with a connection, or fails with why there is none. */
export const withTarget = <A, B, E>(
  target: Result.Result<A, Unreachable>,
  look: (open: A) => Effect.Effect<B, E>,
): Effect.Effect<B, E | Unreachable> => Effect.flatMap(Effect.fromResult(target), look)
