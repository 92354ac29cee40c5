/**
 * Roots in a file, one line each, for who keeps them on a disk or a medium that is written once. A line counts once it is whole and
 * synced. A process may die in the middle of one: what has no end is cut off before the next line is written.
 */
import { type FileHandle, open } from "node:fs/promises"
import { dirname } from "node:path"
import { Effect } from "effect"
import { RootsFileFailed, type RootsPlace } from "./published-roots.ts"
import { type PublishedRoot, readRootBody, rootBody } from "./root-event.ts"

const LINE_BYTES_MAX = 64 * 1024
const NEWLINE = 10
const FILE_MODE = 0o644

/** The file of roots at a path. It is created with the first root. */
export const makeRootsFile = (path: string): RootsPlace => ({
  name: "file",
  last: fileStep("read", async () => {
    const file = await opened(path, "r")
    if (file === undefined) return undefined
    try {
      return (await tailOf(file)).last
    } finally {
      await file.close()
    }
  }),
  append: (roots) =>
    fileStep("write", async () => {
      const file = (await opened(path, "r+")) ?? (await created(path))
      try {
        const { end, size } = await tailOf(file)
        if (end < size) await file.truncate(end)
        const lines = Buffer.from(roots.map((root) => `${rootBody(root)}\n`).join(""))
        for (let written = 0; written < lines.length; ) {
          const { bytesWritten } = await file.write(lines, written, lines.length - written, end + written)
          written += bytesWritten
        }
        await file.sync()
      } finally {
        await file.close()
      }
    }),
})

/** The last whole line of a file, where it ends, and where the file does. */
const tailOf = async (
  file: FileHandle,
): Promise<{ readonly last: PublishedRoot | undefined; readonly end: number; readonly size: number }> => {
  const { size } = await file.stat()
  const from = Math.max(0, size - 2 * LINE_BYTES_MAX)
  const bytes = Buffer.alloc(size - from)
  const { bytesRead } = await file.read(bytes, 0, bytes.length, from)
  if (bytesRead !== bytes.length) throw new Error("it changed meanwhile")
  const end = bytes.lastIndexOf(NEWLINE)
  if (end < 0) {
    if (from > 0) throw new Error("it has no lines")
    return { last: undefined, end: 0, size }
  }
  const begin = end === 0 ? 0 : bytes.lastIndexOf(NEWLINE, end - 1) + 1
  const last = readRootBody(bytes.subarray(begin, end).toString())
  if (last === undefined) throw new Error("its last line is no root")
  return { last, end: from + end + 1, size }
}

const opened = async (path: string, flags: string): Promise<FileHandle | undefined> => {
  try {
    return await open(path, flags)
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined
    throw error
  }
}

/** A new file, whose name is durable as well. */
const created = async (path: string): Promise<FileHandle> => {
  const file = await open(path, "wx+", FILE_MODE)
  const folder = await open(dirname(path), "r")
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
  return file
}

const fileStep = <A>(step: string, run: () => Promise<A>): Effect.Effect<A, RootsFileFailed> =>
  Effect.tryPromise({
    try: run,
    catch: (error) =>
      new RootsFileFailed({
        step,
        reason: codeOf(error) ?? (error instanceof Error ? error.message : "unknown"),
      }),
  })

const codeOf = (error: unknown): string | undefined =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined
