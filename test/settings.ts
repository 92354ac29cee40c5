/** The service's settings for a test: real servers from the test stack, and nothing else until a test says so. */
import { randomUUID } from "node:crypto"
import { ConfigProvider, Layer } from "effect"
import { inject } from "vitest"
import { AppConfig } from "../src/config.ts"

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
          API_KEYS: "acme=acme-key,globex=globex-key",
          REDIS_URL: inject("redisUrl"),
          DATABASE_URL: inject("databaseUrl"),
          NATS_URL: inject("natsUrl"),
          COMPLIANCE_URL: "http://127.0.0.1:9",
          LEDGER_URL: "http://127.0.0.1:9",
          BANKS: "north=http://127.0.0.1:9,south=http://127.0.0.1:9",
          BANK_ROUTES: "EUR=north,GBP=north,*=south",
          MASTER_KEYS: masterKeys,
          BANK_CALLBACK_SECRET: "whsec_dGVzdC1zZWNyZXQtb2YtdGhlLWJhbmstY2FsbGJhY2s=",
          COMPLIANCE_CALLBACK_SECRET: "whsec_dGVzdC1zZWNyZXQtb2YtdGhlLWNvbXBsaWFuY2UtZW5naW5l",
          STREAM_PREFIX: ownPrefix(),
          ...environment,
        }),
      ),
    ),
    Layer.orDie,
  )
