/** The HTTP server as a layer: it listens while the layer lives, and lets requests finish when that ends. */
import { createServer, type Server } from "node:http"
import { getRequestListener } from "@hono/node-server"
import { Context, Effect, Layer, Schedule, Schema } from "effect"
import { AppConfig } from "../config.ts"
import { Credentials } from "../identity/credentials.ts"
import { makeApp } from "./app.ts"
import { Intake } from "./intake.ts"
import { RequestBodies } from "./request-body.ts"

/** The address could not be listened on. */
export class ListenFailed extends Schema.TaggedError<ListenFailed>()("ListenFailed", {
  host: Schema.String,
  port: Schema.Int,
  reason: Schema.String,
}) {}

/** Where the server listens, with the port that it was given for port 0. */
export class HttpAddress extends Context.Service<
  HttpAddress,
  { readonly host: string; readonly port: number; readonly url: string }
>()("atlaspay/http/HttpAddress") {}

const CONNECTIONS_MAX = 10_000
const HEADERS_MS_MAX = 15_000
/** A request, from its first byte to the last of its body. */
const REQUEST_MS_MAX = 60_000
const KEEP_ALIVE_MS = 10_000
/** How long requests under way may take to finish once the server closes. */
const DRAIN_MS_MAX = 10_000
const DRAIN_POLL_MS = 50

/** Serves the API on `http.host` and `http.port`. */
export const httpServerLayer = Layer.effect(
  HttpAddress,
  Effect.gen(function* () {
    const { host, port } = (yield* AppConfig).http
    const app = yield* makeApp
    const server = yield* Effect.acquireRelease(listen(createHttpServer(app.fetch), host, port), drain)
    const address = server.address()
    const bound = address === null || typeof address === "string" ? port : address.port
    const url = `http://${host.includes(":") ? `[${host}]` : host}:${bound}`
    yield* Effect.logInfo("listening").pipe(Effect.annotateLogs({ url }))
    return { host, port: bound, url }
  }),
).pipe(Layer.provide([Credentials.layer, Intake.layer, RequestBodies.layer]))

const createHttpServer = (fetch: Parameters<typeof getRequestListener>[0]): Server => {
  const timeouts = {
    headersTimeout: HEADERS_MS_MAX,
    requestTimeout: REQUEST_MS_MAX,
    keepAliveTimeout: KEEP_ALIVE_MS,
  }
  const server = createServer(timeouts, getRequestListener(fetch))
  server.maxConnections = CONNECTIONS_MAX
  return server
}

const listen = (server: Server, host: string, port: number): Effect.Effect<Server, ListenFailed> =>
  Effect.callback((resume) => {
    const failed = (error: NodeJS.ErrnoException) =>
      resume(Effect.fail(new ListenFailed({ host, port, reason: error.code ?? error.name })))
    server.once("error", failed)
    server.listen(port, host, () => {
      server.off("error", failed)
      resume(Effect.succeed(server))
    })
  })

/** Takes no more connections, lets those that work finish, and cuts off what is left after a bound. */
const drain = (server: Server): Effect.Effect<void> => {
  const closed = Effect.callback<void>((resume) => {
    server.close(() => resume(Effect.void))
  })
  const closeIdle = Effect.sync(() => server.closeIdleConnections())
  return Effect.raceFirst(closed, Effect.repeat(closeIdle, Schedule.spaced(DRAIN_POLL_MS))).pipe(
    Effect.timeoutOrElse({
      duration: DRAIN_MS_MAX,
      orElse: () => Effect.sync(() => server.closeAllConnections()),
    }),
    Effect.interruptible,
    Effect.asVoid,
  )
}
