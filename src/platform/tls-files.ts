/**
 * The certificates by which a store is verified, and by which it verifies us, from files. The drivers copy their TLS options whenever they
 * connect, and copying ours looks at the files: so a rotated certificate is used by the next connection, without a restart.
 */
import { readFileSync, statSync } from "node:fs"
import { isIP } from "node:net"
import { checkServerIdentity, createSecureContext, type PeerCertificate, type SecureContext } from "node:tls"
import { Effect, Option, Result } from "effect"
import type { Settings } from "../config.ts"
import { failureOf } from "../settings/secret-file.ts"

/** The paths of PEM files. */
export type TlsPaths = Settings["redis"]["tls"]

export const NO_FILES: TlsPaths = {
  caFile: Option.none(),
  certFile: Option.none(),
  keyFile: Option.none(),
}

/** What a driver passes to `tls.connect`. */
export interface TlsOptions {
  /** Enumerable, so that a copy has it as it is now. */
  readonly secureContext?: SecureContext
}

const BYTES_MAX = 1024 * 1024
const pem = /-----BEGIN [A-Z ]+-----[\s\S]+-----END [A-Z ]+-----/

/** Why files cannot be used, as the variable of the file and the end of a sentence about it. */
export interface TlsProblem {
  readonly setting: string
  readonly problem: string
}

/**
 * Reads the files of a store; `undefined` if it has none. `store` is the first part of the variables, such as `REDIS`. If files that were
 * replaced cannot be used, the last good ones stay, and `warn` is told.
 */
export const openTlsFiles = (
  store: string,
  paths: TlsPaths,
  warn: (problem: TlsProblem) => void,
): Result.Result<TlsOptions | undefined, TlsProblem> => {
  const files = namedFiles(store, paths)
  if (files.length === 0) return Result.succeed(undefined)
  if (Option.isSome(paths.certFile) !== Option.isSome(paths.keyFile)) {
    const [has, lacks] = Option.isSome(paths.certFile) ? ["CERT", "KEY"] : ["KEY", "CERT"]
    return Result.fail({
      setting: `${store}_${lacks}_FILE`,
      problem: `is not set, and ${store}_${has}_FILE is: a certificate of ours needs its key`,
    })
  }
  // In this order: if a file is replaced in between, the next connection reads it again.
  let version = versionOf(files)
  const first = contextOf(store, files)
  if (Result.isFailure(first)) return Result.fail(first.failure)
  let context = first.success
  return Result.succeed({
    get secureContext() {
      const found = versionOf(files)
      if (found === version) return context
      version = found
      const read = contextOf(store, files)
      if (Result.isSuccess(read)) context = read.success
      else warn(read.failure)
      return context
    },
  })
}

interface NamedFile {
  readonly setting: string
  readonly option: "ca" | "cert" | "key"
  readonly path: string
}

const namedFiles = (store: string, { caFile, certFile, keyFile }: TlsPaths): ReadonlyArray<NamedFile> =>
  (
    [
      ["ca", "CA", caFile],
      ["cert", "CERT", certFile],
      ["key", "KEY", keyFile],
    ] as const
  ).flatMap(([option, part, path]) =>
    Option.isNone(path) ? [] : [{ setting: `${store}_${part}_FILE`, option, path: path.value }],
  )

/** Identifies the contents without reading them, also when a link is pointed elsewhere. */
const versionOf = (files: ReadonlyArray<NamedFile>): string =>
  files
    .map(({ path }) => {
      try {
        const { ino, size, mtimeMs, ctimeMs } = statSync(path)
        return `${ino} ${size} ${mtimeMs} ${ctimeMs}`
      } catch {
        return "absent"
      }
    })
    .join()

const contextOf = (
  store: string,
  files: ReadonlyArray<NamedFile>,
): Result.Result<SecureContext, TlsProblem> => {
  const texts: { ca?: string; cert?: string; key?: string } = {}
  for (const { setting, option, path } of files) {
    const text = textOf(path)
    if (Result.isFailure(text)) return Result.fail({ setting, problem: `the file ${path} ${text.failure}` })
    texts[option] = text.success
    // Alone first, so that the problem names the file. A key is read with its certificate.
    if (option !== "key" && !isUsable({ [option]: text.success }))
      return Result.fail({ setting, problem: `the file ${path} has no certificate that can be used` })
  }
  if (isUsable(texts)) return Result.succeed(createSecureContext(texts))
  return Result.fail({
    setting: `${store}_KEY_FILE`,
    problem: `the file has no key, or not that of the certificate in ${store}_CERT_FILE`,
  })
}

const isUsable = (texts: {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}): boolean => {
  try {
    return createSecureContext(texts) !== undefined
  } catch {
    return false
  }
}

const textOf = (path: string): Result.Result<string, string> => {
  try {
    const about = statSync(path)
    if (!about.isFile()) return Result.fail("is not a regular file")
    if (about.size > BYTES_MAX) return Result.fail(`is longer than ${BYTES_MAX} bytes`)
    const text = readFileSync(path, "utf8")
    return pem.test(text) ? Result.succeed(text) : Result.fail("is not PEM")
  } catch (error) {
    return Result.fail(failureOf(error))
  }
}

/** TLS that is verified by the authorities of the files, or those of Node. */
export interface VerifiedTls extends TlsOptions {
  readonly checkServerIdentity?: (name: string, certificate: PeerCertificate) => Error | undefined
}

/**
 * For drivers that hand Node a socket and, if the server is an address, no name for it. Node then takes any certificate for
 * "localhost"; here it has to be for one of the addresses among these hosts.
 */
export const verifiedTls = (tls: TlsOptions | undefined, hosts: ReadonlyArray<string>): VerifiedTls => {
  const plain = hosts.map((host) => host.replace(/^\[|\]$/g, ""))
  const addresses = plain.filter((host) => isIP(host) !== 0)
  const asked = plain.includes("localhost") ? ["localhost", ...addresses] : addresses
  const named: VerifiedTls =
    addresses.length === 0
      ? {}
      : {
          checkServerIdentity: (name, certificate) => {
            if (name !== "localhost" && name !== "") return checkServerIdentity(name, certificate)
            const wrong = asked.map((host) => checkServerIdentity(host, certificate))
            return wrong.includes(undefined) ? undefined : wrong[0]
          },
        }
  return Object.defineProperties(named, tls === undefined ? {} : Object.getOwnPropertyDescriptors(tls))
}

/** A function that logs problems with files that were replaced, from the callbacks of drivers. */
export const tlsWarnings = Effect.map(Effect.context<never>(), (context) => {
  const run = Effect.runForkWith(context)
  return ({ setting, problem }: TlsProblem): void => {
    run(
      Effect.logWarning("certificates cannot be read again: the last ones stay in use", { setting, problem }),
    )
  }
})
