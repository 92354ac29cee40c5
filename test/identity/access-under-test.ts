/** Partners and keys on the real stores, as one process of the service has them. */
import { randomUUID } from "node:crypto"
import { Effect, Layer, ManagedRuntime } from "effect"
import { scopes } from "../../src/identity/access.ts"
import type { AccessMarks } from "../../src/identity/access-marks.ts"
import { layer as accessMarksOnRedis } from "../../src/identity/access-marks-redis.ts"
import { layer as accessInPostgres } from "../../src/identity/access-register-postgres.ts"
import { Administration } from "../../src/identity/administration.ts"
import { type Administrator, AuditTrail } from "../../src/identity/audit-trail.ts"
import { layer as auditInPostgres } from "../../src/identity/audit-trail-postgres.ts"
import { Credentials } from "../../src/identity/credentials.ts"
import { KeyDirectory } from "../../src/identity/key-directory.ts"
import type { KeyRecords } from "../../src/identity/key-records.ts"
import { layer as keyRecordsInPostgres } from "../../src/identity/key-records-postgres.ts"
import { layer as contractsInPostgres } from "../../src/identity/partner-contracts-postgres.ts"
import { layer as settingsInPostgres } from "../../src/identity/settings-records-postgres.ts"
import type { KeyTerms } from "../../src/identity/stored-key.ts"
import { Postgres } from "../../src/platform/postgres.ts"
import { RedisConnections } from "../../src/platform/redis.ts"
import { loggingLayer } from "../../src/telemetry/logging.ts"
import { layer as partnerKeysOnRedis } from "../../src/vault/partner-keys-redis.ts"
import { databaseLayer } from "../database.ts"
import { settings } from "../settings.ts"

const stored = Layer.mergeAll(
  accessInPostgres,
  auditInPostgres,
  contractsInPostgres,
  keyRecordsInPostgres,
  settingsInPostgres,
).pipe(Layer.provideMerge(databaseLayer))
const inRedis = Layer.mergeAll(accessMarksOnRedis, partnerKeysOnRedis).pipe(
  Layer.provide(Layer.fresh(RedisConnections.layer)),
)

/** Everything about partners and keys, on the stores of the settings. */
export const accessLayer = Layer.mergeAll(Administration.layer, KeyDirectory.layer).pipe(
  Layer.provideMerge(stored),
  Layer.provideMerge(inRedis),
)

type Services = AccessMarks | Administration | AuditTrail | Credentials | KeyDirectory | KeyRecords | Postgres

export const anna: Administrator = { who: "operator:anna", address: "198.51.100.7" }

export class AccessUnderTest implements AsyncDisposable {
  readonly runtime: ManagedRuntime.ManagedRuntime<Services, unknown>
  /** What was logged, line by line. */
  readonly lines: ReadonlyArray<string>

  constructor(environment: Readonly<Record<string, string>>) {
    const lines: Array<string> = []
    this.lines = lines
    this.runtime = ManagedRuntime.make(
      Credentials.layer.pipe(
        Layer.provideMerge(accessLayer),
        Layer.provide(settings(environment)),
        Layer.provideMerge(loggingLayer((line) => lines.push(line))),
      ),
    )
  }

  run<A, E>(effect: Effect.Effect<A, E, Services>): Promise<A> {
    return this.runtime.runPromise(effect)
  }

  /** Does something as an administrator. */
  administer<A, E>(act: (administration: Administration["Service"]) => Effect.Effect<A, E>): Promise<A> {
    return this.run(Effect.flatMap(Administration, act))
  }

  /** The tag of the failure with which an act is refused, and its reason. */
  refusal<A, E extends { readonly _tag: string }>(
    act: (administration: Administration["Service"]) => Effect.Effect<A, E>,
  ): Promise<unknown> {
    return this.administer((administration) => Effect.flip(act(administration)))
  }

  /** Creates a partner of its own. */
  async partner(): Promise<string> {
    const id = `p-${randomUUID().slice(0, 8)}`
    await this.administer(({ createPartner }) => createPartner(anna, { id, name: id }))
    return id
  }

  /** Creates a key for a partner; by default one that may do everything, from everywhere, without end. */
  async key(
    partner: string,
    terms: Partial<KeyTerms> = {},
  ): Promise<{ readonly id: string; readonly text: string }> {
    const owner = { kind: "partner", partner, name: `k-${randomUUID().slice(0, 8)}` } as const
    const asked = { owner, scopes: [...scopes], networks: [], expiresAt: undefined, ...terms }
    const { key, text } = await this.administer(({ createKey }) => createKey(anna, asked))
    return { id: key.id, text }
  }

  /** The credential under which a key is accepted, or the tag of the failure with which it is refused. */
  accepts(key: string, address = "203.0.113.9"): Promise<string> {
    return this.run(
      Effect.flatMap(Credentials, ({ callerOf }) =>
        Effect.match(callerOf(`Bearer ${key}`, address), {
          onSuccess: ({ credential }) => credential,
          onFailure: ({ _tag }) => _tag,
        }),
      ),
    )
  }

  /** The entries of the audit trail about a subject, the newest first. */
  trail(subject: string) {
    return this.run(Effect.flatMap(AuditTrail, ({ read }) => read({ subject, limit: 500 })))
  }

  /** Runs SQL. */
  sql<A>(run: Parameters<Postgres["Service"]["query"]>[1]): Promise<A> {
    return this.run(Effect.flatMap(Postgres, ({ query }) => query("test", run))) as Promise<A>
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.runtime.dispose()
  }
}
