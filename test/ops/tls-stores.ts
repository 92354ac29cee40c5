/** Servers that speak only TLS and ask for a certificate of the client, for a test. They end when they are disposed of. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { chownSync, mkdirSync, mkdtempSync, renameSync, writeFileSync } from "node:fs"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { Effect, Exit, Scope } from "effect"
import postgres from "postgres"
import { findPrograms } from "../../src/dev/embedded-programs.mjs"
import { freePort } from "../../src/dev/embedded-start.ts"
import { startStore } from "../../src/dev/embedded-stores.ts"
import { userToRunAs } from "../../src/dev/embedded-user.ts"
import type { Certificate } from "../certificates.ts"

const POLL_MS = 50
const READY_MS_MAX = 20_000

export interface TlsStore extends AsyncDisposable {
  readonly port: number
}

export interface ServerCertificate extends Certificate {
  /** Who may vouch for clients. */
  readonly ca: string
}

/** Writes certificates to a new folder, and gives the paths of the files by their names. */
export const written = (files: Readonly<Record<string, string>>, owner = userToRunAs()) => {
  const folder = mkdtempSync(join(tmpdir(), "tls-"))
  const paths: Record<string, string> = {}
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, `${name}.pem`)
    writeFileSync(path, text, { mode: 0o600 })
    if (owner.uid !== undefined && owner.gid !== undefined) chownSync(path, owner.uid, owner.gid)
    paths[name] = path
  }
  return { folder, path: (name: string) => paths[name] ?? "" }
}

const programs = () => findPrograms(tmpdir())

const run = async (
  program: "redis" | "nats",
  name: string,
  args: ReadonlyArray<string>,
  port: number,
): Promise<TlsStore> => {
  const found = programs()[program]
  if (found === undefined) throw new Error(`no ${name}`)
  const child = spawn(join(found.folder, name), args, {
    stdio: "ignore",
    env: { ...process.env, ...found.environment },
  })
  await accepted(port, child)
  return {
    port,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGTERM")
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit")
    },
  }
}

const accepted = async (port: number, child: ChildProcess): Promise<void> => {
  for (let waitedMs = 0; waitedMs < READY_MS_MAX; waitedMs += POLL_MS) {
    if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode}`)
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => {
        socket.destroy()
        resolve(true)
      }).on("error", () => resolve(false))
    })
    if (isOpen) return
    await sleep(POLL_MS)
  }
  throw new Error(`nobody listens on ${port}`)
}

/** Redis with `tls-auth-clients yes`; as a cluster it is one node that knows of no slots yet. */
export const startTlsRedis = async (
  { cert, key, ca }: ServerCertificate,
  more: ReadonlyArray<string> = [],
): Promise<TlsStore> => {
  const { folder, path } = written({ cert, key, ca })
  const port = await Effect.runPromise(freePort)
  const tls = [
    "--tls-cert-file",
    path("cert"),
    "--tls-key-file",
    path("key"),
    "--tls-ca-cert-file",
    path("ca"),
  ]
  return run(
    "redis",
    "redis-server",
    ["--port", "0", "--tls-port", String(port), ...tls, "--dir", folder, "--save", "", ...more],
    port,
  )
}

/** NATS with JetStream and `verify: true`. */
export const startTlsNats = async ({ cert, key, ca }: ServerCertificate): Promise<TlsStore> => {
  const { folder, path } = written({ cert, key, ca })
  const port = await Effect.runPromise(freePort)
  mkdirSync(join(folder, "jetstream"))
  const config = join(folder, "nats.conf")
  const tls = { cert_file: path("cert"), key_file: path("key"), ca_file: path("ca"), verify: true }
  writeFileSync(
    config,
    JSON.stringify({ listen: `127.0.0.1:${port}`, tls, jetstream: { store_dir: join(folder, "jetstream") } }),
  )
  return run("nats", "nats-server", ["-c", config], port)
}

/** Postgres that takes only TLS, with a password and a certificate for the role (`clientcert=verify-full`). */
export const startTlsPostgres = async ({
  cert,
  key,
  ca,
}: ServerCertificate): Promise<TlsStore & { readonly url: string }> => {
  const scope = await Effect.runPromise(Scope.make())
  const dataDir = mkdtempSync(join(tmpdir(), "tls-postgres-"))
  const url = await Effect.runPromise(startStore(dataDir, "postgres").pipe(Scope.provide(scope)))
  const sql = postgres(url, { max: 1 })
  const [found] = await sql<Array<{ folder: string }>>`select current_setting('data_directory') as folder`
  const folder = found?.folder ?? ""
  const own = (name: string, text: string) => {
    const { uid, gid } = userToRunAs()
    const path = join(folder, name)
    writeFileSync(`${path}.new`, text, { mode: 0o600 })
    if (uid !== undefined && gid !== undefined) chownSync(`${path}.new`, uid, gid)
    renameSync(`${path}.new`, path)
  }
  own("server.crt", cert)
  own("server.key", key)
  own("root.crt", ca)
  own("pg_hba.conf", "hostssl all all 127.0.0.1/32 scram-sha-256 clientcert=verify-full\n")
  await sql.unsafe("alter system set ssl_ca_file = 'root.crt'")
  await sql.unsafe("alter system set ssl = on")
  await sql.unsafe("select pg_reload_conf()")
  await sql.end()
  return {
    port: Number(new URL(url).port),
    url,
    [Symbol.asyncDispose]: () => Effect.runPromise(Scope.close(scope, Exit.void)),
  }
}
