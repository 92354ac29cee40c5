/**
 * The folder that AtlasPay shares with the client that transfers files to and from a bank (by SFTP or EBICS). A file whose name
 * begins with a dot is not complete yet. Writes are durable with their names: the file is synced first, then the folder.
 */
import { randomUUID } from "node:crypto"
import { constants } from "node:fs"
import {
  access,
  chmod,
  copyFile,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from "node:fs/promises"
import { dirname, join } from "node:path"
import { Effect } from "effect"
import { BankFilesUnavailable } from "../orders/bank-files-unavailable.ts"

const rooms = ["outbox", "inbox", "archive", "quarantine"]

/** The client may be another user of our group, and nobody else may read account numbers. The modes hold whatever the umask. */
const FILE_MODE = 0o640
const FOLDER_MODE = 0o770
const OTHERS = 0o007

const step = <A>(name: string, run: () => Promise<A>): Effect.Effect<A, BankFilesUnavailable> =>
  Effect.tryPromise({
    try: run,
    catch: (error) => new BankFilesUnavailable({ step: name, reason: codeOf(error) }),
  })

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "UNKNOWN"

/**
 * Creates the folders that are missing. Existing ones stay as their operator made them; a warning lists those that everybody
 * can access.
 */
export const prepare = (folder: string) =>
  step("make the folders", async () => {
    const open: Array<string> = []
    for (const path of [folder, ...rooms.map((room) => join(folder, room))]) {
      const isMade = (await mkdir(path, { recursive: true, mode: FOLDER_MODE })) !== undefined
      if (isMade) await chmod(path, FOLDER_MODE)
      else if (((await stat(path)).mode & OTHERS) !== 0) open.push(path)
    }
    return open
  }).pipe(
    Effect.tap((open) =>
      open.length === 0
        ? Effect.void
        : Effect.logWarning("folders with account numbers are open to everybody", { folders: open }),
    ),
    Effect.asVoid,
  )

const IDENTITY = ".folder-id"
const IDENTITY_LENGTH = 36

/** The id of the folder, which is created if there is none. Fails while another process is still writing it. */
export const identify = (folder: string) =>
  step("identify the folder", async () => {
    const path = join(folder, IDENTITY)
    await writeFile(path, randomUUID(), { flag: "wx", flush: true, mode: FILE_MODE }).then(
      () => chmod(path, FILE_MODE),
      (error: unknown) => {
        if (codeOf(error) !== "EEXIST") throw error
      },
    )
    return readFile(path, "utf8")
  }).pipe(
    Effect.filterOrFail(
      ({ length }) => length === IDENTITY_LENGTH,
      () => new BankFilesUnavailable({ step: "identify the folder", reason: `${IDENTITY} is not complete` }),
    ),
  )

/** Whether the outbox has a file of that name. */
export const has = (folder: string, name: string) =>
  step("look for a file", () =>
    access(join(folder, "outbox", name)).then(
      () => true,
      (error: unknown) => {
        if (codeOf(error) === "ENOENT") return false
        throw error
      },
    ),
  )

/** Writes a new file into the outbox. When this returns, the file survives a loss of power. */
export const writeDurably = (folder: string, name: string, content: string) =>
  step("write a file", async () => {
    const path = join(folder, "outbox", name)
    const file = await open(path, "wx", FILE_MODE)
    try {
      await file.chmod(FILE_MODE)
      await file.writeFile(content)
      await file.sync()
    } catch (error) {
      // An incomplete file is useless, and contains account numbers.
      await rm(path, { force: true })
      throw error
    } finally {
      await file.close()
    }
    await syncOutbox(folder)
  })

/** Renames a file of the outbox; false if it is gone, which means that it was renamed before. */
export const release = (folder: string, from: string, to: string) =>
  step("release a file", async () => {
    const released = await moved(join(folder, "outbox", from), join(folder, "outbox", to))
    await syncOutbox(folder)
    return released
  })

/** The names of all files in the outbox, drafts included. */
export const lyingIn = (folder: string) => step("look into the outbox", () => readdir(join(folder, "outbox")))

/** Deletes files of the outbox that were never released, if they still exist. */
export const discard = (folder: string, isDiscarded: (name: string) => boolean) =>
  step("discard files", async () => {
    for (const name of await readdir(join(folder, "outbox")))
      if (isDiscarded(name)) await rm(join(folder, "outbox", name), { force: true })
  })

const moved = async (from: string, to: string): Promise<boolean> => {
  try {
    await rename(from, to)
    return true
  } catch (error) {
    if (codeOf(error) === "ENOENT") return false
    throw error
  }
}

const syncOutbox = async (folder: string): Promise<void> => {
  const handle = await open(join(folder, "outbox"))
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** A file in the inbox, and its fingerprint (inode, size, time), which changes while the file grows. */
export interface Arrival {
  readonly name: string
  readonly look: string
}

const unfinished = /^\.|\.(tmp|part|filepart)$/i

/** The files of the inbox, without those whose name marks them as unfinished, in the order of their names, at most `limit`. */
export const arrivals = (folder: string, limit: number) =>
  step("look into the inbox", async () => {
    const entries = await readdir(join(folder, "inbox"), { withFileTypes: true })
    const names = entries
      .filter((entry) => entry.isFile() && !unfinished.test(entry.name))
      .map(({ name }) => name)
      .sort()
      .slice(0, limit)
    const found: Array<Arrival> = []
    for (const name of names) {
      const look = await lookAt(folder, name)
      if (look !== undefined) found.push({ name, look })
    }
    return found
  })

const lookAt = async (folder: string, name: string): Promise<string | undefined> => {
  const seen = await lstat(join(folder, "inbox", name)).catch(noneWhenGone)
  return seen && `${seen.ino}:${seen.size}:${seen.mtimeMs}`
}

const noneWhenGone = (error: unknown): undefined => {
  if (codeOf(error) !== "ENOENT") throw error
}

/** Whether the inbox or the quarantine has a file that was not read, also one that is still being carried. */
export const hasUnread = (folder: string) =>
  step("look for files that were not read", async () => {
    for (const room of ["inbox", "quarantine"])
      if ((await readdir(join(folder, room))).length > 0) return true
    return false
  })

/** The content of a file of the inbox; `undefined` if it is gone. */
export const readArrival = (folder: string, name: string, bytesMax: number) =>
  step("read a file", async () => {
    const file = await openArrival(folder, name)
    if (file === undefined) return undefined
    try {
      const { size } = await file.stat()
      return size > bytesMax ? "too-long" : await file.readFile()
    } finally {
      await file.close()
    }
  })

/** A link could point to any file of the machine, so it is not followed. */
const openArrival = (folder: string, name: string) =>
  open(join(folder, "inbox", name), constants.O_RDONLY | constants.O_NOFOLLOW).catch(noneWhenGone)

/**
 * Moves a file out of the inbox, and restricts access to it. If it is gone, another process moved it. If its fingerprint
 * changed, it is another file, which arrived under the same name while this one was read, and it stays.
 */
export const putAway = (
  folder: string,
  { name, look }: Arrival,
  room: "archive" | "quarantine",
  as: string,
) =>
  step("put a file away", async () => {
    if ((await lookAt(folder, name)) !== look) return
    const kept = join(folder, room, as)
    if (await moved(join(folder, "inbox", name), kept)) await close(kept)
  })

/** The client may have left the file open to everybody. If another user owns it, it is replaced by a copy of ours. */
const close = async (path: string): Promise<void> => {
  try {
    await chmod(path, FILE_MODE)
  } catch (error) {
    if (codeOf(error) !== "EPERM") throw error
    const copy = join(dirname(path), `.${randomUUID()}`)
    await copyFile(path, copy, constants.COPYFILE_EXCL)
    await chmod(copy, FILE_MODE)
    await rename(copy, path)
  }
}

/** Writes the reason for the quarantine into a file beside it. */
export const explain = (folder: string, name: string, reason: string) =>
  step("explain a file", async () => {
    const path = join(folder, "quarantine", `${name}.reason`)
    await writeFile(path, `${reason}\n`, { mode: FILE_MODE })
    await chmod(path, FILE_MODE)
  })
