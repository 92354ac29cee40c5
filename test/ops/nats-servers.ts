/**
 * Servers of NATS with JetStream as processes of a test's own: one, or a cluster. They can be killed, stopped and started again on
 * their data or without it. All end with this process, whatever becomes of the test.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { jetstreamManager } from "@nats-io/jetstream"
import { connect } from "@nats-io/transport-node"
import { Effect, Exit, Scope } from "effect"
import { findPrograms } from "../../src/dev/embedded-programs.mjs"
import { freePort, serverEnvironment } from "../../src/dev/embedded-start.ts"
import { type LeashedProcess, spawnLeashed } from "../../src/dev/leashed-process.ts"
import { eventually } from "../platform-under-test.ts"

const HOST = "127.0.0.1"
const ASK_MS_MAX = 2_000

export class NatsServer implements AsyncDisposable {
  readonly name: string
  readonly port: number
  readonly #folder: string
  #running: { readonly process: LeashedProcess; readonly scope: Scope.Closeable } | undefined

  constructor(folder: string, name: string, port: number, routes: string) {
    this.name = name
    this.port = port
    this.#folder = join(folder, name)
    mkdirSync(this.#folder, { recursive: true })
    const lines = [
      `server_name: ${name}`,
      `listen: "${HOST}:${port}"`,
      `jetstream { store_dir: "${this.#folder}" }`,
      routes,
      "",
    ]
    writeFileSync(this.#configuration, lines.join("\n"))
  }

  get #configuration(): string {
    return join(this.#folder, "nats.conf")
  }

  async start(): Promise<void> {
    const programs = findPrograms(this.#folder).nats
    if (programs === undefined) throw new Error("nats-server is not on this machine")
    const scope = await Effect.runPromise(Scope.make())
    const process = await Effect.runPromise(
      spawnLeashed({
        command: join(programs.folder, "nats-server"),
        args: ["--config", this.#configuration],
        env: serverEnvironment(programs),
        cwd: this.#folder,
        logFile: join(this.#folder, "server.log"),
        stopWithinMs: 5_000,
      }).pipe(Scope.provide(scope)),
    )
    this.#running = { process, scope }
    await eventually(`NATS on ${this.port} answers`, async () => {
      const connection = await connect({
        servers: `${HOST}:${this.port}`,
        timeout: ASK_MS_MAX,
        reconnect: false,
      })
      await connection.close()
      return true
    })
  }

  /** As a power cut. */
  async kill(): Promise<void> {
    if (this.#running === undefined) return
    await Effect.runPromise(this.#running.process.kill("SIGKILL"))
    await Effect.runPromise(this.#running.process.exited)
    await this.stop()
  }

  async stop(): Promise<void> {
    const running = this.#running
    this.#running = undefined
    if (running !== undefined) await Effect.runPromise(Scope.close(running.scope, Exit.void))
  }

  /** Loses its streams and consumers; it must not run. */
  wipe(): void {
    rmSync(join(this.#folder, "jetstream"), { recursive: true, force: true })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}

export class NatsServers implements AsyncDisposable {
  readonly servers: ReadonlyArray<NatsServer>
  /** All of them, as NATS_URL names them. */
  readonly url: string
  readonly #folder: string

  private constructor(servers: ReadonlyArray<NatsServer>, folder: string) {
    this.servers = servers
    this.url = servers.map(({ port }) => `nats://${HOST}:${port}`).join(",")
    this.#folder = folder
  }

  /** Starts so many, and waits until they have chosen a leader. */
  static async open(count: 1 | 3): Promise<NatsServers> {
    const folder = mkdtempSync(join(tmpdir(), "nats-servers-"))
    await using started = new AsyncDisposableStack()
    started.defer(() => rmSync(folder, { recursive: true, force: true }))
    const port = () => Effect.runPromise(freePort)
    const routes = await Promise.all(Array.from({ length: count }, port))
    const ports = await Promise.all(Array.from({ length: count }, port))
    const others = routes.map((route) => `"nats-route://${HOST}:${route}"`).join(", ")
    const servers = ports.map((port, index) => {
      const cluster = `cluster { name: payouts, listen: "${HOST}:${routes[index]}", routes: [${others}] }`
      return started.use(new NatsServer(folder, `n${index + 1}`, port, count === 1 ? "" : cluster))
    })
    await Promise.all(servers.map((server) => server.start()))
    const all = new NatsServers(servers, folder)
    await all.settled()
    started.move()
    return all
  }

  /** Waits until JetStream can be asked. */
  async settled(): Promise<void> {
    await eventually(
      "JetStream has a leader",
      async () => (await this.#ask((manager) => manager.getAccountInfo())) !== undefined,
    )
  }

  /** The server that leads the stream. */
  async leaderOf(stream: string): Promise<NatsServer> {
    const { cluster } = await this.#ask((manager) => manager.streams.info(stream))
    const leader = this.servers.find(({ name }) => name === cluster?.leader)
    if (leader === undefined) throw new Error(`${stream} has no leader`)
    return leader
  }

  /** Waits until all servers have all of the stream. */
  async caughtUp(stream: string): Promise<void> {
    await eventually("all servers have the stream", async () => {
      const { cluster } = await this.#ask((manager) => manager.streams.info(stream))
      const followers = cluster?.replicas ?? []
      return (
        followers.length === this.servers.length - 1 &&
        followers.every(({ current, offline }) => current && !offline)
      )
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.servers.map((server) => server[Symbol.asyncDispose]()))
    rmSync(this.#folder, { recursive: true, force: true })
  }

  async #ask<A>(question: (manager: Awaited<ReturnType<typeof jetstreamManager>>) => Promise<A>): Promise<A> {
    const servers = this.servers.map(({ port }) => `${HOST}:${port}`)
    const connection = await connect({ servers, timeout: ASK_MS_MAX, reconnect: false })
    try {
      return await question(await jetstreamManager(connection, { timeout: ASK_MS_MAX }))
    } finally {
      await connection.close()
    }
  }
}
