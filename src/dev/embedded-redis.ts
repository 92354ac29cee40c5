/* Redis as AtlasPay needs it: every acknowledged write is on disk, and nothing is ever evicted. */
import { join } from "node:path"
import { Effect } from "effect"
import { makePrivateFolder, writePrivately } from "./data-folder.ts"
import type { ServerKind } from "./embedded-kind.ts"
import { passwordIn } from "./embedded-password.ts"
import { probeRedis } from "./embedded-probe.ts"
import { serverEnvironment } from "./embedded-start.ts"

export const redis: ServerKind = {
  name: "Redis",
  urlVariable: "REDIS_URL",
  programs: "redis",
  probe: probeRedis,
  configure: (programs, folders) => {
    const folder = join(folders.data, "redis")
    return Effect.succeed({
      program: "redis-server",
      folder,
      mark: `--dir ${folder}`,
      stopSignal: "SIGTERM",
      logFile: join(folders.logs, "redis.log"),
      prepare: Effect.sync(() => {
        makePrivateFolder(folder)
        writePrivately(settingsFile(folder), `requirepass ${passwordIn(folder)}\n`)
      }),
      command: (port) => ({
        command: join(programs.folder, "redis-server"),
        args: redisArguments(folder, port),
        env: serverEnvironment(programs),
        cwd: folder,
      }),
      url: (port) => `redis://:${passwordIn(folder)}@127.0.0.1:${port}`,
      identity: String,
    })
  },
}

/** The password is in a file, because every user can read the arguments of a process. */
const settingsFile = (folder: string): string => join(folder, "redis.conf")

/** Redis must not change its process title: the folder in it identifies an orphan. */
const redisArguments = (folder: string, port: number): ReadonlyArray<string> => [
  settingsFile(folder),
  ...["--dir", folder],
  ...["--port", String(port)],
  ...["--bind", "127.0.0.1"],
  ...["--daemonize", "no"],
  ...["--set-proc-title", "no"],
  ...["--appendonly", "yes"],
  ...["--appendfsync", "always"],
  ...["--aof-load-truncated", "yes"],
  ...["--save", ""],
  ...["--maxmemory-policy", "noeviction"],
]
