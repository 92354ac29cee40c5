/*
 * Lets one set-up at a time change this clone. The lock is a folder with one file that is named after its holder.
 * Renaming a prepared folder onto it succeeds only while it is missing or empty. The file of a dead holder is removed
 * by its name, so a newer lock is never broken by mistake.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"

const POLL_MS = 200

/** Runs `action` while this process alone holds the lock at `path`, and waits for it up to `waitMs`. */
export const withLock = (path, waitMs, action) => {
  const holder = holderName(process.pid)
  for (let waitedMs = 0; !tryTake(path, holder); waitedMs += POLL_MS) {
    if (waitedMs >= waitMs)
      throw new Error(`another set-up has not released ${path} for over ${waitMs / 60_000} minutes`)
    pause(POLL_MS)
  }
  try {
    return action()
  } finally {
    rmSync(join(path, holder), { force: true })
  }
}

const tryTake = (path, holder) => {
  const [other] = existsSync(path) ? readdirSync(path) : []
  if (other !== undefined && other !== holderName(Number(other.split("_")[0])))
    rmSync(join(path, other), { force: true })
  const prepared = `${path}.${holder}`
  mkdirSync(prepared, { recursive: true })
  writeFileSync(join(prepared, holder), "")
  try {
    renameSync(prepared, path)
    return true
  } catch (error) {
    rmSync(prepared, { recursive: true, force: true })
    if (error.code === "ENOTEMPTY" || error.code === "EEXIST") return false
    throw error
  }
}

/** Pid and, with /proc, start time, so that a later process with the same pid is not taken for the holder. */
const holderName = (pid) => {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if (error.code === "ESRCH") return `${pid}_gone`
    if (error.code !== "EPERM") throw error
  }
  return `${pid}_${startTime(pid)}`
}

const startTime = (pid) => {
  const file = `/proc/${pid}/stat`
  if (!existsSync(file)) return "running"
  const stat = readFileSync(file, "utf8")
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]
}

const pause = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
