/**
 * The servers that DATABASE_URL names: `postgres://user:password@a:5432,b:5433/database`, as libpq has it
 * (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-MULTIPLE-HOSTS). Our driver takes such a list, too, but it takes a
 * standby for a server that can be written to, and tries servers that are all away without a pause and without an end. So each of its
 * pools gets one server, and `postgres-primary.ts` chooses which.
 */
import { Result } from "effect"
import { decoded } from "./url-part.ts"

const PORT = 5432
/** Beyond this it is a mistake rather than a cluster. */
const SERVERS_MAX = 8

/** One server. Without a host the driver takes PGHOST and PGPORT, or this machine. */
export interface ServerPlace {
  readonly host: string | undefined
  readonly port: number
}

export interface PostgresAddress {
  readonly places: readonly [ServerPlace, ...Array<ServerPlace>]
  /** The URL of the first server without `target_session_attrs`: what the driver reads everything else from. */
  readonly url: string
}

/** What may be asked of the sessions: all of them write, so each of these words means the primary. */
const WANTED = ["primary", "read-write"]

const FORM = /^(postgres(?:ql)?:\/\/(?:[^/?#]*@)?)([^/?#]*)(.*)$/is
const ONE = /^([^:[\]]+)(?::(\d{1,5}))?$/
/** The driver takes no IPv6 addresses: it ends them at their first colon. */
const IPV6 = /^\[/

/**
 * Reads the URL. Fails with a phrase that has no part of the URL, because that has a password. Servers without a port have the
 * port 5432.
 */
export const readPostgresAddress = (url: string): Result.Result<PostgresAddress, string> => {
  const [, before, list = "", after = ""] = FORM.exec(url) ?? []
  if (before === undefined) return Result.fail("it does not begin with postgres://")
  const hosts = list.split(",").map((host) => host.trim())
  if (hosts.some((host) => IPV6.test(host)))
    return Result.fail("a server of it is an IPv6 address: only a name for it will do")
  const places = list === "" ? [{ host: undefined, port: PORT }] : hosts.flatMap(placeIn)
  const [first, ...others] = places
  if (first === undefined || places.length < hosts.length)
    return Result.fail("a server of it has no valid name or port")
  if (places.length > SERVERS_MAX) return Result.fail(`it has more than ${SERVERS_MAX} servers`)
  const single = `${before}${hosts[0]}${after}`
  if (!URL.canParse(single)) return Result.fail("it is not a URL")
  const parsed = new URL(single)
  if (decoded(parsed.username) === undefined || decoded(parsed.password) === undefined)
    return Result.fail("its user or password has a % that encodes nothing")
  const wanted = parsed.searchParams.get("target_session_attrs")
  if (wanted !== null && !WANTED.includes(wanted))
    return Result.fail(`its target_session_attrs is not one of ${WANTED.join(" and ")}`)
  parsed.searchParams.delete("target_session_attrs")
  return Result.succeed({ places: [first, ...others], url: wanted === null ? single : parsed.href })
}

const placeIn = (server: string): ReadonlyArray<ServerPlace> => {
  const [, host, port = PORT] = ONE.exec(server) ?? []
  const number = Number(port)
  if (host === undefined || number < 1 || number > 65_535) return []
  return [{ host, port: number }]
}

/** For logs: `host:port`. */
export const nameOfPlace = ({ host = "PGHOST", port }: ServerPlace): string => `${host}:${port}`
