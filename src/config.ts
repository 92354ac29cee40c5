/** All settings of the service, read from the environment once and only here. docs/CONFIGURATION.md describes each. */
import {
  Array as Arr,
  Config,
  ConfigProvider,
  Context,
  Effect,
  Layer,
  Redacted,
  Schema,
  String as Str,
} from "effect"
import {
  all,
  amounts,
  callbackSecret,
  count,
  duplicatePolicies,
  milliseconds,
  pairs,
  partsOf,
  problemsIn,
} from "./config-values.ts"
import { crashPoints } from "./crash-points.ts"
import { PayeePolicy } from "./domain/clearance-answers.ts"
import { ATTEMPTS_MAX } from "./domain/identifiers.ts"
import { ModulusPolicy } from "./domain/uk-modulus.ts"
import { logLevels } from "./log-levels.ts"
import { NetworksText, networksIn } from "./parsing/network.ts"
import { CollectorText, HeadersText, headersIn } from "./parsing/otlp-settings.ts"
import { BankSecretsText, MasterKeysText, masterKeyPair, ProofKeyText } from "./parsing/secret-texts.ts"
import { OriginsText, originsIn } from "./parsing/web-origin.ts"
import { type Role, roles } from "./service-roles.ts"

const seconds = 1_000
const hour = 3_600 * seconds

/** Master keys by id, in base64. The first one wraps; all unwrap. */
export type MasterKeys = Arr.NonEmptyReadonlyArray<readonly [id: string, key: Redacted.Redacted<string>]>

/** MASTER_KEYS: "k2=<base64 of 32 bytes>,k1=…". */
export const masterKeys: Config.Config<MasterKeys> = Config.schema(MasterKeysText, "MASTER_KEYS").pipe(
  Config.map((text) =>
    Arr.map(Str.split(text, ","), (pair) => {
      const [, id = "", key = ""] = masterKeyPair.exec(pair.trim()) ?? []
      return [id, Redacted.make(key)] as const
    }),
  ),
)

/** The secrets with which banks sign callbacks, by bank. Without a name: that of the only bank that calls back. */
export type BankSecrets = ReadonlyArray<
  readonly [bank: string | undefined, secret: Redacted.Redacted<string>]
>

/** BANK_CALLBACK_SECRET: "north=whsec_…,south=whsec_…", or "whsec_…" if only one bank calls back. */
const bankSecrets = Config.schema(BankSecretsText, "BANK_CALLBACK_SECRET").pipe(
  Config.map((text): BankSecrets => {
    if (text.startsWith("whsec_")) return [[undefined, Redacted.make(text)]]
    return text.split(",").map((pair) => {
      const at = pair.indexOf("=")
      return [pair.slice(0, at).trim(), Redacted.make(pair.slice(at + 1).trim())] as const
    })
  }),
)

const providersFromEnvironment = all({
  complianceUrl: Config.String("COMPLIANCE_URL"),
  /** How it authenticates us: "bearer env:NAME" or "basic user file:path". */
  complianceAuth: Config.String("COMPLIANCE_AUTH").pipe(Config.withDefault("")),
  ledgerUrl: Config.String("LEDGER_URL"),
  ledgerAuth: Config.String("LEDGER_AUTH").pipe(Config.withDefault("")),
  /** The banks by name: "north=https://…,south=https://…". */
  banks: pairs("BANKS"),
  /** By bank: "north=bearer env:NAME,south=basic user file:path". */
  bankAuth: pairs("BANK_AUTH").pipe(Config.withDefault([])),
  /** Which bank pays a currency: "EUR=north,*=south". */
  routes: pairs("BANK_ROUTES"),
})

const providersSource = Config.String("PROVIDERS_FILE").pipe(
  Config.map((file) => ({ file })),
  Config.orElse(() => providersFromEnvironment),
)
// Without a file, the problems are in these settings.
partsOf.set(providersSource, [providersFromEnvironment])

/** The usual port for Prometheus exporters, used in production. */
const OPERATIONS_PORT = 9464

/** Longer than a cluster takes to learn that a process is not ready, and to send nobody there any more. */
const READINESS_NOTICE_MS = 3 * seconds

/** The most bytes of a page of a draft. */
const DRAFT_PAGE_BYTES_MAX = 8 * 1024 * 1024

const production = Config.String("NODE_ENV").pipe(
  Config.withDefault(""),
  Config.map((text) => text === "production"),
)

const settings = all({
  http: all({
    host: Config.String("HOST").pipe(Config.withDefault("127.0.0.1")),
    port: Config.Port("PORT").pipe(Config.withDefault(8080)),
    /** The URL of the service for callbacks of providers. */
    publicUrl: Config.option(Config.String("PUBLIC_URL")),
    /** Partners and their keys: "acme=key,globex/payroll=key". */
    apiKeys: Config.Redacted("API_KEYS"),
    /** Operators, who decide about all partners' held and parked items: "alice=key,bob:review+resolve=key". */
    operatorKeys: Config.option(Config.Redacted("OPERATOR_KEYS")),
    /** The networks of our own proxies, whose X-Forwarded-For names the address of the caller: "10.0.0.0/8,fd00::/8". */
    trustedProxies: Config.schema(NetworksText, "TRUSTED_PROXIES").pipe(
      Config.map(networksIn),
      Config.withDefault(networksIn("")),
    ),
    /** Connections at a time, and those from one address. Behind a proxy, all come from the same address. */
    connectionsMax: count("CONNECTIONS_MAX", 10_000),
    connectionsPerAddressMax: count("CONNECTIONS_PER_ADDRESS_MAX", 10_000_000),
    /** Acts of one partner (approve, cancel, review, retry, resolve) in each process; twice as many after a pause. */
    actsPerSecond: count("ACTS_PER_SECOND", 50),
    /** Event streams that are open in each process, and those of one partner. */
    eventStreamsMax: count("EVENT_STREAMS_MAX", 512),
    eventStreamsPerPartnerMax: count("EVENT_STREAMS_PER_PARTNER_MAX", 64),
    /** Requests of one key in all processes, on average over ten seconds. */
    requestsPerSecond: count("REQUESTS_PER_SECOND", 1_000),
    /** How long a stopping process says that it is not ready before it stops listening. */
    readinessNoticeMs: Config.all({
      asked: count("READINESS_NOTICE_MS", -1, 60 * seconds, 0),
      production,
    }).pipe(
      Config.map(({ asked, production }) => (asked < 0 ? (production ? READINESS_NOTICE_MS : 0) : asked)),
    ),
    /** Pages of these origins may read answers (CORS). */
    corsOrigins: Config.schema(OriginsText, "CORS_ORIGINS").pipe(
      Config.map(originsIn),
      Config.withDefault(originsIn("")),
    ),
  }),
  /** Operators who sign in at an issuer of OpenID Connect; nobody does without one. `identity/sign-in-settings.ts` checks them. */
  signIn: all({
    issuer: Config.option(Config.String("OIDC_ISSUER")),
    audience: Config.option(Config.String("OIDC_AUDIENCE")),
    rolesClaim: Config.String("OIDC_ROLES_CLAIM").pipe(Config.withDefault("roles")),
    roles: pairs("OIDC_ROLES").pipe(Config.withDefault([])),
    operators: pairs("OIDC_OPERATORS").pipe(Config.withDefault([])),
    tokenAgeMsMax: count("OIDC_TOKEN_AGE_MS_MAX", 2 * hour, 24 * hour, 60 * seconds),
    outageMsMax: count("OIDC_OUTAGE_MS_MAX", 1 * hour, 24 * hour, 60 * seconds),
  }),
  /** Health, metrics and providers, for operations only. It must not be reachable from outside. */
  operations: all({
    host: Config.String("OPERATIONS_HOST").pipe(Config.withDefault("127.0.0.1")),
    /** 0, or not set outside production: any free port, which is logged, so that several services can run on a machine. */
    port: Config.all({ asked: count("OPERATIONS_PORT", -1, 65_535, 0), production }).pipe(
      Config.map(({ asked, production }) => (asked < 0 ? (production ? OPERATIONS_PORT : 0) : asked)),
    ),
  }),
  /** The level from which on the process logs, until `PUT /log-level` changes it for a time. */
  logLevel: Config.schema(Schema.Literals(logLevels), "LOG_LEVEL").pipe(Config.withDefault("info" as const)),
  /** Whether real money moves: weak settings and weak durability refuse the start. */
  production,
  /** The findings that the operator vouches for, which production would refuse: "plain-http:north,redis-without-tls". */
  vouchedFor: Config.String("VOUCH_FOR").pipe(
    Config.map((text) =>
      text
        .split(",")
        .map((name) => name.trim())
        .filter((name) => name !== ""),
    ),
    Config.withDefault([]),
  ),
  /** Whether Node accepts any certificate. */
  believesAnyCertificate: Config.String("NODE_TLS_REJECT_UNAUTHORIZED").pipe(
    Config.map((text) => text === "0"),
    Config.withDefault(false),
  ),
  redis: all({
    /** One server, Sentinels or a cluster. */
    url: Config.Redacted("REDIS_URL"),
    /** Replicas that must have an intent before money moves. */
    replicas: count("REDIS_REPLICAS", 0, 10, 0),
    replicationTimeoutMs: count("REPLICATION_TIMEOUT_MS", 1 * seconds),
    /** Whether the operator vouches for the durability of a server that does not let its settings be read. */
    durabilityVouched: Config.Boolean("DURABILITY_VOUCHED").pipe(Config.withDefault(false)),
    /** The prefix of every key, so that deployments can share a server. */
    prefix: Config.String("STREAM_PREFIX").pipe(Config.withDefault("ap")),
    /** Fixed when a deployment is created. */
    partitions: count("PARTITIONS", 16),
    mailboxMax: count("MAILBOX_MAX", 20_000),
    /** Batches of one partner in a partition's run queue, whether a worker has taken them or not. */
    partnerShare: count("PARTNER_SHARE", 16),
  }),
  /** The master keys wrap the keys that seal beneficiaries' accounts. */
  vault: all({ masterKeys }),
  /** The tree of the heads of closed batches, whose roots are signed. */
  proof: all({
    /** The Ed25519 key that signs roots. Without it no proofs are made. */
    signingKey: Config.schema(ProofKeyText, "PROOF_SIGNING_KEY").pipe(
      Config.map((text) => Redacted.make(text)),
      Config.option,
    ),
    /** The name of the tree in its roots and keys: unique in the world, such as a domain and a path. */
    origin: Config.schema(
      Schema.String.check(
        Schema.isPattern(/^[^\s+]{1,200}$/, { message: "expected a name without spaces and +" }),
      ),
      "PROOF_ORIGIN",
    ).pipe(Config.withDefault("atlaspay")),
    everyMs: count("PROOF_EVERY_MS", 60 * seconds, 24 * hour, 100),
    /** Where roots are also written, a line each. */
    rootsFile: Config.option(Config.String("PROOF_ROOTS_FILE")),
  }),
  postgres: all({
    url: Config.Redacted("DATABASE_URL"),
    connectionsMax: count("DATABASE_CONNECTIONS", 10),
    /** Synchronous standbys that must have a commit before Postgres acknowledges it. */
    standbys: count("DATABASE_STANDBYS", 0, 10, 0),
  }),
  nats: all({
    url: Config.Redacted("NATS_URL"),
    /** The JetStream stream, and the first token of its subjects in lower case. */
    stream: Config.String("NATS_STREAM").pipe(Config.withDefault("ATLASPAY")),
    /** What a stream gets that the service creates. 0 is no limit of bytes or messages; beyond one nothing more is stored. */
    limits: all({
      replicas: count("NATS_STREAM_REPLICAS", 1, 5),
      ageMsMax: count("NATS_STREAM_AGE_MS_MAX", 30 * 24 * hour, 3_660 * 24 * hour, 1 * seconds),
      bytesMax: count("NATS_STREAM_BYTES_MAX", 0, Number.MAX_SAFE_INTEGER, 0),
      messagesMax: count("NATS_STREAM_MESSAGES_MAX", 0, Number.MAX_SAFE_INTEGER, 0),
      duplicateWindowMs: count("NATS_DUPLICATE_WINDOW_MS", 120 * seconds, 24 * hour, 100),
    }),
  }),
  worker: all({
    /** Batches that one worker owns at a time. */
    activeMax: count("WORKER_BATCHES", 64),
    /** Payouts of batches that it released which banks have to report soon, beyond which a worker begins no new batch. */
    unreportedMax: count("WORKER_UNREPORTED", 5_000),
    /** A batch whose worker has not renewed its lease for this long is taken over. */
    claimMs: count("CLAIM_MS", 8 * seconds),
    sweepMs: count("SWEEP_MS", 60 * seconds),
    /** The most by which the clock may differ from those of Redis and Postgres. Beyond it nobody is paid. */
    clockOffsetMsMax: count("CLOCK_OFFSET_MS_MAX", 5 * seconds),
    /** How long a stopping worker waits for calls under way before it hands their batches over. */
    drainMs: count("DRAIN_MS", 750, 5 * seconds),
    /** Open batches beyond which intake answers 503. */
    backlogMax: count("BACKLOG_MAX", 20_000),
    /** The percentage of the time for which workers start calls while intake is pressed; 100: they never yield. */
    settlingSharePercent: count("SETTLING_SHARE_PERCENT", 10, 100, 5),
    /** Open batches of one partner beyond which its intake answers 429. */
    partnerBacklogMax: count("PARTNER_BACKLOG_MAX", 5_000),
  }),
  projections: all({
    /** How often the projector compares a batch at random with its log; 0: never. */
    auditMs: count("PROJECTION_AUDIT_MS", 10 * seconds, 24 * hour, 0),
  }),
  /** What new batches are held to, and batches that were accepted before are not. */
  intake: all({
    /** How far ahead of its arrival, and how far behind, a batch's executeAt may lie. */
    executeAheadMsMax: count("EXECUTE_AHEAD_MS_MAX", 366 * 24 * hour, 36_600 * 24 * hour),
    executePastMsMax: count("EXECUTE_PAST_MS_MAX", 7 * 24 * hour, 36_600 * 24 * hour, 0),
    /** What becomes of a British account number that cannot belong to its sort code. */
    ukModulus: Config.schema(ModulusPolicy, "UK_MODULUS_CHECK").pipe(Config.withDefault("warn" as const)),
  }),
  /** Batches that partners put together before they submit them. */
  drafts: all({
    /** Drafts of one partner that were not submitted. */
    perPartnerMax: count("DRAFTS_PER_PARTNER_MAX", 100, 10_000),
    itemsMax: count("DRAFT_ITEMS_MAX", 100_000, 100_000),
    /** Pages that are ever added to a draft. */
    pagesMax: count("DRAFT_PAGES_MAX", 1_000, 10_000),
    pageBytesMax: count("DRAFT_PAGE_BYTES_MAX", DRAFT_PAGE_BYTES_MAX, DRAFT_PAGE_BYTES_MAX, 1_024),
    /** How long a draft is kept after its last change. */
    ageMsMax: count("DRAFT_AGE_MS_MAX", 30 * 24 * hour, 366 * 24 * hour),
  }),
  /** Rules for the batches of all partners. */
  policy: all({
    /** Totals of a batch, or of a day, above which somebody else has to approve: "EUR=100000.00,JPY=15000000". */
    approvalAbove: amounts("APPROVAL_ABOVE"),
    approvalWithinMs: count("APPROVAL_WITHIN_MS", 24 * hour, 31 * 24 * hour),
    /** Amounts up to which one operator may resolve a parked transfer. Above, and in other currencies, it takes two. */
    resolutionAbove: amounts("RESOLUTION_ABOVE"),
    resolutionWithinMs: count("RESOLUTION_WITHIN_MS", 24 * hour, 31 * 24 * hour),
    /** The most attempts of an item that AtlasPay makes by itself, after failures that another attempt may resolve. */
    attemptsMax: count("ATTEMPTS_MAX", 1, ATTEMPTS_MAX),
    /** What happens to an item whose beneficiary's name is not the one on the account. */
    payeePolicy: Config.schema(PayeePolicy, "PAYEE_CHECK").pipe(Config.withDefault("review" as const)),
    /** What becomes of payouts that a partner was accepted before, by partner: nothing is looked for by default. */
    duplicates: duplicatePolicies("DUPLICATE_PAYOUTS"),
  }),
  providers: all({
    /** The secret of the compliance engine's callbacks. Without it, the engine gets no callback URL. */
    complianceCallbackSecret: callbackSecret("COMPLIANCE_CALLBACK_SECRET"),
    /** The waits before the engine is asked again for postponed decisions. The last one repeats. */
    clearanceDelaysMs: milliseconds("CLEARANCE_DELAYS_MS", [300 * seconds, 900 * seconds, hour]),
    /** An older clearance is requested again before anything is sent on it. */
    clearanceMaxAgeMs: count("CLEARANCE_MAX_AGE_MS", 24 * hour, 366 * 24 * hour, 1 * seconds),
    /** The file with the settings of all providers, or the settings from which they are derived. */
    source: providersSource,
    /** The secrets of banks' callbacks. A bank that calls back needs one. */
    bankCallbackSecrets: Config.option(bankSecrets),
    /** The secret of the ledger's callbacks about funds. Without it, they are refused. */
    ledgerCallbackSecret: callbackSecret("LEDGER_CALLBACK_SECRET"),
    timeoutMs: count("PROVIDER_TIMEOUT_MS", 10 * seconds),
    bankConcurrency: count("BANK_CONCURRENCY", 32),
    /** The waits before inquiries about an open transfer. After the last inquiry without a final status, it is parked. */
    inquiryDelaysMs: milliseconds("INQUIRY_DELAYS_MS", [
      5 * seconds,
      30 * seconds,
      300 * seconds,
      hour,
      ...Array<number>(5).fill(24 * hour),
    ]),
    /** The waits before retries of a posting that the ledger refused. The last one repeats. */
    postingRetryDelaysMs: milliseconds("POSTING_RETRY_DELAYS_MS", [
      60 * seconds,
      120 * seconds,
      240 * seconds,
      480 * seconds,
      960 * seconds,
      1_920 * seconds,
      hour,
    ]),
  }),
  webhooks: all({
    /** Allows endpoints with plain HTTP and on private addresses: for development, never for production. */
    allowPrivate: Config.Boolean("WEBHOOKS_ALLOW_PRIVATE").pipe(Config.withDefault(false)),
    timeoutMs: count("WEBHOOK_TIMEOUT_MS", 15 * seconds),
    /** How long nothing may arrive at an endpoint before it is disabled. */
    disableAfterMs: count("WEBHOOK_DISABLE_AFTER_MS", 120 * hour, 2_160 * hour, hour),
    /** How long deliveries that ended are kept, from when they were stored. Longer than all attempts take. */
    deliveryAgeMsMax: count("WEBHOOK_DELIVERY_AGE_MS_MAX", 30 * 24 * hour, 366 * 24 * hour, 7 * 24 * hour),
    /** The waits after failed attempts. After the last one, the delivery is dead: eleven attempts over about 76 hours. */
    retryDelaysMs: milliseconds(
      "WEBHOOK_RETRY_DELAYS_MS",
      Arr.map(
        Arr.make(5, 60, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400),
        (wait) => wait * seconds,
      ),
    ),
  }),
  /** How long after its last event a closed batch is archived, and then unlinked from Redis: longer than between two backups of Postgres. */
  archive: all({
    afterMs: count("ARCHIVE_AFTER_MS", 1 * hour, 366 * 24 * hour),
    unlinkAfterMs: count("ARCHIVE_UNLINK_AFTER_MS", 7 * 24 * hour, 36_600 * 24 * hour),
  }),
  /** Where spans of traces go, over OTLP/HTTP; without an endpoint none are recorded. */
  traces: all({
    endpoint: Config.option(Config.schema(CollectorText, "OTEL_EXPORTER_OTLP_ENDPOINT")),
    /** What the collector wants to see, such as a key: "authorization=Bearer%20…,x-tenant=payouts". */
    headers: Config.option(
      Config.schema(HeadersText, "OTEL_EXPORTER_OTLP_HEADERS").pipe(
        Config.map((text) => Redacted.make(headersIn(text))),
      ),
    ),
    serviceName: Config.String("OTEL_SERVICE_NAME").pipe(Config.withDefault("atlaspay")),
    /** Of a hundred traces so many are recorded whatever comes of them: 0 to 100, also parts of 1. */
    percent: Config.schema(
      Schema.FiniteFromString.check(Schema.isBetween({ minimum: 0, maximum: 100 })),
      "TRACE_SAMPLE_PERCENT",
    ).pipe(Config.withDefault(1)),
    /** The trace of a batch that takes longer, from accepted to closed, is kept. */
    slowMs: count("TRACE_SLOW_MS", 300 * seconds, 366 * 24 * hour),
  }),
  /** "after-intent:2" kills the process the second time it passes that point. For tests of recovery only. */
  crashAt: Config.option(
    Config.schema(
      Schema.TemplateLiteralParser([Schema.Literals(crashPoints), ":", Schema.FiniteFromString]),
      "CRASH_AT",
    ),
  ),
})

export type SettingsOf<C> = C extends Config.Config<infer A> ? A : never

/** Secrets that the providers' document names. They are read once the document is known. */
interface NamedSecrets {
  /** The value of a variable; `undefined` if it is not set. */
  readonly secretNamed: (name: string) => Effect.Effect<string | undefined>
}
export type Settings = SettingsOf<typeof settings> & NamedSecrets

/** Settings are missing or malformed. `problems` names all of them. */
export class InvalidSettings extends Schema.TaggedError<InvalidSettings>()("InvalidSettings", {
  problems: Schema.Array(Schema.String),
}) {
  override get message() {
    return ["These settings are missing or malformed:", ...this.problems.map((one) => `  ${one}`)].join("\n")
  }
}

/** The settings that the service runs with. */
export class AppConfig extends Context.Service<AppConfig, Settings>()("atlaspay/AppConfig") {
  /** Reads the environment. Fails if settings are missing or malformed, and names them; then the process does not start. */
  static readonly layer = Layer.effect(
    AppConfig,
    Effect.gen(function* () {
      const environment = yield* ConfigProvider.ConfigProvider
      const secretNamed = (name: string) =>
        Config.String(name)
          .parse(environment)
          .pipe(Effect.orElseSucceed(() => undefined))
      const given = yield* Effect.catchTag(settings, "ConfigError", () =>
        Effect.flatMap(problemsIn(settings), (problems) => Effect.fail(new InvalidSettings({ problems }))),
      )
      return { ...given, secretNamed }
    }),
  )
}

const isRole = (text: string): text is Role => roles.some((role) => role === text)

/** ROLES: the roles that the process runs; all by default. */
export const rolesToRun: Config.Config<ReadonlyArray<Role>> = Config.schema(
  Schema.String.check(
    Schema.makeFilter(
      (text: string) => text.split(",").every(isRole) || `expected some of ${roles.join(",")}, with commas`,
    ),
  ),
  "ROLES",
).pipe(
  Config.map((text) => text.split(",").filter(isRole)),
  Config.withDefault(roles),
)
