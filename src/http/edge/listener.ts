/** A server of Node's for an app, with limits on times and connections, and with one spelling for each address. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { Socket } from "node:net"
import { getRequestListener } from "@hono/node-server"
import { Effect, Schedule, type Scope } from "effect"
import { type Life, Lifecycle, watched } from "../../platform/lifecycle.ts"
import { withAnswerHeaders } from "./answer-headers.ts"
import { isCanonical } from "./canonical-target.ts"
import { boundConnections, type ConnectionLimits } from "./connections.ts"
import type { DirectRoute } from "./direct-route.ts"
import { InvalidRequest } from "./failures.ts"
import { closeAll, type ListenFailed, type Listening, listen, type Place } from "./listening.ts"
import { problemOf } from "./problems.ts"

/**
 * Milliseconds for the headers, and for a request from its first byte to the last of its body; and how often Node checks both, and thus by
 * how much later each may take effect: more often would be half of what wakes an API at rest.
 */
const TIMES = { headersTimeout: 15_000, requestTimeout: 60_000, connectionsCheckingInterval: 2_000 }
const KEEP_ALIVE_MS = 10_000
/** After this time a connection on which nothing moves is closed, as when the client does not take its answer. */
const STILL_MS_MAX = 60_000
/** For how long the rest of a request is read and discarded after the answer, so that the client can read the answer. */
const LINGER_MS_MAX = 2_000
/** How long requests under way may take after the server begins to close: less than all parts of the process together. */
const DRAIN_MS_MAX = 5_500
const DRAIN_POLL_MS = 50
/** How long a connection on which nothing was ever sent may still bring a request then. */
const SILENT_MS_MAX = 500

type Fetch = Parameters<typeof getRequestListener>[0]

/**
 * Listens until the scope closes, and then lets requests finish. Returns the address with its port, and its URL. `part` names what
 * is under way when the process ends before it.
 */
export const serveApp = Effect.fnUntraced(function* (
  fetch: Fetch,
  place: Place,
  limits: ConnectionLimits,
  {
    times = {},
    direct = () => false,
    part = "requests",
  }: { readonly times?: Partial<typeof TIMES>; readonly direct?: DirectRoute; readonly part?: string } = {},
): Effect.fn.Return<Place & { readonly url: string }, ListenFailed, Scope.Scope> {
  const { host } = place
  const calls = new Calls(yield* Lifecycle)
  yield* watched(part, { underWay: () => calls.underWay, stopping: () => calls.stopping() })
  const server = serverOf(fetch, calls, limits, times, direct)
  const listening = yield* Effect.acquireRelease(listen(server, place), (open) => drain(open, calls))
  const { port } = listening
  return { host, port, url: `http://${host.includes(":") ? `[${host}]` : host}:${port}` }
})

/** The requests under way on a server, and the connections on which none has come yet. */
class Calls {
  readonly #life: Life
  readonly #answers = new Set<ServerResponse>()
  readonly #silent = new Set<Socket>()

  constructor(life: Life) {
    this.#life = life
  }

  get underWay(): number {
    return this.#answers.size
  }

  connected(socket: Socket): void {
    this.#silent.add(socket)
    socket.once("close", () => this.#silent.delete(socket))
  }

  begin(incoming: IncomingMessage, outgoing: ServerResponse): void {
    this.#silent.delete(incoming.socket)
    this.#answers.add(outgoing)
    outgoing.once("close", () => this.#answers.delete(outgoing))
    if (this.#life.isStopping) endsConnection(outgoing)
  }

  /** From now on whoever gets an answer finds another process for the next request. */
  stopping(): void {
    for (const outgoing of this.#answers) endsConnection(outgoing)
  }

  /** Closes the connections on which nothing was ever sent. */
  closeSilent(): void {
    for (const socket of this.#silent) socket.destroy()
  }
}

/** Node then answers with `connection: close`, unless it has begun to answer. */
const endsConnection = (outgoing: ServerResponse): void => {
  outgoing.shouldKeepAlive = false
}

const serverOf = (
  fetch: Fetch,
  calls: Calls,
  limits: ConnectionLimits,
  times: Partial<typeof TIMES>,
  direct: DirectRoute,
): Server => {
  const answer = getRequestListener(fetch)
  const onRequest = (incoming: IncomingMessage, outgoing: ServerResponse) => {
    calls.begin(incoming, outgoing)
    outgoing.once("finish", () => endConnection(incoming))
    if (isCanonical(incoming.url ?? "") && direct(incoming, outgoing)) return
    withAnswerHeaders(outgoing)
    if (isCanonical(incoming.url ?? "")) void answer(incoming, outgoing)
    else void refuse(outgoing)
  }
  const server = createServer({ ...TIMES, ...times, keepAliveTimeout: KEEP_ALIVE_MS }, onRequest)
  server.timeout = STILL_MS_MAX
  // "100 Continue" is sent when a handler reads the body, so a client without a key gets its refusal instead.
  server.on("checkContinue", onRequest)
  server.on("connection", (socket) => calls.connected(socket))
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
const drain = (listening: Listening, calls: Calls): Effect.Effect<void> => {
  const { server } = listening
  const closeIdle = Effect.sync(() => server.closeIdleConnections())
  const closeSilent = Effect.andThen(
    Effect.sleep(SILENT_MS_MAX),
    Effect.sync(() => calls.closeSilent()),
  )
  const closing = Effect.all(
    [Effect.repeat(closeIdle, Schedule.spaced(DRAIN_POLL_MS)), Effect.andThen(closeSilent, Effect.never)],
    { concurrency: "unbounded" },
  )
  // The fiber that ends is interrupted already, so only what it forks may be interruptible.
  return Effect.raceFirst(closeAll(listening), closing).pipe(
    Effect.interruptible,
    Effect.timeoutOrElse({ duration: DRAIN_MS_MAX, orElse: () => cutOff(server, calls) }),
    Effect.asVoid,
  )
}

const cutOff = Effect.fnUntraced(function* (server: Server, calls: Calls) {
  if (calls.underWay > 0) yield* Effect.logWarning("requests cut off", { requests: calls.underWay })
  server.closeAllConnections()
})
