/** The server of the API for partners and providers, as a layer. */
import { Context, Effect, Layer } from "effect"
import { AppConfig } from "../config.ts"
import { Credentials } from "../identity/credentials.ts"
import { makeApp } from "./app.ts"
import { serveApp } from "./edge/listener.ts"
import { RequestBodies } from "./edge/request-body.ts"
import { Intake } from "./payout-batches/intake.ts"
import { OpenStreams } from "./payout-batches/open-streams.ts"

/** The address of the server, with the real port in place of port 0. */
export class HttpAddress extends Context.Service<
  HttpAddress,
  {
    readonly host: string
    readonly port: number
    readonly url: string
  }
>()("atlaspay/http/HttpAddress") {}

/** Serves the API at `http`. */
export const httpServerLayer = Layer.effect(
  HttpAddress,
  Effect.gen(function* () {
    const { http } = yield* AppConfig
    const limits = { connectionsMax: http.connectionsMax, perAddressMax: http.connectionsPerAddressMax }
    const { app, direct } = yield* makeApp
    const address = yield* serveApp(app.fetch, http, limits, { direct })
    // Before the server waits for its requests to end.
    const { stop } = yield* OpenStreams
    yield* Effect.addFinalizer(() => stop)
    yield* Effect.logInfo("listening").pipe(Effect.annotateLogs({ url: address.url }))
    return address
  }),
).pipe(Layer.provide([Credentials.layer, Intake.layer, OpenStreams.layer, RequestBodies.layer]))
