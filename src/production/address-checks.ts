/**
 * Checks the addresses that the service connects to: encrypted and with a password, unless they are on this machine. They are read as
 * the parts read them that connect. One that cannot be read is told by `store-problems.ts`.
 */
import { BlockList, isIP } from "node:net"
import { Option, Redacted, Result } from "effect"
import { readNatsServers, requiresTls } from "../platform/nats-address.ts"
import { readPostgresAddress } from "../platform/postgres-address.ts"
import { isVerified } from "../platform/postgres-tls.ts"
import { readAddress } from "../platform/redis-address.ts"
import type { Finding } from "./finding.ts"
import { type NamedSecret, passwordFindings } from "./key-checks.ts"

/** 127.0.0.0/8 and ::1, also as IPv6 writes IPv4. */
const loopback = new BlockList()
loopback.addSubnet("127.0.0.0", 8)
loopback.addAddress("::1", "ipv6")

/**
 * `localhost` and the addresses of the loopback interface. Not `x.localhost`, for which some systems ask a name server, and not
 * 0.0.0.0, which is this machine on some systems only.
 */
export const isLoopback = (host: string): boolean => {
  const name = host.replace(/^\[|\]$/g, "").toLowerCase()
  if (name === "localhost") return true
  const family = isIP(name)
  return family !== 0 && !name.includes("%") && loopback.check(name, family === 6 ? "ipv6" : "ipv4")
}

/** Hosts of sandboxes and tests: by a part of their name, or by a domain that nobody can own (RFC 2606). */
const playHost =
  /(^|[.-])(sandbox|staging|stage|uat|mock|demo|test|testing|dev)([.-]|\d*$|\d+[.-])|(^|\.)(example|invalid|test)$|(^|\.)example\.(com|net|org)$/i

/** A URL that is called: a provider's, or that of its token server. */
export interface CalledUrl {
  readonly name: string
  readonly setting: string
  readonly url: string
}

/** Findings about providers' URLs. */
export const providerFindings = (called: ReadonlyArray<CalledUrl>): ReadonlyArray<Finding> =>
  called.flatMap(({ name, setting, url }) => {
    const { protocol, hostname } = new URL(url)
    const wanted = "https:// and the host that moves real money"
    return [
      ...(protocol === "https:" || isLoopback(hostname)
        ? []
        : [
            { check: "plain-http" as const, of: name, setting, found: "http:// beyond this machine", wanted },
          ]),
      ...(playHost.test(hostname)
        ? [{ check: "play-host" as const, of: name, setting, found: `the host ${hostname}`, wanted }]
        : []),
    ]
  })

/** How a store is reached, by its URL. */
interface Reached {
  readonly hosts: ReadonlyArray<string>
  readonly password: string
  readonly tls: boolean
}

export const redisFindings = (url: Redacted.Redacted<string>): ReadonlyArray<Finding> => {
  const address = readAddress(Redacted.value(url))
  if (Result.isFailure(address)) return []
  const { hosts, password, tls } = address.success
  return storeFindings("redis", "REDIS_URL", "rediss://", {
    hosts: hosts.map(({ host }) => host),
    password,
    tls,
  })
}

export const postgresFindings = (url: Redacted.Redacted<string>): ReadonlyArray<Finding> => {
  const address = readPostgresAddress(Redacted.value(url))
  if (Result.isFailure(address)) return []
  const { places, url: single } = address.success
  return storeFindings("postgres", "DATABASE_URL", "sslmode=verify-full and the host", {
    hosts: places.map(({ host }) => host ?? ""),
    password: new URL(single).password,
    // Without a host, the driver uses PGHOST, which is not checked here.
    tls: isVerified(Redacted.value(url)) && places[0].host !== undefined,
  })
}

export const natsFindings = (url: Redacted.Redacted<string>): ReadonlyArray<Finding> => {
  const servers = readNatsServers(Redacted.value(url))
  if (Result.isFailure(servers)) return []
  return storeFindings("nats", "NATS_URL", "tls://", {
    hosts: servers.success.map(({ hostname }) => hostname),
    password: servers.success[0]?.password ?? "",
    tls: requiresTls(servers.success),
  })
}

/** Findings about the collector of traces: spans say who is paid when, and a header may be a key. It has no finding if there is none. */
export const collectorFindings = (endpoint: Option.Option<string>): ReadonlyArray<Finding> => {
  const url = URL.parse(Option.getOrElse(endpoint, () => ""))
  return url === null || url.protocol === "https:" || isLoopback(url.hostname)
    ? []
    : [
        {
          check: "otlp-without-tls",
          setting: "OTEL_EXPORTER_OTLP_ENDPOINT",
          found: "http:// beyond this machine",
          wanted: "https://",
        },
      ]
}

const storeFindings = (
  store: "redis" | "postgres" | "nats",
  setting: string,
  encrypted: string,
  { hosts, password, tls }: Reached,
): ReadonlyArray<Finding> => {
  const known: NamedSecret = { name: `${store}/password`, setting, secret: Redacted.make(password) }
  const weak = password === "" ? [] : passwordFindings(known)
  if (hosts.every(isLoopback)) return weak
  return [
    ...weak,
    ...(tls
      ? []
      : [
          {
            check: `${store}-without-tls` as const,
            setting,
            found: "no verified TLS beyond this machine",
            wanted: encrypted,
          },
        ]),
    ...(password === ""
      ? [
          {
            check: `${store}-without-password` as const,
            setting,
            found: "no password beyond this machine",
            wanted: "a user and a password in the URL",
          },
        ]
      : []),
  ]
}
