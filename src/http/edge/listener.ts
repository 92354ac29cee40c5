/** A server of Node's for an app, with limits on times and connections, and with one spelling for each address. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import { getRequestListener } from "@hono/node-server"
import { Effect, Schedule, type Scope } from "effect"
import { withAnswerHeaders } from "./answer-headers.ts"
import { isCanonical } from "./canonical-target.ts"
import { boundConnections, type ConnectionLimits } from "./connections.ts"
import type { DirectRoute } from "./direct-route.ts"
import { InvalidRequest } from "./failures.ts"
import { closeAll, type ListenFailed, type Listening, listen, type Place } from "./listening.ts"
import { problemOf } from "./problems.ts"

/** Milliseconds for the headers, and for a request from its first byte to the last of its body. */
const TIMES = { headersTimeout: 15_000, requestTimeout: 60_000 }
const KEEP_ALIVE_MS = 10_000
/** After this time a connection on which nothing moves is closed, as when the client does not take its answer. */
const STILL_MS_MAX = 60_000
/** How often Node checks the times, and thus by how much later each may take effect. */
const TIMES_CHECKED_EVERY_MS = 500
/** For how long the rest of a request is read and discarded after the answer, so that the client can read the answer. */
const LINGER_MS_MAX = 500
/** How long requests under way may take after the server begins to close. */
const DRAIN_MS_MAX = 10_000
const DRAIN_POLL_MS = 50

type Fetch = Parameters<typeof getRequestListener>[0]

/** Listens until the scope closes, and then lets requests finish. Returns the address with its port, and its URL. */
export const serveApp = Effect.fnUntraced(function* (
  fetch: Fetch,
  place: Place,
  limits: ConnectionLimits,
  {
    times = TIMES,
    direct = () => false,
  }: { readonly times?: typeof TIMES; readonly direct?: DirectRoute } = {},
): Effect.fn.Return<Place & { readonly url: string }, ListenFailed, Scope.Scope> {
  const { host } = place
  const listening = yield* Effect.acquireRelease(listen(serverOf(fetch, limits, times, direct), place), drain)
  const { port } = listening
  return { host, port, url: `http://${host.includes(":") ? `[${host}]` : host}:${port}` }
})

const serverOf = (
  fetch: Fetch,
  limits: ConnectionLimits,
  times: typeof TIMES,
  direct: DirectRoute,
): Server => {
  const answer = getRequestListener(fetch)
  const onRequest = (incoming: IncomingMessage, outgoing: ServerResponse) => {
    outgoing.once("finish", () => endConnection(incoming))
    if (isCanonical(incoming.url ?? "") && direct(incoming, outgoing)) return
    withAnswerHeaders(outgoing)
    if (isCanonical(incoming.url ?? "")) void answer(incoming, outgoing)
    else void refuse(outgoing)
  }
  const checked = {
    ...times,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionsCheckingInterval: TIMES_CHECKED_EVERY_MS,
  }
  const server = createServer(checked, onRequest)
  server.timeout = STILL_MS_MAX
  // "100 Continue" is sent when a handler reads the body, so a client without a key gets its refusal instead.
  server.on("checkContinue", onRequest)
  return boundConnections(server, limits)
}

const refuse = async (outgoing: ServerResponse): Promise<void> => {
  const { response } = problemOf(new InvalidRequest({ detail: "The address is not in canonical form." }))
  outgoing.writeHead(response.status, Object.fromEntries(response.headers))
  outgoing.end(await response.text())
}

/** Closes a connection whose request was answered before all of it arrived: it cannot be used again. */
const endConnection = (incoming: IncomingMessage): void => {
  if (incoming.complete) return
  setTimeout(() => {
    if (!incoming.complete) incoming.socket.destroySoon()
  }, LINGER_MS_MAX).unref()
}

/** Takes no more connections, lets requests finish, and closes all remaining connections after a time. */
const drain = (listening: Listening): Effect.Effect<void> => {
  const { server } = listening
  const closeIdle = Effect.sync(() => server.closeIdleConnections())
  return Effect.raceFirst(closeAll(listening), Effect.repeat(closeIdle, Schedule.spaced(DRAIN_POLL_MS))).pipe(
    Effect.timeoutOrElse({
      duration: DRAIN_MS_MAX,
      orElse: () => Effect.sync(() => server.closeAllConnections()),
    }),
    Effect.interruptible,
    Effect.asVoid,
  )
}
