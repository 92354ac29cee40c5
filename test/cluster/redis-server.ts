/**
 * A Redis server of a test's own, that can be killed, frozen and started again on the same port and data. It ends with
 * this process, whatever becomes of the test.
 */
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect, Exit, Scope } from "effect"
import { Redis } from "ioredis"
import { findPrograms } from "../../src/dev/embedded-programs.mjs"
import { freePort, serverEnvironment } from "../../src/dev/embedded-start.ts"
import { type LeashedProcess, spawnLeashed } from "../../src/dev/leashed-process.ts"
import { eventually } from "../platform-under-test.ts"

export const HOST = "127.0.0.1"

export interface ServerOptions {
  /** Below it the server has a folder of its own. */
  readonly folder: string
  /** Settings as on the command line, without the dashes; they come after the usual ones and win. */
  readonly settings?: Readonly<Record<string, string>>
  /** Makes it a Sentinel with this configuration, to which it adds what it finds out. */
  readonly sentinel?: string
}

export class RedisServer implements AsyncDisposable {
  readonly port: number
  readonly name: string
  readonly url: string
  readonly folder: string
  readonly #options: ServerOptions
  readonly #configuration: string
  #running: { readonly process: LeashedProcess; readonly scope: Scope.Closeable } | undefined

  private constructor(port: number, options: ServerOptions) {
    this.port = port
    this.name = `${HOST}:${port}`
    this.url = `redis://${this.name}`
    this.folder = join(options.folder, `redis-${port}`)
    this.#options = options
    this.#configuration = join(this.folder, "sentinel.conf")
  }

  /** Starts a server that is durable and answers, unless its settings say otherwise. */
  static async start(options: ServerOptions): Promise<RedisServer> {
    const server = new RedisServer(await Effect.runPromise(freePort), options)
    mkdirSync(server.folder, { recursive: true })
    if (options.sentinel !== undefined) {
      const lines = [`port ${server.port}`, `bind ${HOST}`, `dir ${server.folder}`, options.sentinel, ""]
      writeFileSync(server.#configuration, lines.join("\n"))
    }
    await server.restart()
    return server
  }

  get isRunning(): boolean {
    return this.#running !== undefined
  }

  /** Starts it again on its data, after it was killed or stopped. */
  async restart(): Promise<void> {
    const programs = findPrograms(this.folder).redis
    if (programs === undefined) throw new Error("redis-server is not on this machine")
    const scope = await Effect.runPromise(Scope.make())
    const process = await Effect.runPromise(
      spawnLeashed({
        command: join(programs.folder, "redis-server"),
        args: this.#arguments(),
        env: serverEnvironment(programs),
        cwd: this.folder,
        logFile: join(this.folder, "server.log"),
        stopWithinMs: 3_000,
      }).pipe(Scope.provide(scope)),
    )
    this.#running = { process, scope }
    const answers = eventually(`${this.name} answers`, async () =>
      (await this.ask((redis) => redis.info("server"))).includes(`process_id:${process.pid}`),
    )
    const ended = Effect.runPromise(process.exited).then(() => {
      if (this.#running?.process === process) throw new Error(`${this.name} ended: see its log`)
    })
    await Promise.race([answers, ended])
    ended.catch(() => {})
  }

  /** As a power cut: nothing is said to anybody. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL")
  }

  async freeze(): Promise<void> {
    await this.#signal("SIGSTOP")
  }

  async thaw(): Promise<void> {
    await this.#signal("SIGCONT")
  }

  /** Asks this very server, on a connection of its own. */
  async ask<A>(question: (redis: Redis) => Promise<A>): Promise<A> {
    const redis = new Redis(this.url, {
      lazyConnect: true,
      commandTimeout: 2_000,
      connectTimeout: 2_000,
      retryStrategy: null,
      enableReadyCheck: false,
    })
    redis.on("error", () => redis.disconnect())
    try {
      await redis.connect()
      return await question(redis)
    } finally {
      redis.disconnect()
    }
  }

  /** A line `name:value` of INFO or CLUSTER INFO. */
  async field(name: string, report: (redis: Redis) => Promise<unknown>): Promise<string> {
    const text = String(await this.ask(report))
    return new RegExp(`^${name}:(.*?)\\r?$`, "m").exec(text)?.[1] ?? ""
  }

  /** "master" or "slave", by its own word. */
  role(): Promise<string> {
    return this.field("role", (redis) => redis.info("replication"))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#end("SIGCONT")
  }

  #arguments(): ReadonlyArray<string> {
    if (this.#options.sentinel !== undefined) return [this.#configuration, "--sentinel"]
    const settings = {
      dir: this.folder,
      port: String(this.port),
      bind: HOST,
      daemonize: "no",
      "set-proc-title": "no",
      appendonly: "yes",
      appendfsync: "always",
      save: "",
      "repl-diskless-sync-delay": "0",
      ...this.#options.settings,
    }
    return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value])
  }

  async #signal(signal: NodeJS.Signals): Promise<void> {
    if (this.#running !== undefined) await Effect.runPromise(this.#running.process.kill(signal))
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const running = this.#running
    if (running === undefined) return
    await this.#signal(signal)
    this.#running = undefined
    if (signal === "SIGKILL") await Effect.runPromise(running.process.exited)
    await Effect.runPromise(Scope.close(running.scope, Exit.void))
  }
}
