/**
 * Parses REDIS_URL: one server, a primary monitored by Sentinels, or a cluster.
 *
 *   redis://[user:password@]host[:port][/db]
 *   redis+sentinel://[user:password@]host[:port],host[:port]…/name[/db]
 *   redis+cluster://[user:password@]host[:port],host[:port]…
 *
 * or the same with `rediss` for TLS. Special characters in a password are percent-encoded.
 */
import { Result } from "effect"
import { decoded } from "./url-part.ts"

export interface HostAndPort {
  readonly host: string
  readonly port: number
}

/** User and password are for the data servers. Sentinels are queried without them. */
export interface RedisAddress {
  readonly topology: "standalone" | "sentinel" | "cluster"
  /** The server, the Sentinels, or some of the cluster's nodes. The first one that answers knows the others. */
  readonly hosts: ReadonlyArray<HostAndPort>
  /** The Sentinels' name for the primary; empty without Sentinels. */
  readonly primaryName: string
  readonly database: number
  readonly username: string
  readonly password: string
  readonly tls: boolean
}

/** The accepted forms, for errors. */
const EXPECTED =
  "redis://host:port, redis+sentinel://host:port,…/name or redis+cluster://host:port,… (rediss for TLS)"

const PORT = 6379
const SENTINEL_PORT = 26379
const FORM =
  /^(?<scheme>rediss?)(?:\+(?<kind>sentinel|cluster))?:\/\/(?:(?<username>[^:@/]*)(?::(?<password>[^@/]*))?@)?(?<hosts>[^@/?#]+)(?<path>(?:\/[^/?#]*){0,2})$/

/** Parses the URL. A failure says what is expected. It does not quote the URL, which may contain a password. */
export const readAddress = (url: string): Result.Result<RedisAddress, string> => {
  const parts = FORM.exec(url)?.groups
  const address = parts === undefined ? undefined : addressOf(parts)
  return address === undefined ? Result.fail(EXPECTED) : Result.succeed(address)
}

type Parts = Readonly<Record<string, string | undefined>>

const addressOf = ({ scheme, kind, username, password, hosts, path }: Parts): RedisAddress | undefined => {
  const topology = kind === "sentinel" || kind === "cluster" ? kind : "standalone"
  const servers = (hosts ?? "").split(",").map((host) => readHost(host, topology))
  const segments = (path ?? "").split("/").slice(1)
  const primaryName = topology === "sentinel" ? segments.shift() : ""
  const [database = "", ...rest] = segments
  const user = decoded(username ?? "")
  const secret = decoded(password ?? "")
  if (servers.includes(undefined) || user === undefined || secret === undefined) return undefined
  if (topology === "sentinel" ? !primaryName : topology === "standalone" && servers.length > 1)
    return undefined
  if (rest.length > 0 || !(topology === "cluster" ? /^0?$/ : /^\d{0,5}$/).test(database)) return undefined
  return {
    topology,
    hosts: servers.filter((server) => server !== undefined),
    primaryName: primaryName ?? "",
    database: Number(database),
    username: user,
    password: secret,
    tls: scheme === "rediss",
  }
}

const readHost = (text: string, topology: RedisAddress["topology"]): HostAndPort | undefined => {
  if (text === "" || !URL.canParse(`redis://${text}`)) return undefined
  const { hostname, port } = new URL(`redis://${text}`)
  const portDefault = topology === "sentinel" ? SENTINEL_PORT : PORT
  return { host: hostname.replace(/^\[|\]$/g, ""), port: port === "" ? portDefault : Number(port) }
}
