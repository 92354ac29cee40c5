/**
 * Listens with several sockets on one port. Node takes one new connection of a listening socket in each round of the event
 * loop. So when many clients connect to a busy process at once, the last one would wait for as many rounds as there are
 * clients. The kernel spreads new connections over all sockets of the port (SO_REUSEPORT, Linux), and each round takes one
 * of each.
 */
import type { Server as HttpServer } from "node:http"
import { createServer, type Server } from "node:net"
import { Effect, Schema } from "effect"

/** The server could not listen at the address. */
export class ListenFailed extends Schema.TaggedError<ListenFailed>()("ListenFailed", {
  host: Schema.String,
  port: Schema.Int,
  reason: Schema.String,
}) {}

/** The address to listen at; port 0 is any free port. */
export interface Place {
  readonly host: string
  readonly port: number
}

/** All sockets that a server listens with. */
export interface Listening {
  readonly server: HttpServer
  /** Each passes its connections to the server. */
  readonly others: ReadonlyArray<Server>
  /** The port, also if any free one was asked for. */
  readonly port: number
}

const SOCKETS = 16

/**
 * Lets a server listen. Where one port cannot have several sockets, it listens with one. A port that another process
 * listens at is refused, also if that process would share it: before, a socket that shares with nobody is opened there for
 * a moment. A free port that the system chooses is nobody's.
 */
export const listen = Effect.fnUntraced(function* (
  server: HttpServer,
  { host, port: asked }: Place,
): Effect.fn.Return<Listening, ListenFailed> {
  if (asked !== 0) {
    const probe = createServer()
    yield* opened(probe, { host, port: asked })
    yield* closed(probe)
  }
  const first = yield* opened(server, { host, port: asked, reusePort: true }).pipe(
    Effect.map((port) => ({ port, isShared: true })),
    Effect.catchIf(isUnsupported, () =>
      Effect.map(opened(server, { host, port: asked }), (port) => ({ port, isShared: false })),
    ),
  )
  const { port } = first
  const others: Array<Server> = []
  while (first.isShared && others.length < SOCKETS - 1) {
    // As Node's HTTP server opens its own.
    const other = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      server.emit("connection", socket)
    })
    others.push(other)
    yield* Effect.onError(opened(other, { host, port, reusePort: true }), () =>
      Effect.forEach([server, ...others], closed),
    )
  }
  return { server, others, port }
})

/** Takes no more connections, and waits until all that were taken have ended. */
export const closeAll = ({ server, others }: Listening): Effect.Effect<void> =>
  Effect.forEach([server, ...others], closed, { concurrency: "unbounded", discard: true })

/** How a platform says that it has no such sockets. */
const unsupported: ReadonlySet<string> = new Set(["ENOTSUP", "EOPNOTSUPP", "ENOPROTOOPT", "EINVAL"])

const isUnsupported = ({ reason }: ListenFailed): boolean => unsupported.has(reason)

/** Starts to listen, and gives the port. */
const opened = (
  server: Server,
  options: Place & { readonly reusePort?: boolean },
): Effect.Effect<number, ListenFailed> =>
  Effect.callback((resume) => {
    const { host, port } = options
    const failed = (error: NodeJS.ErrnoException) =>
      resume(Effect.fail(new ListenFailed({ host, port, reason: error.code ?? error.name })))
    server.once("error", failed)
    server.listen(options, () => {
      server.off("error", failed)
      const address = server.address()
      resume(Effect.succeed(address === null || typeof address === "string" ? port : address.port))
    })
  })

const closed = (server: Server): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    server.close(() => resume(Effect.void))
  })
