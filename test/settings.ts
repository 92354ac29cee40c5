/** The service's settings for a test: real servers from the test stack, and nothing else until a test says so. */
import { randomUUID } from "node:crypto"
import { ConfigProvider, Effect, Layer } from "effect"
import { inject } from "vitest"
import { AppConfig } from "../src/config.ts"
import { ProviderChannels } from "../src/providers/calling/channel.ts"
import { FleetLimits } from "../src/providers/calling/fleet-limits.ts"
import { ProviderSettings } from "../src/providers/calling/provider-settings.ts"

/** A key prefix of the test's own, so that test files share a Redis side by side. */
export const ownPrefix = (): string => `t${randomUUID().slice(0, 8)}`

/** A master key for tests; it is nobody's. */
export const masterKeys = `test=${Buffer.alloc(32, 7).toString("base64")}`

/** AppConfig as the environment would give it; addresses that a test does not name lead nowhere. */
export const settings = (environment: Readonly<Record<string, string>> = {}): Layer.Layer<AppConfig> =>
  AppConfig.layer.pipe(
    Layer.provide(
      ConfigProvider.layer(
        ConfigProvider.fromUnknown({
          API_KEYS: "acme=acme-key,acme/supervisor=acme-supervisor-key,globex=globex-key",
          OPERATOR_KEYS: "olga=olga-key,otto:approve+resolve=otto-key,rita:review=rita-key",
          REDIS_URL: inject("redisUrl"),
          DATABASE_URL: inject("databaseUrl"),
          NATS_URL: inject("natsUrl"),
          COMPLIANCE_URL: "http://127.0.0.1:9",
          LEDGER_URL: "http://127.0.0.1:9",
          BANKS: "north=http://127.0.0.1:9,south=http://127.0.0.1:9",
          BANK_ROUTES: "EUR=north,GBP=north,*=south",
          MASTER_KEYS: masterKeys,
          BANK_CALLBACK_SECRET:
            "north=whsec_dGVzdC1zZWNyZXQtb2YtdGhlLWJhbmstY2FsbGJhY2s=,south=whsec_dGVzdC1zZWNyZXQtb2Ytc291dGgtb25seQ==",
          COMPLIANCE_CALLBACK_SECRET: "whsec_dGVzdC1zZWNyZXQtb2YtdGhlLWNvbXBsaWFuY2UtZW5naW5l",
          STREAM_PREFIX: ownPrefix(),
          ...environment,
        }),
      ),
    ),
    Layer.orDie,
  )

/** The way to providers, where no limit is shared with other processes. */
export const channels = Layer.fresh(ProviderChannels.layer).pipe(
  Layer.provide(Layer.succeed(FleetLimits, { book: () => Effect.die(new Error("no limit is shared")) })),
)

/** The settings, and with them those of the providers and the way to them. */
export const providerSettings = (environment?: Readonly<Record<string, string>>) =>
  Layer.merge(Layer.fresh(ProviderSettings.layer), channels).pipe(Layer.provideMerge(settings(environment)))
