/** A Redis or Postgres server of a run's own that can be set back: it is stopped, and comes back as it once was. */
import { execFile } from "node:child_process"
import { mkdirSync, realpathSync } from "node:fs"
import { rm } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"
import { Effect, Exit, Scope } from "effect"
import type { ServerConfiguration, ServerKind } from "../../src/dev/embedded-kind.ts"
import { postgres } from "../../src/dev/embedded-postgres.ts"
import { findPrograms } from "../../src/dev/embedded-programs.mjs"
import { redis } from "../../src/dev/embedded-redis.ts"
import { freePort, startOnFreePort } from "../../src/dev/embedded-start.ts"
import type { SetBack } from "../checker/set-backs.ts"

const kinds: Readonly<Record<SetBack["store"], ServerKind>> = { redis, postgres }

export class SettableStore implements AsyncDisposable {
  readonly name: SetBack["store"]
  readonly url: string
  readonly #configuration: ServerConfiguration
  readonly #port: number
  #scope: Scope.Closeable | undefined
  #snapshotAt: number | undefined

  private constructor(name: SetBack["store"], configuration: ServerConfiguration, port: number) {
    this.name = name
    this.url = configuration.url(port)
    this.#configuration = configuration
    this.#port = port
  }

  /** Starts an empty server with its data below `dataDir`. */
  static async open(name: SetBack["store"], dataDir: string): Promise<SettableStore> {
    const data = realpathSync(dataDir)
    const folders = { data, logs: join(data, "logs"), run: join(data, "run") }
    for (const folder of [folders.logs, folders.run]) mkdirSync(folder, { recursive: true })
    const kind = kinds[name]
    const programs = findPrograms(data)[kind.programs]
    if (programs === undefined) throw new Error(`${kind.name} is not on this machine`)
    const configuration = await Effect.runPromise(kind.configure(programs, folders))
    await empty(configuration)
    // Its password is in its folder, and so is there before its address.
    await Effect.runPromise(configuration.prepare)
    const store = new SettableStore(name, configuration, await Effect.runPromise(freePort))
    await store.#start()
    return store
  }

  /** Keeps what the server holds now, to come back to it. It is away for the moment that this takes. */
  async snapshot(): Promise<void> {
    const { folder } = this.#configuration
    this.#snapshotAt = Date.now()
    await this.#stop()
    await copyFolder(folder, kept(folder))
    await this.#start()
  }

  /** Stops the server and starts it again, on the same port, as it was at the last snapshot. */
  async setBack(): Promise<SetBack> {
    const { folder } = this.#configuration
    if (this.#snapshotAt === undefined) throw new Error(`there is no snapshot of ${this.name}`)
    await this.#stop()
    const at = Date.now()
    await copyFolder(kept(folder), folder)
    await this.#start()
    return { store: this.name, from: this.#snapshotAt, at }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop()
    await empty(this.#configuration)
  }

  async #start(): Promise<void> {
    const scope = Effect.runSync(Scope.make())
    this.#scope = scope
    const started = startOnFreePort(kinds[this.name], this.#configuration, Effect.succeed(this.#port))
    await Effect.runPromise(
      this.#configuration.prepare.pipe(Effect.andThen(started), Scope.provide(scope), Effect.asVoid),
    )
  }

  async #stop(): Promise<void> {
    const scope = this.#scope
    this.#scope = undefined
    if (scope !== undefined) await Effect.runPromise(Scope.close(scope, Exit.void))
  }
}

const kept = (folder: string): string => `${folder}.kept`

const empty = async ({ folder }: ServerConfiguration): Promise<void> => {
  for (const each of [folder, kept(folder)]) await rm(each, { recursive: true, force: true })
}

/** With owners and modes: Postgres refuses a folder that is not its own. */
const copyFolder = async (from: string, to: string): Promise<void> => {
  await rm(to, { recursive: true, force: true })
  await promisify(execFile)("cp", ["-a", from, to])
}
