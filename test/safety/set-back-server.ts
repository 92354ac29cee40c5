/**
 * A server of a test's own that comes back older than it was: its data is copied at one moment, and put in place of what
 * it wrote since. Or it comes back as it was, or without what it had. It ends with this process, whatever becomes of the test.
 */
import { execFileSync } from "node:child_process"
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Exit, Scope } from "effect"
import type { ServerConfiguration, ServerKind } from "../../src/dev/embedded-kind.ts"
import { nats } from "../../src/dev/embedded-nats.ts"
import { postgres } from "../../src/dev/embedded-postgres.ts"
import { findPrograms } from "../../src/dev/embedded-programs.mjs"
import { redis } from "../../src/dev/embedded-redis.ts"
import { freePort, startOnFreePort } from "../../src/dev/embedded-start.ts"

const kinds = { nats, redis, postgres } as const

export class SetBackServer implements AsyncDisposable {
  readonly url: string
  readonly #port: number
  readonly #kind: ServerKind
  readonly #configuration: ServerConfiguration
  readonly #folder: string
  #running: Scope.Closeable | undefined

  private constructor(port: number, kind: ServerKind, configuration: ServerConfiguration, folder: string) {
    this.#port = port
    this.#kind = kind
    this.#configuration = configuration
    this.#folder = folder
    this.url = configuration.url(port)
  }

  static async start(name: keyof typeof kinds): Promise<SetBackServer> {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), `set-back-${name}-`)))
    // Root runs Postgres as another user, who has to get in.
    chmodSync(folder, 0o755)
    const folders = { data: folder, logs: join(folder, "logs"), run: join(folder, "run") }
    for (const one of [folders.logs, folders.run]) mkdirSync(one)
    const kind = kinds[name]
    const programs = findPrograms(folder)[kind.programs]
    if (programs === undefined) throw new Error(`${name} is not on this machine`)
    const configuration = await Effect.runPromise(kind.configure(programs, folders))
    await Effect.runPromise(configuration.prepare)
    const server = new SetBackServer(await Effect.runPromise(freePort), kind, configuration, folder)
    await server.#start()
    return server
  }

  /** Keeps a copy of what it holds now. It is away for that moment. */
  async remember(): Promise<void> {
    await this.#stop()
    this.#copy(this.#configuration.folder, this.#copyFolder)
    await this.#start()
  }

  /** Comes back as it was when it was last told to remember. */
  async setBack(): Promise<void> {
    await this.#stop()
    this.#copy(this.#copyFolder, this.#configuration.folder)
    await this.#start()
  }

  /** Is away for as long as something is done, and comes back as it was. */
  async without<A>(use: () => Promise<A>): Promise<A> {
    await this.#stop()
    try {
      return await use()
    } finally {
      await this.#start()
    }
  }

  /** NATS comes back without its streams and consumers. */
  async wipe(): Promise<void> {
    await this.without(async () =>
      rmSync(join(this.#configuration.folder, "jetstream"), { recursive: true, force: true }),
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop()
    for (const folder of [this.#configuration.folder, this.#folder])
      rmSync(folder, { recursive: true, force: true })
  }

  get #copyFolder(): string {
    return join(this.#folder, "copy")
  }

  /** With its owner and modes, on which Postgres insists. */
  #copy(from: string, to: string): void {
    rmSync(to, { recursive: true, force: true })
    execFileSync("cp", ["-a", from, to])
  }

  async #start(): Promise<void> {
    this.#running = await Effect.runPromise(Scope.make())
    const started = startOnFreePort(this.#kind, this.#configuration, Effect.succeed(this.#port))
    await Effect.runPromise(started.pipe(Scope.provide(this.#running)))
  }

  async #stop(): Promise<void> {
    if (this.#running !== undefined) await Effect.runPromise(Scope.close(this.#running, Exit.void))
    this.#running = undefined
  }
}
