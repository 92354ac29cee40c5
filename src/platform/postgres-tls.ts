/**
 * TLS to Postgres. The driver knows `sslmode`, and takes other parameters of libpq for settings of the session, which the server refuses
 * without a word about TLS. So files that the URL names are taken out of it.
 */
import { Option, Result } from "effect"
import { readPostgresAddress } from "./postgres-address.ts"
import { openTlsFiles, type TlsPaths, type TlsProblem, type VerifiedTls, verifiedTls } from "./tls-files.ts"

/** What the driver is opened with. */
export interface PostgresTls {
  /** The URL without what the driver does not know. */
  readonly url: string
  /** To be passed as `ssl`; left out where the URL does not ask for verified TLS. */
  readonly options: { readonly ssl?: VerifiedTls }
}

const URL_SETTING = "DATABASE_URL"

/** The files by the parameters of libpq. */
const fileParameters = [
  ["sslrootcert", "caFile", "DATABASE_CA_FILE"],
  ["sslcert", "certFile", "DATABASE_CERT_FILE"],
  ["sslkey", "keyFile", "DATABASE_KEY_FILE"],
] as const

/** The parameters that begin with `ssl` and mean something here. */
const known = new Set(["ssl", "sslmode", "sslnegotiation", ...fileParameters.map(([name]) => name)])

/** Reads the files, and makes the options of the driver. A failure quotes nothing of the URL, which has a password. */
export const postgresTls = (
  url: string,
  paths: TlsPaths,
  warn: (problem: TlsProblem) => void,
): Result.Result<PostgresTls, TlsProblem> => {
  const query = queryOf(url)
  const unknown = [...query.keys()].find((name) => name.startsWith("ssl") && !known.has(name))
  if (unknown !== undefined) return failed(URL_SETTING, `${unknown} is not supported`)
  const merged = { ...paths }
  for (const [parameter, option, setting] of fileParameters) {
    const path = query.get(parameter)
    if (path === undefined || path === "" || path === "system") continue
    if (Option.isSome(paths[option]))
      return failed(setting, `is set, and ${parameter} of ${URL_SETTING} is, too`)
    merged[option] = Option.some(path)
  }
  const files = openTlsFiles("DATABASE", merged, warn)
  if (Result.isFailure(files)) return Result.fail(files.failure)
  const tls = files.success
  if (!isVerified(url))
    return tls === undefined
      ? Result.succeed({ url, options: {} })
      : failed(URL_SETTING, "has no sslmode=verify-full, so the files with certificates would not be used")
  return Result.succeed({ url: withoutFiles(url), options: { ssl: verifiedTls(tls, hostsIn(url)) } })
}

const failed = (setting: string, problem: string) => Result.fail({ setting, problem })

/** The modes in which the driver verifies nothing. In any other but `disable` and `false` it verifies all. */
const trusting = new Set(["require", "allow", "prefer"])
const off = new Set(["", "disable", "false"])

/**
 * Whether the certificate of the server is verified. As the driver reads it: the last of several parameters of a name counts, `sslmode`
 * before `ssl`, and capitals are another word.
 */
export const isVerified = (url: string): boolean => {
  const query = queryOf(url)
  if (query.get("sslrootcert") === "system") return true
  const mode = query.get("sslmode") || query.get("ssl") || ""
  return !off.has(mode) && !trusting.has(mode)
}

const queryOf = (url: string): ReadonlyMap<string, string> =>
  new Map(new URLSearchParams(/\?([^#]*)/.exec(url)?.[1] ?? ""))

const withoutFiles = (url: string): string =>
  url.replace(/\?([^#]*)/, (_, query: string) => {
    const kept = new URLSearchParams(query)
    for (const [name] of fileParameters) if (kept.get(name) !== "system") kept.delete(name)
    return kept.size === 0 ? "" : `?${kept}`
  })

/** None if the URL cannot be read: then nothing connects. */
const hostsIn = (url: string): ReadonlyArray<string> =>
  Result.match(readPostgresAddress(url), {
    onSuccess: ({ places }) => places.flatMap(({ host }) => host ?? []),
    onFailure: () => [],
  })
