/** The engine alone on real Redis and Postgres: workers, between an intake and providers that live in the test. */
import { Effect, Layer, ManagedRuntime, Result } from "effect"
import { layer as workerLayer } from "../../src/actors/worker.ts"
import { type BankAnswer, Banks, type NotSent } from "../../src/connectors/bank.ts"
import { ComplianceEngine } from "../../src/connectors/compliance-engine.ts"
import { layer as registerInPostgres } from "../../src/connectors/instruction-register-postgres.ts"
import { Ledger } from "../../src/connectors/ledger.ts"
import { emptyBatch } from "../../src/domain/batch.ts"
import { visibleOf } from "../../src/domain/beneficiary.ts"
import { decide } from "../../src/domain/decide.ts"
import { evolve } from "../../src/domain/evolve.ts"
import type { BatchId } from "../../src/domain/identifiers.ts"
import { batchIdOf } from "../../src/http/batch-identity.ts"
import { Pipelines } from "../../src/pipelines/pipelines.ts"
import { Postgres } from "../../src/platform/postgres.ts"
import { RedisConnections } from "../../src/platform/redis.ts"
import { EventLog } from "../../src/streams/event-log.ts"
import { layer as eventLogOnRedis } from "../../src/streams/event-log-redis.ts"
import { beginningOf, visitLog } from "../../src/streams/event-range.ts"
import { loggingLayer } from "../../src/telemetry/logging.ts"
import { freshMetrics, Metrics } from "../../src/telemetry/metrics.ts"
import { ownDatabase } from "../database.ts"
import { payoutItem, receiveBatch } from "../domain/batch-story.ts"
import { ownPrefix, settings } from "../settings.ts"
import { fixedKeys, sealsOf } from "../vault/fixed-keys.ts"

const account = { scheme: "iban", iban: "DE89370400440532013000" } as const

/** What the test's bank was asked to pay: how often each reference. */
export type Paid = Map<string, number>

export interface EngineTerms {
  readonly environment?: Readonly<Record<string, string>>
  /** How long the bank takes to pay. */
  readonly bankMs?: number
  /** The partner for whom the compliance engine's connector has a bug. */
  readonly bugFor?: string
}

/** One deployment: its database, its part of Redis, its bank; and any number of workers. */
export class EngineUnderTest implements AsyncDisposable {
  readonly paid: Paid = new Map()
  /** Banks that take no calls now. Yen are paid by `south`, all else by `north`. */
  readonly closedBanks = new Set<string>()
  readonly lines: Array<string> = []
  readonly #environment: Readonly<Record<string, string>>
  readonly #bankMs: number
  readonly #bugFor: string | undefined
  readonly #drop: () => Promise<void>
  readonly #log
  readonly #workers = new Set<Worker>()

  private constructor(
    environment: Readonly<Record<string, string>>,
    bankMs: number,
    bugFor: string | undefined,
    drop: () => Promise<void>,
  ) {
    this.#bugFor = bugFor
    this.#environment = environment
    this.#bankMs = bankMs
    this.#drop = drop
    this.#log = ManagedRuntime.make(this.#storage)
  }

  static async open({ environment = {}, bankMs = 1, bugFor }: EngineTerms = {}): Promise<EngineUnderTest> {
    const database = await ownDatabase()
    const own = { DATABASE_URL: database.url, STREAM_PREFIX: ownPrefix(), PARTITIONS: "2" }
    return new EngineUnderTest({ ...own, ...environment }, bankMs, bugFor, database.drop)
  }

  get #storage() {
    return Layer.fresh(eventLogOnRedis).pipe(
      Layer.provideMerge(Layer.fresh(RedisConnections.layer)),
      Layer.provideMerge(settings(this.#environment)),
    )
  }

  /** Starts a worker of its own, with connections of its own. */
  async start(): Promise<Worker> {
    const layer = Layer.fresh(workerLayer).pipe(
      Layer.provide(
        Layer.fresh(Pipelines.layer).pipe(
          Layer.provide([this.#providers, Layer.fresh(registerInPostgres), fixedKeys()]),
          Layer.provide(Layer.fresh(Postgres.layer)),
        ),
      ),
      Layer.provide(this.#storage),
      Layer.provideMerge(freshMetrics),
      Layer.provide(loggingLayer((line) => this.lines.push(line))),
    )
    const runtime = ManagedRuntime.make(layer)
    const metrics = await runtime.runPromise(Effect.service(Metrics))
    const worker = {
      frozenBatches: async () => (await metrics.frozenBatches.get()).values[0]?.value ?? 0,
      drain: () => {
        this.#workers.delete(worker)
        return runtime.dispose()
      },
    }
    this.#workers.add(worker)
    return worker
  }

  get #providers() {
    return Layer.mergeAll(
      Layer.succeed(ComplianceEngine, {
        screen: ({ clearanceId, partner, items }) => {
          if (partner === this.#bugFor) return Effect.die(new Error("a bug"))
          const decisions = items.map(({ item }) => ({ item, decision: "approved" as const }))
          return Effect.succeed({ clearanceId, listVersion: "test", decisions })
        },
      }),
      Layer.succeed(Banks, {
        route: (currency) => (currency === "JPY" ? "south" : "north"),
        concurrency: 64,
        callMsMax: 10_000,
        heldUntil: (bank, now) => (this.closedBanks.has(bank) ? now + 50 : 0),
        invite: (bank, wanted) => (this.closedBanks.has(bank) ? 0 : wanted),
        transfer: ({ reference }, mayCall = Effect.succeed(true)) =>
          Effect.flatMap(mayCall, (may): Effect.Effect<BankAnswer | NotSent> => {
            if (!may) return Effect.succeed({ _tag: "NotSent" })
            this.paid.set(reference, (this.paid.get(reference) ?? 0) + 1)
            return Effect.as(Effect.sleep(this.#bankMs), { _tag: "Settled" })
          }),
        inquire: (_bank, reference) =>
          Effect.sync(() => ({ _tag: this.paid.has(reference) ? "Settled" : "NeverSeen" }) as const),
      }),
      Layer.succeed(Ledger, { post: ({ key }) => Effect.succeed(key) }),
    )
  }

  /** Opens a batch of a partner. */
  async submit(
    partner: string,
    key: string,
    items = 1,
    currencyOf: (item: number) => string = () => "EUR",
  ): Promise<BatchId> {
    const id = batchIdOf(partner, key)
    const beneficiary = { name: "Ada Lovelace", account: visibleOf(account) }
    const payout = (item: number) => payoutItem(item, { beneficiary, currency: currencyOf(item) })
    const others = Array.from({ length: items - 1 }, (_, index) => payout(index + 2))
    const all = [payout(1), ...others] as const
    const seals = sealsOf({ partner, batch: id }, all, account)
    const terms = { partner, idempotencyKey: key, items: all, seals }
    const decision = decide(emptyBatch(), { ...receiveBatch(items, terms), at: Date.now() })
    await this.onLog((log) => log.open(id, Result.getOrThrow(decision), `${partner} ${key}`))
    return id
  }

  /** Runs an effect on the event log, beside the workers. */
  onLog<A, E>(use: (log: EventLog["Service"]) => Effect.Effect<A, E>): Promise<A> {
    return this.#log.runPromise(Effect.flatMap(EventLog, use))
  }

  /** Runs commands on the test's own connection to Redis. */
  onRedis<A>(use: (redis: RedisConnections["Service"]["commands"]) => Promise<A>): Promise<A> {
    return this.#log.runPromise(
      Effect.flatMap(RedisConnections, ({ commands }) => Effect.promise(() => use(commands))),
    )
  }

  /** The name of a key, for tests that look below the port. */
  async keyOf(kind: "log" | "mail", batch: BatchId): Promise<string> {
    const partition = await this.onLog((log) => Effect.sync(() => log.partitionOf(batch)))
    return `${this.#environment.STREAM_PREFIX}:{${partition}}:${kind}:${batch}`
  }

  async batch(id: BatchId) {
    const batch = emptyBatch()
    await this.onLog((log) => visitLog(log, id, beginningOf(id), ({ event }) => evolve(batch, event)))
    return batch
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#workers].map((worker) => worker.drain()))
    await this.#log.dispose()
    await this.#drop()
  }
}

export interface Worker {
  /** How many batches it froze. */
  readonly frozenBatches: () => Promise<number>
  /** Tells it to stop, and waits until it has handed over what it held. */
  readonly drain: () => Promise<void>
}
