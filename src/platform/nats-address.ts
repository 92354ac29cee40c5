import type { NodeConnectionOptions } from "@nats-io/transport-node"

/**
 * Parses "nats://user:password@host:4222,nats://…" for the client, which takes servers and credentials separately. With
 * `tls://` the client connects only with TLS and only to servers whose certificate it can verify.
 */
export const serversIn = (url: string): Pick<NodeConnectionOptions, "servers" | "user" | "pass" | "tls"> => {
  const urls = url.split(",").map((one) => new URL(one.trim()))
  const { username = "", password = "" } = urls[0] ?? {}
  return {
    servers: urls.map(({ host }) => host),
    ...(username === "" ? {} : { user: decodeURIComponent(username), pass: decodeURIComponent(password) }),
    ...(urls.some(({ protocol }) => protocol === "tls:") ? { tls: {} } : {}),
  }
}
