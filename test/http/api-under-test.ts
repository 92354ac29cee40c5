/** The API over real HTTP on the real event log, with read models and endpoints that a test fills itself. */
import { type Context, Effect, Layer, ManagedRuntime } from "effect"
import { AppConfig } from "../../src/config.ts"
import { NO_SETTINGS } from "../../src/domain/partner-settings.ts"
import { Drafts } from "../../src/drafts/drafts.ts"
import { type ReadinessCheck, ReadinessChecks } from "../../src/http/operations/operations.ts"
import { OperationsAddress, operationsServerLayer } from "../../src/http/operations-server.ts"
import { HttpAddress, httpServerLayer } from "../../src/http/server.ts"
import { Administration } from "../../src/identity/administration.ts"
import { AuditTrail } from "../../src/identity/audit-trail.ts"
import { callbackSecretsLayer } from "../../src/identity/callback-secrets.ts"
import { KeyDirectory } from "../../src/identity/key-directory.ts"
import { PartnerContracts } from "../../src/identity/partner-contracts.ts"
import { layer as leasesOverRedis } from "../../src/platform/lease-count-redis.ts"
import { RedisConnections } from "../../src/platform/redis.ts"
import type { BatchQueries } from "../../src/projections/batch-queries.ts"
import type { ReportQueries } from "../../src/projections/report-queries.ts"
import type { ProofRoots } from "../../src/proof/proof-roots.ts"
import type { ProofTree } from "../../src/proof/proof-tree.ts"
import { type BankKind, bankKindsLayer } from "../../src/providers/banks/bank-kind.ts"
import { instant } from "../../src/providers/banks/instant/instant.ts"
import { payoutLimitsLayer } from "../../src/providers/banks/payout-limits.ts"
import { ProviderReports } from "../../src/providers/calling/provider-reports.ts"
import { layer as reportsInRedis } from "../../src/providers/calling/provider-reports-redis.ts"
import { ProviderSettings } from "../../src/providers/calling/provider-settings.ts"
import { AnnouncedLists } from "../../src/streams/announced-lists.ts"
import { layer as announcedListsOnRedis } from "../../src/streams/announced-lists-redis.ts"
import { AppendWatch } from "../../src/streams/append-watch.ts"
import { layer as allowancesOnRedis } from "../../src/streams/approval-allowance-redis.ts"
import { layer as claimMarksOnRedis } from "../../src/streams/claim-marks-redis.ts"
import { layer as dayLimitsOnRedis } from "../../src/streams/day-limit-redis.ts"
import { StrayCallbacks } from "../../src/streams/stray-callbacks.ts"
import { layer as strayCallbacksOnRedis } from "../../src/streams/stray-callbacks-redis.ts"
import { loggingLayer } from "../../src/telemetry/logging.ts"
import { freshMetrics } from "../../src/telemetry/metrics.ts"
import { layer as partnerKeysOnRedis } from "../../src/vault/partner-keys-redis.ts"
import { ClaimsInMemory } from "../register/claims-in-memory.ts"
import { DecisionsInMemory } from "../register/decisions-in-memory.ts"
import { settings } from "../settings.ts"
import { layer as streamsOnRedis } from "../streams/streams-under-test.ts"
import { type Streams, type WholeLog, wholeLog } from "../streams/whole-log.ts"
import { deliveriesInMemory } from "./deliveries-in-memory.ts"
import { endpointSecretsInMemory } from "./endpoint-secrets-in-memory.ts"
import { endpointsInMemory } from "./endpoints-in-memory.ts"
import { proofsInMemory } from "./proofs-in-memory.ts"
import { readModels, reports } from "./read-models.ts"

export const acme = "acme-key"
export const globex = "globex-key"
/** Another key of acme's. */
export const supervisor = "acme-supervisor-key"
/** Operators: olga may do all but approve, otto approve and resolve, rita review. */
export const [olga, otto, rita] = ["olga-key", "otto-key", "rita-key"] as const

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly json: Record<string, unknown>
}

export class ApiUnderTest implements AsyncDisposable {
  readonly url: string
  /** Where those who run the service ask. */
  readonly operationsUrl: string
  readonly log: WholeLog
  /** The ports themselves, for who lets them fail. */
  readonly streams: Context.Context<Streams>
  readonly strays: StrayCallbacks["Service"]
  readonly reports: ProviderReports["Service"]
  readonly lists: AnnouncedLists["Service"]
  /** What was logged, line by line. */
  readonly lines: ReadonlyArray<string>
  readonly #close: () => Promise<void>

  private constructor(
    { url }: HttpAddress["Service"],
    { url: operationsUrl }: OperationsAddress["Service"],
    streams: Context.Context<Streams>,
    strays: StrayCallbacks["Service"],
    reports: ProviderReports["Service"],
    lists: AnnouncedLists["Service"],
    lines: ReadonlyArray<string>,
    close: () => Promise<void>,
  ) {
    this.url = url
    this.operationsUrl = operationsUrl
    this.streams = streams
    this.log = Effect.runSync(Effect.provide(wholeLog, streams))
    this.strays = strays
    this.reports = reports
    this.lists = lists
    this.lines = lines
    this.#close = close
  }

  static async open({
    port = 0,
    environment = {},
    checks = [],
    queries = readModels(),
    reported = reports(),
    decisions = new DecisionsInMemory(),
    claims = new ClaimsInMemory(),
    streams = streamsOnRedis.pipe(Layer.provide(RedisConnections.layer)),
    kinds = [instant],
    access = noStoredKeys,
    drafts = Layer.mock(Drafts, {}),
    proofs = proofsInMemory,
  }: {
    /** Any free one by default. */
    readonly port?: number
    readonly environment?: Readonly<Record<string, string>>
    readonly checks?: ReadonlyArray<ReadinessCheck>
    readonly queries?: Layer.Layer<BatchQueries>
    readonly reported?: Layer.Layer<ReportQueries>
    readonly decisions?: DecisionsInMemory
    readonly claims?: ClaimsInMemory
    readonly streams?: Layer.Layer<Streams, unknown, AppConfig>
    /** The kinds of banks that there are. */
    readonly kinds?: ReadonlyArray<BankKind<unknown>>
    /** The stored keys: none by default, only those of the settings. */
    readonly access?: Layer.Layer<
      Administration | AuditTrail | KeyDirectory | PartnerContracts,
      unknown,
      AppConfig
    >
    /** Tests that use drafts have them in their database. */
    readonly drafts?: Layer.Layer<Drafts, unknown, AppConfig>
    /** The proof tree. */
    readonly proofs?: Layer.Layer<ProofRoots | ProofTree, unknown, AppConfig>
  } = {}): Promise<ApiUnderTest> {
    const lines: Array<string> = []
    const runtime = ManagedRuntime.make(
      httpServerLayer.pipe(
        Layer.provideMerge(operationsServerLayer),
        Layer.provideMerge(streams),
        Layer.provideMerge(strayCallbacksOnRedis.pipe(Layer.provide(RedisConnections.layer))),
        Layer.provideMerge(announcedListsOnRedis.pipe(Layer.provide(RedisConnections.layer))),
        Layer.provideMerge(reportsInRedis.pipe(Layer.provide(RedisConnections.layer))),
        Layer.provide([
          appendWatchOnRedis,
          queries,
          reported,
          access,
          drafts,
          proofs,
          decisions.layer,
          claims.layer,
          claimMarksOnRedis.pipe(Layer.provide(RedisConnections.layer)),
          endpointSecretsInMemory.pipe(Layer.provideMerge(endpointsInMemory)),
          deliveriesInMemory,
          allowancesOnRedis.pipe(Layer.provide(RedisConnections.layer)),
          dayLimitsOnRedis.pipe(Layer.provide(RedisConnections.layer)),
          leasesOverRedis.pipe(Layer.provide(RedisConnections.layer)),
          Layer.merge(callbackSecretsLayer, payoutLimitsLayer).pipe(
            Layer.provide([bankKindsLayer(kinds), Layer.fresh(ProviderSettings.layer)]),
          ),
          freshMetrics,
          partnerKeysOnRedis.pipe(Layer.provide(RedisConnections.layer)),
          Layer.succeed(ReadinessChecks, checks),
          loggingLayer((line) => lines.push(line)),
        ]),
        Layer.provide(onPort(port, environment)),
      ),
    )
    const { address, operations, ports, strays, reports, lists } = await runtime.runPromise(
      Effect.all({
        address: HttpAddress,
        operations: OperationsAddress,
        ports: Effect.context<Streams>(),
        strays: StrayCallbacks,
        reports: ProviderReports,
        lists: AnnouncedLists,
      }),
    )
    return new ApiUnderTest(address, operations, ports, strays, reports, lists, lines, () =>
      runtime.dispose(),
    )
  }

  call(path: string, init: RequestInit = {}): Promise<Answer> {
    return this.#fetch(`${this.url}${path}`, init)
  }

  /** Asks for what those who run the service ask. */
  ask(path: string, init: RequestInit = {}): Promise<Answer> {
    return this.#fetch(`${this.operationsUrl}${path}`, init)
  }

  async #fetch(url: string, init: RequestInit): Promise<Answer> {
    const answer = await fetch(url, init)
    const text = await answer.text()
    const isJson = text !== "" && /[/+]json/.test(answer.headers.get("content-type") ?? "")
    return { status: answer.status, headers: answer.headers, text, json: isJson ? JSON.parse(text) : {} }
  }

  get(path: string, apiKey = acme): Promise<Answer> {
    return this.call(path, { headers: { authorization: `Bearer ${apiKey}` } })
  }

  /** Posts a batch; a body that is not text is sent as JSON. */
  post(idempotencyKey: string, body: unknown, apiKey = acme): Promise<Answer> {
    return this.call("/payout-batches", {
      method: "POST",
      headers: {
        authorization: `Bearer ${apiKey}`,
        "idempotency-key": idempotencyKey,
        "content-type": "application/json",
      },
      body: typeof body === "string" ? body : JSON.stringify(body),
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close()
  }
}

/** Also where a test lets the other ports fail. */
const appendWatchOnRedis = Layer.effect(AppendWatch, Effect.service(AppendWatch)).pipe(
  Layer.provide(Layer.fresh(streamsOnRedis).pipe(Layer.provide(RedisConnections.layer))),
)

/** No key is stored, and nobody administers any. */
export const noStoredKeys = Layer.mergeAll(
  Layer.mock(KeyDirectory, {
    find: () => Effect.succeed("unknown" as const),
    isSuspended: () => false,
    lastSignOut: () => Effect.undefined,
    settingsOf: () => Effect.succeed(NO_SETTINGS),
  }),
  Layer.mock(Administration, {}),
  Layer.mock(AuditTrail, {}),
  Layer.mock(PartnerContracts, { operates: () => Effect.succeed(new Set()) }),
)

/** The environment cannot ask for just any port, which is what a test wants. */
const onPort = (port: number, environment: Readonly<Record<string, string>>): Layer.Layer<AppConfig> =>
  Layer.effect(
    AppConfig,
    Effect.map(AppConfig, (given) => ({ ...given, http: { ...given.http, port } })),
  ).pipe(Layer.provide(settings(environment)))
