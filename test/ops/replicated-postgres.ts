/**
 * A primary of Postgres and a standby that streams from it through a slot, as processes of a test's own. They can be killed, frozen,
 * started again and promoted. All end with this process, whatever becomes of the test.
 */
import { execFile } from "node:child_process"
import { appendFileSync, chmodSync, chownSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { promisify } from "node:util"
import { Effect, Exit, Scope } from "effect"
import postgres from "postgres"
import type { ServerConfiguration } from "../../src/dev/embedded-kind.ts"
import { postgres as kind } from "../../src/dev/embedded-postgres.ts"
import { processesOf } from "../../src/dev/embedded-process.ts"
import { findPrograms } from "../../src/dev/embedded-programs.mjs"
import { freePort, serverEnvironment } from "../../src/dev/embedded-start.ts"
import { userToRunAs } from "../../src/dev/embedded-user.ts"
import { type LeashedProcess, spawnLeashed } from "../../src/dev/leashed-process.ts"
import { eventually } from "../platform-under-test.ts"

const COPY_MS_MAX = 60_000
const ASK_SECONDS_MAX = 2

/** How commits wait for the standby: until its disk has them, or not at all. */
export type Replication = "synchronous" | "asynchronous"

export class PostgresServer implements AsyncDisposable {
  readonly port: number
  readonly url: string
  readonly data: string
  readonly #configuration: ServerConfiguration
  #running: { readonly process: LeashedProcess; readonly scope: Scope.Closeable } | undefined

  constructor(port: number, configuration: ServerConfiguration, password: string) {
    this.port = port
    this.#configuration = configuration
    this.data = configuration.folder
    this.url = `postgres://atlaspay:${password}@127.0.0.1:${port}/postgres`
  }

  /** Starts it on its data, and waits until it takes connections. */
  async start(): Promise<void> {
    const scope = await Effect.runPromise(Scope.make())
    const { command, logFile, stopSignal } = this.#configuration
    const process = await Effect.runPromise(
      spawnLeashed({ ...command(this.port), logFile, stopSignal }).pipe(Scope.provide(scope)),
    )
    this.#running = { process, scope }
    await eventually(
      `Postgres on ${this.port} answers`,
      async () => (await this.ask((sql) => sql`select 1`)).length === 1,
    )
  }

  /** As a power cut: the server and all its children end at once, and say nothing to anybody. */
  async kill(): Promise<void> {
    const running = this.#running
    if (running === undefined) return
    this.#signalAll("SIGKILL")
    await Effect.runPromise(running.process.exited)
    await this.stop()
  }

  async stop(): Promise<void> {
    const running = this.#running
    this.#running = undefined
    if (running === undefined) return
    this.#signalAll("SIGCONT")
    await Effect.runPromise(Scope.close(running.scope, Exit.void))
  }

  /** All its processes stand still, as on a machine that is frozen; connections stay open. */
  freeze(): void {
    this.#signalAll("SIGSTOP")
  }

  thaw(): void {
    this.#signalAll("SIGCONT")
  }

  /** The standby becomes the primary, and begins a timeline. */
  async promote(): Promise<void> {
    await this.ask((sql) => sql`select pg_promote(true, 60)`)
  }

  /** Commits wait for one of these standbys: `*` is any, and nothing is none. */
  async waitForStandbys(names: "*" | ""): Promise<void> {
    await this.ask(async (sql) => {
      await sql.unsafe(`alter system set synchronous_standby_names = '${names}'`)
      await sql`select pg_reload_conf()`
    })
  }

  /** Asks this very server, on a connection of its own. */
  async ask<A>(question: (sql: postgres.Sql) => PromiseLike<A>, database = "postgres"): Promise<A> {
    const url = new URL(this.url)
    url.pathname = `/${database}`
    const sql = postgres(url.href, { max: 1, connect_timeout: ASK_SECONDS_MAX, onnotice: () => {} })
    try {
      return await question(sql)
    } finally {
      await sql.end({ timeout: ASK_SECONDS_MAX })
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  /** Its children are in sessions of their own, so they are found by the folder that they work in. */
  #signalAll(signal: NodeJS.Signals): void {
    for (const { pid } of processesOf(this.#configuration)) {
      try {
        process.kill(pid, signal)
      } catch (error) {
        // A child may end after it was found.
        if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error
      }
    }
  }
}

/** Both servers, and what a test does with them. */
export class ReplicatedPostgres implements AsyncDisposable {
  primary: PostgresServer
  standby: PostgresServer
  /** Both, as DATABASE_URL names them. */
  readonly url: string
  readonly #replication: Replication
  readonly #folder: string

  private constructor(
    primary: PostgresServer,
    standby: PostgresServer,
    replication: Replication,
    folder: string,
  ) {
    this.primary = primary
    this.standby = standby
    this.#replication = replication
    this.#folder = folder
    this.url = primary.url.replace(/@.*$/, `@127.0.0.1:${primary.port},127.0.0.1:${standby.port}/postgres`)
  }

  /** Starts a primary and its standby, and waits until the standby streams. */
  static async open(replication: Replication): Promise<ReplicatedPostgres> {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), "replicated-postgres-")))
    // Root runs Postgres as another user, who has to get in.
    chmodSync(folder, 0o755)
    await using started = new AsyncDisposableStack()
    started.defer(() => rmSync(folder, { recursive: true, force: true }))
    const first = started.use(await initialised(join(folder, "first")))
    const configuration = await configured(join(folder, "second"))
    const { password } = new URL(first.url)
    const second = started.use(
      new PostgresServer(await Effect.runPromise(freePort), configuration, decodeURIComponent(password)),
    )
    const servers = new ReplicatedPostgres(first, second, replication, folder)
    await servers.#follow()
    started.move()
    return servers
  }

  /** The standby takes the place of the primary, which was killed or is frozen. */
  async failOver(): Promise<void> {
    await this.standby.promote()
    const replaced = this.primary
    this.primary = this.standby
    this.standby = replaced
  }

  /** The server that was replaced begins again as a copy of the primary, and follows it. */
  async refill(): Promise<void> {
    await this.standby.kill()
    rmSync(this.standby.data, { recursive: true, force: true })
    await this.#follow()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.primary, this.standby].map((server) => server[Symbol.asyncDispose]()))
    rmSync(this.#folder, { recursive: true, force: true })
  }

  /** The setting is copied, so the standby waits for one of its own once it is promoted; a test says when it need not. */
  async #follow(): Promise<void> {
    const { primary, standby } = this
    const isSynchronous = this.#replication === "synchronous"
    await primary.ask(
      (sql) => sql`select pg_create_physical_replication_slot('standby', true)
      where not exists (select from pg_replication_slots where slot_name = 'standby')`,
    )
    if (isSynchronous) await primary.waitForStandbys("*")
    await copy(primary, standby)
    await standby.start()
    await eventually("the standby streams", async () => {
      const rows = await primary.ask((sql) => sql`select state, sync_state from pg_stat_replication`)
      const wanted = isSynchronous ? "sync" : "async"
      return rows.some(({ state, sync_state }) => state === "streaming" && sync_state === wanted)
    })
  }
}

const configured = async (folder: string): Promise<ServerConfiguration> => {
  const programs = findPrograms(folder).postgres
  if (programs === undefined) throw new Error("Postgres is not on this machine")
  const folders = { data: folder, logs: join(folder, "logs"), run: join(folder, "run") }
  for (const one of Object.values(folders)) mkdirSync(one, { recursive: true })
  chmodSync(folder, 0o755)
  return Effect.runPromise(kind.configure(programs, folders))
}

const initialised = async (folder: string): Promise<PostgresServer> => {
  const configuration = await configured(folder)
  await Effect.runPromise(configuration.prepare)
  const { password } = new URL(configuration.url(0))
  appendFileSync(
    join(configuration.folder, "pg_hba.conf"),
    "host replication all 127.0.0.1/32 scram-sha-256\n",
  )
  const server = new PostgresServer(await Effect.runPromise(freePort), configuration, password)
  await server.start()
  return server
}

/** A copy of the primary that follows it, with the same password. */
const copy = async (from: PostgresServer, to: PostgresServer): Promise<void> => {
  const programs = findPrograms(to.data).postgres
  if (programs === undefined) throw new Error("Postgres is not on this machine")
  const { password, username } = new URL(from.url)
  const home = dirname(to.data)
  mkdirSync(home, { mode: 0o700, recursive: true })
  const { uid, gid } = userToRunAs()
  if (uid !== undefined && gid !== undefined) chownSync(home, uid, gid)
  const args = [
    ...["--pgdata", to.data, "--wal-method", "stream", "--checkpoint", "fast"],
    ...["--write-recovery-conf", "--slot", "standby"],
    ...["--host", "127.0.0.1", "--port", String(from.port), "--username", username],
  ]
  await promisify(execFile)(join(programs.folder, "pg_basebackup"), args, {
    env: { ...serverEnvironment(programs), PGPASSWORD: password },
    cwd: home,
    timeout: COPY_MS_MAX,
    ...userToRunAs(),
  })
}
