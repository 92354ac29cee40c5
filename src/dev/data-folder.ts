/*
 * Only its owner can use the data folder: it contains keys, passwords, logs and databases.
 *
 * Folders are 0700 and files 0600, whatever the umask. There is one exception: if root runs the stack, Postgres runs as
 * another user, which has to pass through the data folder to its own. The folder is 0710 then: that user's group can
 * enter it, but cannot list it.
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

/** Folders to restrict to their owner. Postgres protects its own; programs and banks' folders have their own modes. */
const OWN_FOLDERS = ["logs", "run", "redis", "nats", "sandbox"]

/** Creates a data folder, or restricts an existing one and all of this user's files in it to their owner. */
export const openDataFolder = (dataDir: string): void => {
  // Folders above it may be readable: they contain nothing of ours.
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

/** Creates a folder below a data folder that only its owner can use. */
export const makePrivateFolder = (folder: string): void => {
  mkdirSync(folder, { recursive: true, mode: FOLDER_MODE })
  chmodSync(folder, FOLDER_MODE)
}

/** Writes a file that only its owner can read, also if it replaces one that others could read. */
export const writePrivately = (file: string, content: string): void => {
  writeFileSync(file, content, { mode: FILE_MODE })
  chmodSync(file, FILE_MODE)
}

/**
 * The content of a file that is created once and kept, readable by its owner only. If the file does not exist, it is
 * created as a whole with what `make` returns; an existing file is never replaced.
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
    // A running server renames and removes its files.
    if (!hasCode(error, "ENOENT")) throw error
  }
}

/** Links and files of other users are left alone. */
const isOurs = (path: string): boolean => {
  const found = lstatSync(path, { throwIfNoEntry: false })
  return found !== undefined && !found.isSymbolicLink() && found.uid === process.getuid?.()
}

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && "code" in error && error.code === code
