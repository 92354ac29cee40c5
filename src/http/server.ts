/**
 * The HTTP servers as a layer: the API for partners and providers, and the operational routes for those who run the
 * service, on a separate listener that is closed to the outside by default.
 */
import { Context, Effect, Layer } from "effect"
import { AppConfig } from "../config.ts"
import { Credentials } from "../identity/credentials.ts"
import { makeApp, makeOperationsApp } from "./app.ts"
import { serveApp } from "./edge/listener.ts"
import { RequestBodies } from "./edge/request-body.ts"
import { Intake } from "./payout-batches/intake.ts"
import { OpenStreams } from "./payout-batches/open-streams.ts"

/** The addresses of the servers, with the real ports in place of port 0. */
export class HttpAddress extends Context.Service<
  HttpAddress,
  {
    readonly host: string
    readonly port: number
    readonly url: string
    /** Health, metrics, providers. */
    readonly operationsUrl: string
  }
>()("atlaspay/http/HttpAddress") {}

const OPERATIONS_CONNECTIONS = { connectionsMax: 100, perAddressMax: 100 }

/** Serves the API at `http` and the operational routes at `operations`. */
export const httpServerLayer = Layer.effect(
  HttpAddress,
  Effect.gen(function* () {
    const { http, operations } = yield* AppConfig
    const limits = { connectionsMax: http.connectionsMax, perAddressMax: http.connectionsPerAddressMax }
    // Starts before the API and ends after it, so that the operational routes answer whenever the API does.
    const { url: operationsUrl } = yield* serveApp(
      (yield* makeOperationsApp).fetch,
      operations,
      OPERATIONS_CONNECTIONS,
      { part: "operations" },
    )
    const { app, direct } = yield* makeApp
    const address = yield* serveApp(app.fetch, http, limits, { direct })
    // Before the server waits for its requests to end.
    const { stop } = yield* OpenStreams
    yield* Effect.addFinalizer(() => stop)
    yield* Effect.logInfo("listening").pipe(Effect.annotateLogs({ url: address.url, operationsUrl }))
    return { ...address, operationsUrl }
  }),
).pipe(Layer.provide([Credentials.layer, Intake.layer, OpenStreams.layer, RequestBodies.layer]))
