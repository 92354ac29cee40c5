/* NATS with JetStream, its streams on disk. */
import { join } from "node:path"
import { Effect } from "effect"
import { makePrivateFolder, writePrivately } from "./data-folder.ts"
import type { ServerKind } from "./embedded-kind.ts"
import { probeNats } from "./embedded-nats-probe.ts"
import { passwordIn } from "./embedded-password.ts"
import { serverEnvironment } from "./embedded-start.ts"

const USER = "atlaspay"

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
      prepare: Effect.sync(() => {
        makePrivateFolder(folder)
        const authorization = `authorization { user: ${USER}, password: "${passwordIn(folder)}" }\n`
        writePrivately(settingsFile(folder), authorization)
      }),
      command: (port) => ({
        command: join(programs.folder, "nats-server"),
        args: natsArguments(folder, port),
        env: serverEnvironment(programs),
        cwd: folder,
      }),
      url: (port) => `nats://${USER}:${passwordIn(folder)}@127.0.0.1:${port}`,
      identity: () => serverName(folder),
    })
  },
}

/** The password is in a file, because every user can read the arguments of a process. */
const settingsFile = (folder: string): string => join(folder, "nats.conf")

const natsArguments = (folder: string, port: number): ReadonlyArray<string> => [
  ...["--config", settingsFile(folder)],
  ...["--store_dir", folder],
  ...["--addr", "127.0.0.1"],
  ...["--port", String(port)],
  ...["--name", serverName(folder)],
  "--jetstream",
]

/** One server at a time works in a folder, so the folder identifies it. */
const serverName = (folder: string): string => `atlaspay${folder.replaceAll(/\W+/g, "-")}`
