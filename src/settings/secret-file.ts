/**
 * Secrets in files. An orchestrator mounts a secret as a file, and what lists or inherits the environment of a process does not see it.
 * `NAME_FILE` is the path for the secret NAME; the references in a providers' document name their file themselves.
 */
import { constants, type FileHandle, open } from "node:fs/promises"
import { Effect, Result } from "effect"

const BYTES_MAX = 64 * 1024
const OTHERS_WRITE = 0o002

/** The variable with the path of the file for a secret. */
export const fileNameOf = (secret: string): string => `${secret}_FILE`

/** The text of a secret, and whether every user of the machine could replace it. */
export interface SecretFile {
  readonly secret: string
  readonly isOpenToAll: boolean
}

/**
 * Reads a secret without the line break at its end. A failure says what is wrong with the file, as the end of a sentence, and quotes
 * nothing of it. Pipes and devices are refused: they might never end, and cannot be read again.
 */
export const readSecretFile = (path: string): Effect.Effect<Result.Result<SecretFile, string>> =>
  Effect.promise(async () => {
    let file: FileHandle | undefined
    try {
      // A pipe that nobody writes to would hold up who opens it.
      file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
      return await read(file)
    } catch (error) {
      return Result.fail(failureOf(error))
    } finally {
      await file?.close()
    }
  })

const read = async (file: FileHandle): Promise<Result.Result<SecretFile, string>> => {
  const about = await file.stat()
  if (about.isDirectory()) return Result.fail("is a folder")
  if (!about.isFile()) return Result.fail("is not a regular file")
  // One more than is taken, because the file may grow meanwhile.
  const { buffer, bytesRead } = await file.read(Buffer.alloc(BYTES_MAX + 1), 0, BYTES_MAX + 1, 0)
  if (bytesRead > BYTES_MAX) return Result.fail(`is longer than ${BYTES_MAX} bytes`)
  const text = textIn(buffer.subarray(0, bytesRead))
  if (text === undefined) return Result.fail("is not text in UTF-8")
  const secret = text.replace(/\r?\n$/, "")
  if (secret === "") return Result.fail("is empty")
  return Result.succeed({ secret, isOpenToAll: (about.mode & OTHERS_WRITE) !== 0 })
}

const textIn = (bytes: Uint8Array): string | undefined => {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)
    return text.includes("\0") ? undefined : text
  } catch {
    return undefined
  }
}

const failures: Readonly<Record<string, string>> = {
  ENOENT: "does not exist",
  ENOTDIR: "does not exist",
  EACCES: "may not be read by this user",
  EPERM: "may not be read by this user",
  ELOOP: "is a link to itself",
}

/** Why a file cannot be read, as the end of a sentence. */
export const failureOf = (error: unknown): string => {
  const code = error instanceof Error && "code" in error ? String(error.code) : "unknown"
  return failures[code] ?? `cannot be read (${code})`
}
