/** The files with certificates that the environment names for a store, as for the service. */
import { Option } from "effect"
import type { TlsPaths } from "../platform/tls-files.ts"

/** `store` is the first part of the variables: `REDIS` or `DATABASE`. */
export const givenTls = (store: "REDIS" | "DATABASE"): TlsPaths => {
  const path = (part: string) => Option.fromUndefinedOr(process.env[`${store}_${part}_FILE`] || undefined)
  return { caFile: path("CA"), certFile: path("CERT"), keyFile: path("KEY") }
}
