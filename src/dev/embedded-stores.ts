/*
 * The stores of a local stack, each alone: for programs that read logs, and must not reach anything else. What all servers of a
 * stack share is here, too.
 */
import { realpathSync } from "node:fs"
import { join } from "node:path"
import { Effect, type Scope } from "effect"
import { makePrivateFolder, openDataFolder } from "./data-folder.ts"
import { type RunningServer, type ServerKind, StackError, type StackFolders } from "./embedded-kind.ts"
import { postgres } from "./embedded-postgres.ts"
import { type FoundPrograms, findPrograms } from "./embedded-programs.mjs"
import { redis } from "./embedded-redis.ts"
import { useServer } from "./embedded-server.ts"
import { freePort } from "./embedded-start.ts"

const kinds = { redis, postgres } as const

/**
 * The URL of one store of the local stack on a data folder: of the running one, or of one that is started until the scope closes.
 * Fails if it cannot be started.
 */
export const startStore = Effect.fn("startStore")(function* (
  dataDir: string,
  name: keyof typeof kinds,
): Effect.fn.Return<string, StackError, Scope.Scope> {
  const folders = yield* makeFolders(dataDir)
  return (yield* useEmbedded(kinds[name], findPrograms(folders.data), folders, freePort)).url
})

/** Attaches to the server of a kind on a data folder, or starts it until the scope closes. */
export const useEmbedded = Effect.fnUntraced(function* (
  kind: ServerKind,
  programs: FoundPrograms,
  folders: StackFolders,
  port: Effect.Effect<number>,
) {
  const found = programs[kind.programs]
  if (found === undefined) {
    const reason = `not found on this machine; run node infra/setup.mjs, or set ${kind.urlVariable}`
    return yield* new StackError({ server: kind.name, reason })
  }
  return yield* useServer(kind, yield* kind.configure(found, folders), folders.run, port)
})

/** Opens a data folder: creates it if it is missing, and restricts it to its owner. Fails if it cannot be used. */
export const makeFolders = (dataDir: string): Effect.Effect<StackFolders, StackError> =>
  Effect.try({
    try: () => {
      openDataFolder(dataDir)
      const data = realpathSync(dataDir)
      const folders = { data, logs: join(data, "logs"), run: join(data, "run") }
      for (const folder of [folders.logs, folders.run]) makePrivateFolder(folder)
      return folders
    },
    catch: (cause) => new StackError({ server: "Data folder", reason: `cannot use ${dataDir}: ${cause}` }),
  })

/** A line about a server that is ready. */
export const describe = ({ name, version, port, origin, readyAfterMs }: RunningServer): string =>
  `${name} ${version}${port === 0 ? "" : ` on port ${port}`} (${origin}, ready after ${readyAfterMs} ms)`
