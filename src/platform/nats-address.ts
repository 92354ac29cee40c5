import type { NodeConnectionOptions } from "@nats-io/transport-node"
import { type TlsOptions, type VerifiedTls, verifiedTls } from "./tls-files.ts"

/** The client passes more on to Node than its types say. */
type NatsTls = VerifiedTls & NonNullable<NodeConnectionOptions["tls"]>

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
    ...(urls.some(({ protocol }) => protocol === "tls:")
      ? {
          tls: verifiedTls(
            tls,
            urls.map(({ hostname }) => hostname),
          ),
        }
      : {}),
  }
}
