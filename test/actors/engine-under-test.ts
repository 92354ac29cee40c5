/** The engine alone on real Redis and Postgres: workers, between an intake and providers that live in the test. */
import { Effect, Layer, ManagedRuntime, Result } from "effect"
import { layer as workerLayer } from "../../src/actors/worker.ts"
import { emptyBatch } from "../../src/domain/batch.ts"
import { visibleOf } from "../../src/domain/beneficiary.ts"
import { decide } from "../../src/domain/decide.ts"
import { evolve } from "../../src/domain/evolve.ts"
import { type BatchId, parseTransferReference } from "../../src/domain/identifiers.ts"
import { batchIdOf } from "../../src/http/payout-batches/batch-identity.ts"
import { Pipelines } from "../../src/pipelines/pipelines.ts"
import { layer as pressureOverRedis } from "../../src/platform/intake-pressure-redis.ts"
import { RedisConnections } from "../../src/platform/redis.ts"
import { type BankAnswer, Banks, type NotSent } from "../../src/providers/banks/bank.ts"
import { banksLayer } from "../../src/providers/banks/banks.ts"
import { instant } from "../../src/providers/banks/instant/instant.ts"
import { ProviderSettings } from "../../src/providers/calling/provider-settings.ts"
import { ComplianceEngine } from "../../src/providers/compliance/compliance-engine.ts"
import { clearance } from "../../src/providers/compliance/compliance-engine-http.ts"
import { complianceEngineLayer } from "../../src/providers/compliance/screening-kind.ts"
import { Ledger } from "../../src/providers/ledger/ledger.ts"
import { postings } from "../../src/providers/ledger/ledger-http.ts"
import { ledgerLayer } from "../../src/providers/ledger/ledger-kind.ts"
import { layer as decisionsInPostgres } from "../../src/register/decision-register-postgres.ts"
import { layer as instructionsInPostgres } from "../../src/register/instruction-register-postgres.ts"
import { layer as announcedListsOnRedis } from "../../src/streams/announced-lists-redis.ts"
import { beginningOf, visitLog } from "../../src/streams/event-range.ts"
import { RunQueue } from "../../src/streams/run-queue.ts"
import { StrayCallbacks } from "../../src/streams/stray-callbacks.ts"
import { layer as strayCallbacksOnRedis } from "../../src/streams/stray-callbacks-redis.ts"
import { loggingLayer } from "../../src/telemetry/logging.ts"
import { freshMetrics, Metrics } from "../../src/telemetry/metrics.ts"
import { type Recording, Tracing } from "../../src/traces/tracing.ts"
import { databaseLayer, ownDatabase } from "../database.ts"
import { payoutItem, receiveBatch } from "../domain/batch-story.ts"
import { channels, ownPrefix, providerSettings, settings } from "../settings.ts"
import { calmWatch } from "../streams/calm-watch.ts"
import { layer as streamsOnRedis } from "../streams/streams-under-test.ts"
import { type WholeLog, wholeLog } from "../streams/whole-log.ts"
import { fixedKeys, sealsOf } from "../vault/fixed-keys.ts"

const account = { scheme: "iban", iban: "DE89370400440532013000" } as const

const outcome = { _tag: "Settled", evidence: "callback" } as const

/** What the test's bank was asked to pay: how often each reference. */
export type Paid = Map<string, number>

export interface EngineTerms {
  readonly environment?: Readonly<Record<string, string>>
  /** How long the bank takes to pay. */
  readonly bankMs?: number
  /** The bank accepts transfers, and reports each as settled after so many milliseconds; without it, it answers that it paid. */
  readonly reportsAfterMs?: number
  /** How many transfers a worker has under way at the bank. */
  readonly bankConcurrency?: number
  /** The partner for whom the compliance engine's connector has a bug. */
  readonly bugFor?: string
  /** Providers that the environment tells of, called for real, in place of those that live in the test. */
  readonly outside?: boolean
  /** What the workers record of traces. */
  readonly recording?: Recording
  /** What the workers have in the place of the run queue. */
  readonly queueInstead?: (queue: RunQueue["Service"]) => RunQueue["Service"]
}

const complianceEngine = complianceEngineLayer([clearance])
const providersOutside = Layer.mergeAll(
  banksLayer([instant]),
  complianceEngine,
  ledgerLayer([postings]),
).pipe(Layer.provide(ProviderSettings.layer), Layer.fresh, Layer.provide(channels))

/** One deployment: its database, its part of Redis, its bank; and any number of workers. */
export class EngineUnderTest implements AsyncDisposable {
  readonly paid: Paid = new Map()
  /** What came by no invitation into the bank's channel. */
  readonly uninvited: Array<string> = []
  /** Banks that take no calls now. Yen are paid by `south`, all else by `north`. */
  readonly closedBanks = new Set<string>()
  /** When these say that they may take calls again. */
  closedForMs = 50
  readonly lines: Array<string> = []
  readonly #environment: Readonly<Record<string, string>>
  readonly #bankMs: number
  readonly #bankConcurrency: number
  readonly #reportsAfterMs: number | undefined
  readonly #reports = new Set<NodeJS.Timeout>()
  readonly #bugFor: string | undefined
  readonly #outside: boolean
  readonly #queueInstead: (queue: RunQueue["Service"]) => RunQueue["Service"]
  readonly #recording: Recording | undefined
  readonly #drop: () => Promise<void>
  readonly #log
  readonly #workers = new Set<Worker>()

  private constructor(
    environment: Readonly<Record<string, string>>,
    { bankMs = 1, bankConcurrency = 64, bugFor, outside = false, reportsAfterMs, ...terms }: EngineTerms,
    drop: () => Promise<void>,
  ) {
    this.#queueInstead = terms.queueInstead ?? ((queue) => queue)
    this.#recording = terms.recording
    this.#outside = outside
    this.#bugFor = bugFor
    this.#reportsAfterMs = reportsAfterMs
    this.#environment = environment
    this.#bankMs = bankMs
    this.#bankConcurrency = bankConcurrency
    this.#drop = drop
    this.#log = ManagedRuntime.make(this.#storage({}))
  }

  static async open(terms: EngineTerms = {}): Promise<EngineUnderTest> {
    const database = await ownDatabase()
    const own = { DATABASE_URL: database.url, STREAM_PREFIX: ownPrefix(), PARTITIONS: "2" }
    return new EngineUnderTest({ ...own, ...terms.environment }, terms, database.drop)
  }

  /** Where the registers are. */
  get databaseUrl(): string {
    return this.#environment.DATABASE_URL ?? ""
  }

  #storage(environment: Readonly<Record<string, string>>) {
    return Layer.mergeAll(streamsOnRedis, strayCallbacksOnRedis, announcedListsOnRedis).pipe(
      Layer.fresh,
      Layer.provideMerge(Layer.fresh(RedisConnections.layer)),
      Layer.provideMerge(settings({ ...this.#environment, ...environment })),
    )
  }

  /** Starts a worker of its own, with connections and, if a test wants it, settings of its own. */
  async start(environment: Readonly<Record<string, string>> = {}): Promise<Worker> {
    let transfers = 0
    const providers = this.#providers(() => {
      transfers += 1
    })
    const layer = Layer.fresh(workerLayer).pipe(
      Layer.provide(
        Layer.fresh(Pipelines.layer).pipe(
          Layer.provide([this.#outside ? providersOutside : providers, fixedKeys()]),
        ),
      ),
      Layer.provide(Layer.succeed(Tracing, this.#recording)),
      Layer.provide(calmWatch),
      Layer.provide(
        Layer.mergeAll(Layer.fresh(decisionsInPostgres), Layer.fresh(instructionsInPostgres)).pipe(
          Layer.provide(Layer.fresh(databaseLayer)),
        ),
      ),
      Layer.provide(Layer.fresh(pressureOverRedis)),
      Layer.provide(
        Layer.effect(RunQueue, Effect.map(RunQueue, this.#queueInstead)).pipe(
          Layer.provideMerge(this.#storage(environment)),
        ),
      ),
      Layer.provideMerge(freshMetrics),
      Layer.provide(loggingLayer((line) => this.lines.push(line))),
    )
    const runtime = ManagedRuntime.make(layer)
    const metrics = await runtime.runPromise(Effect.service(Metrics))
    const worker = {
      transfers: () => transfers,
      isYielding: async () => (await metrics.intakePressed.get()).values[0]?.value === 1,
      activeBatches: async () => (await metrics.activeBatches.get()).values[0]?.value ?? 0,
      takeovers: async () => (await metrics.takeovers.get()).values[0]?.value ?? 0,
      leasesLost: async () => (await metrics.leasesLost.get()).values[0]?.value ?? 0,
      frozenBatches: async () => (await metrics.frozenBatches.get()).values[0]?.value ?? 0,
      drain: () => {
        this.#workers.delete(worker)
        return runtime.dispose()
      },
    }
    this.#workers.add(worker)
    return worker
  }

  #providers(sent: () => void) {
    return Layer.mergeAll(
      this.#compliance,
      Layer.succeed(Banks, {
        keyWindowMs: () => Number.POSITIVE_INFINITY,
        routes: {
          version: "test",
          wayOf: ({ currency }) => {
            const bank = currency === "JPY" ? "south" : "north"
            return { key: bank, destination: () => ({ bank, route: { rule: "all", version: "test" } }) }
          },
        },
        concurrency: this.#bankConcurrency,
        callMsMax: 10_000,
        capacities: (now) => {
          const none = { transfers: 0, inquiries: 0, admitsAgainAt: now + this.closedForMs, isHealthy: false }
          return new Map([...this.closedBanks].map((bank) => [bank, none]))
        },
        invite: (bank, wanted) => (this.closedBanks.has(bank) ? 0 : wanted),
        withdraw: () => Effect.succeed("may-have-gone"),
        transfer: ({ reference }, mayCall = Effect.succeed(true), isInvited = false) =>
          Effect.flatMap(mayCall, (may): Effect.Effect<BankAnswer | NotSent> => {
            if (!may) return Effect.succeed({ _tag: "NotSent" })
            sent()
            if (!isInvited) this.uninvited.push(reference)
            this.paid.set(reference, (this.paid.get(reference) ?? 0) + 1)
            return Effect.as(Effect.sleep(this.#bankMs), this.#answerTo(reference))
          }),
        inquire: (_bank, reference) =>
          Effect.sync(() => ({ _tag: this.paid.has(reference) ? "Settled" : "NeverSeen" }) as const),
      }),
      Layer.succeed(Ledger, { post: ({ key }) => Effect.succeed(key) }),
    )
  }

  #answerTo(reference: string): BankAnswer {
    if (this.#reportsAfterMs === undefined) return { _tag: "Settled" }
    const key = parseTransferReference(reference)
    if (key === undefined) throw new Error(`no reference: ${reference}`)
    const report = { _tag: "RecordTransfer", ...key, bank: "north", outcome } as const
    const timer = setTimeout(() => {
      this.#reports.delete(timer)
      const id = { id: reference, digest: "settled", keptMs: 60_000 }
      void this.onLog((log) => log.enqueue(key.batch, { ...report, at: Date.now() }, id))
    }, this.#reportsAfterMs)
    this.#reports.add(timer)
    return { _tag: "Accepted", transferId: reference }
  }

  /** A server of the test's where it names one; otherwise everybody is approved. */
  get #compliance() {
    if (this.#environment.COMPLIANCE_URL !== undefined)
      return Layer.fresh(complianceEngine).pipe(Layer.provide(providerSettings(this.#environment)))
    return Layer.succeed(ComplianceEngine, {
      screen: ({ clearanceId, partner, items }) => {
        if (partner === this.#bugFor) return Effect.die(new Error("a bug"))
        const decisions = items.map(({ item }) => ({ item, decision: "approved" as const }))
        return Effect.succeed({ clearanceId, listVersion: "test", decisions })
      },
    })
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
  onLog<A, E>(use: (log: WholeLog) => Effect.Effect<A, E>): Promise<A> {
    return this.#log.runPromise(Effect.flatMap(wholeLog, use))
  }

  /** What banks told of transfers that are not ours, the newest first. */
  strays() {
    return this.#log.runPromise(Effect.flatMap(StrayCallbacks, ({ list }) => list(100)))
  }

  /** Runs commands on the test's own connection to Redis. */
  onRedis<A>(use: (redis: RedisConnections["Service"]["commands"]) => Promise<A>): Promise<A> {
    return this.#log.runPromise(
      Effect.flatMap(RedisConnections, ({ commands }) => Effect.promise(() => use(commands))),
    )
  }

  /** The name of a key, for tests that look below the port. */
  async keyOf(kind: "log" | "mail", batch: BatchId): Promise<string> {
    const partition = await this.onLog((log) => Effect.sync(() => log.partitions.of(batch)))
    return `${this.#environment.STREAM_PREFIX}:{${partition}}:${kind}:${batch}`
  }

  async batch(id: BatchId) {
    const batch = emptyBatch()
    await this.onLog((log) => visitLog(log, id, beginningOf(id), ({ event }) => evolve(batch, event)))
    return batch
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const timer of this.#reports) clearTimeout(timer)
    await Promise.all([...this.#workers].map((worker) => worker.drain()))
    await this.#log.dispose()
    await this.#drop()
  }
}

export interface Worker {
  /** How many transfers it sent to the bank. */
  readonly transfers: () => number
  /** Whether it yields to intake. */
  readonly isYielding: () => Promise<boolean>
  /** How many batches it owns. */
  readonly activeBatches: () => Promise<number>
  /** How many batches it froze. */
  readonly frozenBatches: () => Promise<number>
  /** How many batches it took over from silent workers, and lost itself. */
  readonly takeovers: () => Promise<number>
  readonly leasesLost: () => Promise<number>
  /** Tells it to stop, and waits until it has handed over what it held. */
  readonly drain: () => Promise<void>
}
