/* NATS with JetStream, its streams on disk. */
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { Effect } from "effect"
import type { ServerKind } from "./embedded-kind.ts"
import { probeNats } from "./embedded-probe.ts"
import { serverEnvironment } from "./embedded-start.ts"

export const nats: ServerKind = {
  name: "NATS",
  urlVariable: "NATS_URL",
  programs: "nats",
  probe: probeNats,
  configure: (programs, folders) => {
    const folder = join(folders.data, "nats")
    return Effect.succeed({
      program: "nats-server",
      folder,
      mark: `--store_dir ${folder}`,
      stopSignal: "SIGTERM",
      logFile: join(folders.logs, "nats.log"),
      prepare: Effect.sync(() => void mkdirSync(folder, { recursive: true })),
      command: (port) => ({
        command: join(programs.folder, "nats-server"),
        args: natsArguments(folder, port),
        env: serverEnvironment(programs),
        cwd: folder,
      }),
      url: (port) => `nats://127.0.0.1:${port}`,
      identity: () => serverName(folder),
    })
  },
}

const natsArguments = (folder: string, port: number): ReadonlyArray<string> => [
  ...["--store_dir", folder],
  ...["--addr", "127.0.0.1"],
  ...["--port", String(port)],
  ...["--name", serverName(folder)],
  "--jetstream",
]

/** One server at a time works in a folder, so the folder names it. */
const serverName = (folder: string): string => `atlaspay${folder.replaceAll(/\W+/g, "-")}`
