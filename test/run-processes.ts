/* The processes that a test run has started and that have outlived the test they served. */
import { existsSync, readdirSync, readFileSync } from "node:fs"

/**
 * Gives a line for each such process: one whose command line or environment names the run's folder, except
 * this process and the workers it runs the tests in. Only Linux can be asked; elsewhere the answer is empty.
 */
export const processesOfRun = (folder: string): ReadonlyArray<string> =>
  existsSync("/proc/self/stat")
    ? readdirSync("/proc")
        .filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid)
        .filter((pid) => mentions(pid, folder) && parentOf(pid) !== process.pid)
        .flatMap((pid) => {
          // One that ended since it was found has no command line any more.
          const line = commandLineOf(pid)
          return line === "" ? [] : [`${pid} ${line}`]
        })
    : []

const mentions = (pid: string, folder: string): boolean =>
  commandLineOf(pid).includes(folder) || read(`/proc/${pid}/environ`).includes(folder)

const commandLineOf = (pid: string): string => read(`/proc/${pid}/cmdline`).replaceAll("\0", " ").trim()

/** Field 4 of proc(5), the second one after the name. */
const parentOf = (pid: string): number => {
  const stat = read(`/proc/${pid}/stat`)
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1])
}

/** Nothing for a process that has just ended, only waits to be reaped, or belongs to another user. */
const read = (file: string): string => {
  try {
    return readFileSync(file, "utf8")
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined
    if (["ENOENT", "ESRCH", "EACCES", "EPERM"].includes(String(code))) return ""
    throw error
  }
}
