/*
 * The data folder is its owner's alone: it holds keys, passwords, logs and databases.
 *
 * Folders are 0700 and files 0600, whatever the umask. One exception: where root runs it, Postgres runs as another user,
 * who has to pass through the data folder on the way to its own; then the folder is 0710 and that user's group may
 * enter it, and read nothing.
 */
import { randomUUID } from "node:crypto"
import {
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import { groupOfPostgres, type RunAs } from "./embedded-user.ts"

export const FILE_MODE = 0o600
const FOLDER_MODE = 0o700
const PASSABLE_MODE = 0o710

/** What is tightened when it is there: Postgres keeps its folder by itself, programs stay programs, banks' folders have their own rules. */
const OWN_FOLDERS = ["logs", "run", "redis", "nats", "sandbox"]

/** Makes a data folder, or tightens one that is there, with all files in it that are ours. */
export const openDataFolder = (dataDir: string): void => {
  // What is missing above it is nobody's secret.
  mkdirSync(dataDir, { recursive: true })
  const gid = groupOfPostgres()
  if (isOurs(dataDir)) {
    if (gid !== undefined) chownSync(dataDir, 0, gid)
    chmodSync(dataDir, gid === undefined ? FOLDER_MODE : PASSABLE_MODE)
  }
  for (const entry of readdirSync(dataDir, { withFileTypes: true }))
    if (entry.isFile()) tightenFile(join(dataDir, entry.name))
  for (const folder of OWN_FOLDERS) tightenFolder(join(dataDir, folder))
}

/** Makes a folder below a data folder that nobody else can look into. */
export const makePrivateFolder = (folder: string): void => {
  mkdirSync(folder, { recursive: true, mode: FOLDER_MODE })
  chmodSync(folder, FOLDER_MODE)
}

/** Writes a file that nobody else can read, also over one that others could. */
export const writePrivately = (file: string, content: string): void => {
  writeFileSync(file, content, { mode: FILE_MODE })
  chmodSync(file, FILE_MODE)
}

/**
 * What a file says that is made once and kept: whole or not at all, never over the one that is there, and for its owner
 * alone. `make` gives what a new one is to say.
 */
export const keptSecret = (file: string, make: () => string, { uid, gid }: RunAs = {}): string => {
  const draft = `${file}.${randomUUID()}`
  writeFileSync(draft, `${make()}\n`, { mode: FILE_MODE, flag: "wx" })
  try {
    if (uid !== undefined && gid !== undefined) chownSync(draft, uid, gid)
    linkSync(draft, file)
  } catch (error) {
    if (!hasCode(error, "EEXIST")) throw error
  } finally {
    rmSync(draft)
  }
  return readFileSync(file, "utf8").trim()
}

const tightenFolder = (folder: string): void => {
  if (!isOurs(folder)) return
  chmodSync(folder, FOLDER_MODE)
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) tightenFolder(path)
    else if (entry.isFile()) tightenFile(path)
  }
}

const tightenFile = (file: string): void => {
  try {
    if (isOurs(file) && (lstatSync(file).mode & 0o077) !== 0) chmodSync(file, FILE_MODE)
  } catch (error) {
    // A server at work renames and removes its files.
    if (!hasCode(error, "ENOENT")) throw error
  }
}

/** A link leads to somebody else's, and what is another user's is left to them. */
const isOurs = (path: string): boolean => {
  const found = lstatSync(path, { throwIfNoEntry: false })
  return found !== undefined && !found.isSymbolicLink() && found.uid === process.getuid?.()
}

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && "code" in error && error.code === code
