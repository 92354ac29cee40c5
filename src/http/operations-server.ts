/**
 * The server of the operational routes, as a layer, for those who run the service: health, metrics, providers. Every process has
 * one, whatever its roles, on a listener that is closed to the outside by default.
 */
import { Context, Effect, Layer } from "effect"
import { AppConfig } from "../config.ts"
import { ProcessLogThreshold } from "../telemetry/log-level.ts"
import { makeOperationsApp } from "./app.ts"
import { serveApp } from "./edge/listener.ts"

/** The address of the server, with the real port in place of port 0. */
export class OperationsAddress extends Context.Service<
  OperationsAddress,
  { readonly host: string; readonly port: number; readonly url: string }
>()("atlaspay/http/OperationsAddress") {}

/** Checked rarely, because every process does so all the time; the times take effect no later than those of the API. */
const TIMES = { headersTimeout: 10_000, requestTimeout: 55_000, connectionsCheckingInterval: 5_000 }
const CONNECTIONS = { connectionsMax: 100, perAddressMax: 100 }

/**
 * Serves the operational routes at `operations`. Whoever builds the roles on top of this layer has it answer before they start,
 * and until after they ended.
 */
export const operationsServerLayer = Layer.effect(
  OperationsAddress,
  Effect.gen(function* () {
    const { operations, logLevel } = yield* AppConfig
    ;(yield* ProcessLogThreshold).begin(logLevel)
    const address = yield* serveApp((yield* makeOperationsApp).fetch, operations, CONNECTIONS, {
      part: "operations",
      times: TIMES,
    })
    yield* Effect.logInfo("operational routes listen").pipe(
      Effect.annotateLogs({ operationsUrl: address.url }),
    )
    return address
  }),
)
