/** The files with certificates that the environment names for a store, as for the service. */
import { Option, Result } from "effect"
import { NO_FILES, openTlsFiles, type TlsPaths } from "../platform/tls-files.ts"

/** `store` is the first part of the variables: `REDIS`, `DATABASE` or `NATS`. */
export const givenTls = (store: "REDIS" | "DATABASE" | "NATS"): TlsPaths => {
  const path = (part: string) => Option.fromUndefinedOr(process.env[`${store}_${part}_FILE`] || undefined)
  return { caFile: path("CA"), certFile: path("CERT"), keyFile: path("KEY") }
}

/** The files are read once, for what connects to a store of the environment. A failure is the variable, and what is wrong. */
export const openGivenTls = (store: "REDIS" | "NATS") =>
  Result.mapError(
    openTlsFiles(store, process.env[`${store}_URL`] ? givenTls(store) : NO_FILES, () => undefined),
    ({ setting, problem }) => `${setting}: ${problem}`,
  )
