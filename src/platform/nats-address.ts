import type { NodeConnectionOptions } from "@nats-io/transport-node"

/**
 * Reads "nats://user:password@host:4222,nats://…": the client takes servers and credentials apart from each other. With
 * `tls://` it speaks to nobody without TLS, and to nobody whose certificate it cannot believe.
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
