/** A primary, its replica and a Sentinel over both, as processes of a test's own. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { eventually } from "../platform-under-test.ts"
import { HOST, RedisServer } from "./redis-server.ts"

const NAME = "payouts"
/** A primary that is silent for so long is replaced. */
const DOWN_AFTER_MS = 1_000

export class WatchedRedis implements AsyncDisposable {
  readonly url: string
  readonly primary: RedisServer
  readonly replica: RedisServer
  readonly #sentinel: RedisServer
  readonly #folder: string

  private constructor(folder: string, primary: RedisServer, replica: RedisServer, sentinel: RedisServer) {
    this.#folder = folder
    this.primary = primary
    this.replica = replica
    this.#sentinel = sentinel
    this.url = `redis+sentinel://${sentinel.name}/${NAME}`
  }

  /** Starts all three and waits until the Sentinel could put the replica in the primary's place. */
  static async open(): Promise<WatchedRedis> {
    const folder = mkdtempSync(join(tmpdir(), "redis-sentinel-"))
    await using started = new AsyncDisposableStack()
    started.defer(() => rmSync(folder, { recursive: true, force: true }))
    const primary = started.use(await RedisServer.start({ folder }))
    const replica = started.use(
      await RedisServer.start({ folder, settings: { replicaof: `${HOST} ${primary.port}` } }),
    )
    const sentinel = started.use(
      await RedisServer.start({
        folder,
        sentinel: [
          `sentinel monitor ${NAME} ${HOST} ${primary.port} 1`,
          `sentinel down-after-milliseconds ${NAME} ${DOWN_AFTER_MS}`,
          `sentinel failover-timeout ${NAME} 4000`,
        ].join("\n"),
      }),
    )
    await eventually("the Sentinel knows the replica", async () => {
      const replicas = await sentinel.ask((redis) => redis.call("SENTINEL", "REPLICAS", NAME))
      return String(replicas).includes("master-link-status,ok")
    })
    started.move()
    return new WatchedRedis(folder, primary, replica, sentinel)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      [this.#sentinel, this.primary, this.replica].map((server) => server[Symbol.asyncDispose]()),
    )
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
