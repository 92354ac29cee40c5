/*
 * Finds the server programs. It is plain JavaScript because the set-up uses it too, which runs on the machine's Node
 * before anything is installed.
 */
import { accessSync, constants, existsSync, readdirSync, realpathSync, statSync } from "node:fs"
import { delimiter, dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

/** The folder below the data folder in which the set-up unpacks packages that it cannot install. */
export const UNPACKED = "servers"

/** The folder below the data folder that has a folder of its own for each unpacked tool of those who run the service. */
export const UNPACKED_TOOLS = "tools"

/** The set-up's own data folder, whose programs serve all other data folders too. */
const SET_UP_DIR = fileURLToPath(new URL("../../.atlaspay", import.meta.url))

const FOLDERS = ["/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/opt/homebrew/bin"]

/** Folders with one folder per version, and the path below the version. */
const VERSIONED = [
  { parent: "usr/lib/postgresql", name: /^\d+$/, bin: "bin" },
  { parent: "usr", name: /^pgsql-\d+$/, bin: "bin" },
  { parent: "opt/homebrew/opt", name: /^postgresql@\d+$/, bin: "bin" },
  { parent: "usr/local/opt", name: /^postgresql@\d+$/, bin: "bin" },
]

/** The programs of a server, which have to be in one folder. */
const SERVERS = [["redis-server"], ["postgres", "initdb"], ["nats-server"]]

/** Finds each server's program: on the PATH, in the distribution's folders, or unpacked. */
export const findPrograms = (dataDir, environment = process.env) => {
  const unpacked = dataFolders(dataDir).map((folder) => join(folder, UNPACKED))
  const system = [...systemFolders(environment), ...versionedFolders("/")]
  const [redis, postgres, nats] = SERVERS.map(
    (programs) => findTogether(programs, system) ?? findUnpacked(programs, unpacked),
  )
  return { redis, postgres, nats }
}

/** Finds programs of one package that are no servers of ours, likewise; `undefined` if one of them is missing. */
export const findTool = (dataDir, packageName, programs, environment = process.env) =>
  findTogether(programs, systemFolders(environment)) ??
  findUnpacked(
    programs,
    dataFolders(dataDir).map((folder) => join(folder, UNPACKED_TOOLS, packageName)),
  )

const dataFolders = (dataDir) => [...new Set([dataDir, SET_UP_DIR])]

const systemFolders = (environment) => [
  ...(environment.PATH ?? "").split(delimiter).filter((folder) => folder !== ""),
  ...FOLDERS,
]

const findUnpacked = (programs, roots) => {
  for (const root of roots) {
    const folders = [
      ...["usr/bin", "usr/sbin"].map((folder) => join(root, folder)),
      ...versionedFolders(root),
    ]
    const found = withLibraries(findTogether(programs, folders), root)
    if (found !== undefined) return found
  }
  return undefined
}

/** The newest version comes first. */
const versionedFolders = (root) =>
  VERSIONED.flatMap(({ parent, name, bin }) =>
    entries(join(root, parent))
      .filter((entry) => name.test(entry))
      .sort((a, b) => versionOf(b) - versionOf(a))
      .map((entry) => join(root, parent, entry, bin)),
  )

const versionOf = (name) => Number(name.match(/\d+/)?.[0] ?? 0)

/** Postgres needs its real folder: it finds its other files from there. */
const findTogether = (programs, folders) => {
  for (const folder of folders) {
    const [first] = programs
    if (!isProgram(join(folder, first))) continue
    const home = programs.length === 1 ? folder : dirname(realpathSync(join(folder, first)))
    if (programs.every((program) => isProgram(join(home, program)))) return { folder: home, environment: {} }
  }
  return undefined
}

const withLibraries = (found, unpacked) => {
  if (found === undefined) return undefined
  const libraries = ["usr/lib", "lib"].flatMap((folder) => {
    const path = join(unpacked, folder)
    return [
      path,
      ...entries(path)
        .filter((entry) => entry.endsWith("-linux-gnu"))
        .map((entry) => join(path, entry)),
    ]
  })
  return {
    ...found,
    environment: { LD_LIBRARY_PATH: libraries.filter((path) => existsSync(path)).join(":") },
  }
}

const isProgram = (path) => {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

const entries = (folder) => (existsSync(folder) ? readdirSync(folder) : [])
