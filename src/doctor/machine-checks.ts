/** Checks of this machine, and of the certificates that the stores show. */
import { statfs } from "node:fs/promises"
import { connect as connectTo } from "node:net"
import { connect as connectSecurely } from "node:tls"
import { Effect } from "effect"
import { type Check, type NotSeen, ok, problem, type Seen, warning } from "./check.ts"
import { mebibytes } from "./redis-checks.ts"

const FREE_WARNING = 0.15
const FREE_PROBLEM = 0.05
const DAY_MS = 86_400_000
const ENDS_WARNING_DAYS = 30
const ENDS_PROBLEM_DAYS = 7
const CONNECT_MS_MAX = 5_000

/** A server that is reached with TLS. Postgres is asked in the clear first whether it may begin; NATS says something first. */
export interface SecureServer {
  readonly name: string
  readonly host: string
  readonly port: number
  readonly asks: "at once" | "as NATS" | "as Postgres"
}

/** The check of the disk below a folder. A folder that is not there has nothing to fill. */
export const diskCheck = (folder: string): Check => ({
  name: "disk",
  look: Effect.tryPromise({
    try: () => statfs(folder),
    catch: (error) => error as NodeJS.ErrnoException,
  }).pipe(
    Effect.map(({ bavail, blocks, bsize }): Seen => {
      const free = blocks === 0 ? 1 : bavail / blocks
      const seen = `${mebibytes(bavail * bsize)} free below the data folder, ${Math.round(free * 100)} %`
      const todo = "Make room: logs and stores of a local platform write there."
      if (free < FREE_PROBLEM) return problem(seen, todo)
      return free < FREE_WARNING ? warning(seen, todo) : ok(seen)
    }),
    Effect.catchIf(
      ({ code }) => code === "ENOENT",
      () =>
        Effect.succeed(ok("there is no data folder here; nothing of the service is stored on this machine")),
    ),
    Effect.mapError(({ code }): NotSeen => ({ message: `the disk cannot be read: ${code}` })),
  ),
})

/** The check of the certificates that servers show, by when they end. Whether they are trusted is for the connection to say. */
export const certificateCheck = (servers: ReadonlyArray<SecureServer>, now: number): Check => ({
  name: "certificates",
  look: Effect.map(
    Effect.forEach(servers, (server) => Effect.map(endOf(server), (end) => ({ server, end })), {
      concurrency: "unbounded",
    }),
    (found): Seen => {
      if (found.length === 0) return ok("no store is reached with TLS")
      const days = found.map(({ server, end }) => ({
        name: server.name,
        left: Math.floor((end - now) / DAY_MS),
      }))
      const seen = days.map(({ name, left }) => `that of ${name} ends in ${left} days`).join(", ")
      const least = Math.min(...days.map(({ left }) => left))
      const todo = "Renew the certificate: once it has ended, the service cannot connect."
      if (least < ENDS_PROBLEM_DAYS) return problem(seen, todo)
      return least < ENDS_WARNING_DAYS ? warning(seen, todo) : ok(seen)
    },
  ),
})

/** When the certificate of a server ends, in epoch milliseconds. */
const endOf = ({ name, host, port, asks }: SecureServer): Effect.Effect<number, NotSeen> =>
  Effect.callback((resume) => {
    const plain = connectTo({ host, port, timeout: CONNECT_MS_MAX })
    const fail = (why: string) => {
      plain.destroy()
      resume(Effect.fail({ message: `${name} shows no certificate: ${why}` }))
    }
    const shakeHands = () => {
      // Only looked at: nothing is sent that anybody may not know.
      const secure = connectSecurely({ socket: plain, servername: host, rejectUnauthorized: false }, () => {
        const end = Date.parse(secure.getPeerCertificate().valid_to)
        secure.destroy()
        resume(
          Number.isNaN(end) ? Effect.fail({ message: `${name} shows no certificate` }) : Effect.succeed(end),
        )
      })
      secure.once("error", ({ name }) => fail(name))
    }
    plain.once("error", (error: NodeJS.ErrnoException) => fail(error.code ?? error.name))
    plain.once("timeout", () => fail("TIMEOUT"))
    plain.once("connect", () => {
      if (asks === "at once") return shakeHands()
      plain.once("data", (answer) =>
        asks === "as NATS" || answer[0] === 0x53 ? shakeHands() : fail("TLS refused"),
      )
      if (asks === "as Postgres") plain.write(SSL_REQUEST)
    })
    return Effect.sync(() => plain.destroy())
  })

/** Of eight bytes: the length and the code of a request for TLS (Postgres' protocol 3.0, SSLRequest). */
const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])
