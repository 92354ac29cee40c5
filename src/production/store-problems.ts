/** What is wrong with the addresses of the stores and the files of their certificates, whatever is at the other end. */
import { Redacted, Result } from "effect"
import type { Settings } from "../config.ts"
import { readNatsServers, requiresTls } from "../platform/nats-address.ts"
import { readPostgresAddress } from "../platform/postgres-address.ts"
import { postgresTls } from "../platform/postgres-tls.ts"
import { readAddress } from "../platform/redis-address.ts"
import { openTlsFiles, type TlsPaths } from "../platform/tls-files.ts"
import type { Problem } from "../settings/setting.ts"

/** The problems with the addresses and files. Nothing of an address is quoted, because it has a password. */
export const storeProblems = ({ redis, postgres, nats }: Settings): ReadonlyArray<Problem> => [
  ...ofRedis(Redacted.value(redis.url), redis.tls),
  ...ofPostgres(Redacted.value(postgres.url), postgres.tls),
  ...ofNats(Redacted.value(nats.url), nats.tls),
]

/** Nobody is told of files that change here: they are read once. */
const quiet = () => undefined

const ofRedis = (url: string, paths: TlsPaths): ReadonlyArray<Problem> => {
  const address = readAddress(url)
  const files = openTlsFiles("REDIS", paths, quiet)
  return [
    ...(Result.isFailure(address)
      ? [{ setting: "REDIS_URL", problem: `expected ${address.failure}` }]
      : needsTls("REDIS_URL", address.success.tls, "rediss://", files)),
    ...failures(files),
  ]
}

const ofPostgres = (url: string, paths: TlsPaths): ReadonlyArray<Problem> => {
  const address = readPostgresAddress(url)
  return Result.isFailure(address)
    ? [
        {
          setting: "DATABASE_URL",
          problem: `expected postgres://user:password@host:port/database, but ${address.failure}`,
        },
      ]
    : failures(postgresTls(url, paths, quiet))
}

const ofNats = (url: string, paths: TlsPaths): ReadonlyArray<Problem> => {
  const servers = readNatsServers(url)
  const files = openTlsFiles("NATS", paths, quiet)
  return [
    ...(Result.isFailure(servers)
      ? [{ setting: "NATS_URL", problem: `expected ${servers.failure}` }]
      : needsTls("NATS_URL", requiresTls(servers.success), "tls://", files)),
    ...failures(files),
  ]
}

type Files = ReturnType<typeof openTlsFiles>

const needsTls = (setting: string, hasTls: boolean, scheme: string, files: Files): ReadonlyArray<Problem> =>
  !hasTls && Result.isSuccess(files) && files.success !== undefined
    ? [
        {
          setting,
          problem: `does not begin with ${scheme}, so the files with certificates would not be used`,
        },
      ]
    : []

const failures = (result: Result.Result<unknown, Problem>): ReadonlyArray<Problem> =>
  Result.isFailure(result) ? [result.failure] : []
