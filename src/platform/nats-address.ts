import type { NodeConnectionOptions } from "@nats-io/transport-node"
import { Result } from "effect"
import { type TlsOptions, type VerifiedTls, verifiedTls } from "./tls-files.ts"
import { decoded } from "./url-part.ts"

/** The client passes more on to Node than its types say. */
type NatsTls = VerifiedTls & NonNullable<NodeConnectionOptions["tls"]>

/** The servers of NATS_URL. A failure says what is expected, and quotes nothing of the URL, which may have a password. */
export const readNatsServers = (url: string): Result.Result<ReadonlyArray<URL>, string> => {
  const servers = url.split(",").map((one) => URL.parse(one.trim()))
  const good = servers.filter((server): server is URL => server !== null && isServer(server))
  return good.length < servers.length
    ? Result.fail("nats://user:password@host:port, or tls:// for TLS")
    : Result.succeed(good)
}

const isServer = ({ protocol, hostname, username, password }: URL): boolean =>
  /^(nats|tls):$/.test(protocol) &&
  hostname !== "" &&
  decoded(username) !== undefined &&
  decoded(password) !== undefined

/** The client requires TLS of all servers if one of them does. */
export const requiresTls = (servers: ReadonlyArray<URL>): boolean =>
  servers.some(({ protocol }) => protocol === "tls:")

/**
 * Parses "nats://user:password@host:4222,nats://…" for the client, which takes servers and credentials separately. With
 * `tls://` the client connects only with TLS and only to servers whose certificate it can verify; `tls` has our certificates.
 */
export const serversIn = (
  url: string,
  tls?: TlsOptions,
): Pick<NodeConnectionOptions, "servers" | "user" | "pass"> & { readonly tls?: NatsTls } => {
  const urls = url.split(",").map((one) => new URL(one.trim()))
  const { username = "", password = "" } = urls[0] ?? {}
  return {
    servers: urls.map(({ host }) => host),
    ...(username === "" ? {} : { user: decodeURIComponent(username), pass: decodeURIComponent(password) }),
    ...(requiresTls(urls)
      ? {
          tls: verifiedTls(
            tls,
            urls.map(({ hostname }) => hostname),
          ),
        }
      : {}),
  }
}
