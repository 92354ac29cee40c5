/*
 * Redis, Postgres and NATS on Debian and Ubuntu. For root, the missing packages are installed. For other users, they are
 * downloaded with their dependencies and unpacked below the data folder; nothing outside of it changes.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { findPrograms, UNPACKED } from "../src/dev/embedded-programs.mjs"
import { run, withProgress } from "./command.mjs"

const SERVERS = [
  { programs: "redis", variable: "REDIS_URL", name: "Redis", package: "redis-server" },
  { programs: "postgres", variable: "DATABASE_URL", name: "Postgres", package: "postgresql" },
  { programs: "nats", variable: "NATS_URL", name: "NATS", package: "nats-server" },
]

const POLICY_FILE = "/usr/sbin/policy-rc.d"
const POLICY =
  "#!/bin/sh\n# Made for a moment by the set-up of AtlasPay, so that packages start no services.\nexit 101\n"

/** The servers that have no URL in the environment and are not found on this machine. */
export const missingServers = (dataDir, environment) => {
  const found = findPrograms(dataDir, environment)
  return SERVERS.filter(({ programs, variable }) => !environment[variable] && found[programs] === undefined)
}

/** Makes the missing servers available. Throws with the reason, and with advice what else to do. */
export const provideServers = (dataDir, missing) => {
  const names = missing.map(({ name }) => name).join(", ")
  if (!existsSync("/usr/bin/apt-get")) throw new Error(advice(names))
  const packages = missing.map((server) => server.package)
  try {
    if (process.getuid() === 0) withProgress(`Installing ${names}`, () => installPackages(packages))
    else withProgress(`Downloading and unpacking ${names}`, () => unpackPackages(dataDir, packages, UNPACKED))
  } catch (error) {
    throw new Error(`${error.message}\n${advice(names)}`)
  }
  const still = missingServers(dataDir, process.env)
  if (still.length > 0) throw new Error(advice(still.map(({ name }) => name).join(", ")))
}

const advice = (names) => `Not found on this machine: ${names}. Either
  install redis-server, postgresql and nats-server (macOS: brew install redis postgresql@17 nats-server),
  or use Docker: docker compose -f infra/docker-compose.yml up --detach --wait
  and set the URLs of the servers you run yourself:
    REDIS_URL=redis://127.0.0.1:6379
    DATABASE_URL=postgres://atlaspay:atlaspay@127.0.0.1:5432/atlaspay
    NATS_URL=nats://127.0.0.1:4222`

/** For root. Fetches the package lists only if the existing ones are not sufficient. No service is started. */
export const installPackages = (packages) =>
  withoutServices(() => {
    const install = () => apt(["-o", "DPkg::Lock::Timeout=300"], "install", packages)
    try {
      install()
    } catch {
      run("apt-get", ["update", "--quiet"])
      install()
    }
  })

const apt = (options, verb, packages) =>
  run("apt-get", [...options, verb, "--yes", "--quiet", "--no-install-recommends", ...packages], {
    environment: { DEBIAN_FRONTEND: "noninteractive" },
  })

/** Debian's way to install a service without starting it. Signals are ignored meanwhile, so that the file is always removed. */
const withoutServices = (action) => {
  const ours = !existsSync(POLICY_FILE) || readFileSync(POLICY_FILE, "utf8") === POLICY
  if (!ours) return action()
  const wait = () => undefined
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, wait)
  writeFileSync(POLICY_FILE, POLICY, { mode: 0o755 })
  try {
    return action()
  } finally {
    rmSync(POLICY_FILE, { force: true })
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.off(signal, wait)
  }
}

/**
 * For other users. Downloads the packages and their missing dependencies, and unpacks them all into the folder `into` of the data
 * folder, in place of what it had.
 */
export const unpackPackages = (dataDir, packages, into) => {
  const work = join(dataDir, "packages")
  const archives = join(work, "cache/archives")
  for (const folder of [join(work, "lists/partial"), join(archives, "partial")])
    mkdirSync(folder, { recursive: true })
  const own = ownFolders(work)
  run("apt-get", [...own, "update", "--quiet"])
  apt([...own, "--download-only"], "install", packages)
  const target = join(dataDir, into)
  const unfinished = join(work, "unpacked")
  rmSync(unfinished, { recursive: true, force: true })
  mkdirSync(unfinished)
  for (const archive of readdirSync(archives).filter((name) => name.endsWith(".deb")))
    run("dpkg-deb", ["--extract", join(archives, archive), unfinished])
  rmSync(target, { recursive: true, force: true })
  mkdirSync(dirname(target), { recursive: true })
  renameSync(unfinished, target)
  rmSync(work, { recursive: true })
}

/** Options with which apt-get works for any user: it reads the system's settings and keeps its own files below `work`. */
const ownFolders = (work) =>
  [
    "Dir::State::status=/var/lib/dpkg/status",
    `Dir::State=${work}`,
    `Dir::State::lists=${join(work, "lists")}`,
    `Dir::Cache=${join(work, "cache")}`,
    `Dir::Log=${work}`,
    "Debug::NoLocking=true",
  ].flatMap((setting) => ["-o", setting])
