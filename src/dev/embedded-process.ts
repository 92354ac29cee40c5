/*
 * Processes as the operating system shows them: which are alive, and which work in a given folder.
 *
 * A pid alone does not identify a process, because the system reuses pids; pid and start time do. Linux has both in
 * /proc, other systems in `ps`.
 */
import { execFileSync } from "node:child_process"
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs"
import { basename } from "node:path"
import { Effect } from "effect"

const ENDS_WITHIN_MS = 10_000
const DIES_WITHIN_MS = 5_000
const POLL_MS = 25
const EXPECTED_IN_PROC = new Set(["ENOENT", "ESRCH", "EACCES", "EPERM"])

/** Distinguishes a process from a later one with the same pid. `startedAt` is only compared. */
export interface ProcessIdentity {
  readonly pid: number
  readonly startedAt: string
}

export const sameProcess = (a: ProcessIdentity, b: ProcessIdentity): boolean =>
  a.pid === b.pid && a.startedAt === b.startedAt

/** The process that has this pid now; undefined if there is none, or if it only waits to be reaped. */
export const identityOf = (pid: number): ProcessIdentity | undefined => {
  const [state, startedAt] = hasProc() ? statusFromProc(pid) : statusFromPs(pid)
  const gone = state === undefined || startedAt === undefined || /^[ZX]/.test(state)
  return gone ? undefined : { pid, startedAt }
}

export const isAlive = (process: ProcessIdentity): boolean => {
  const now = identityOf(process.pid)
  return now !== undefined && sameProcess(now, process)
}

/** How to recognise the processes of a server: `mark` is the part of its command line that contains `folder`. */
export interface ServerMarks {
  readonly program: string
  readonly folder: string
  readonly mark: string
}

/** The processes of a server on our folder: the server, its children, and leashes that are about to become the server. */
export const processesOf = (server: ServerMarks): ReadonlyArray<ProcessIdentity> =>
  commandLines()
    .filter((candidate) => belongsTo(server, candidate))
    .flatMap(({ pid }) => identityOf(pid) ?? [])

const belongsTo = ({ program, folder, mark }: ServerMarks, { pid, line }: CommandLine): boolean => {
  const marked = `${line} `.includes(`${mark} `)
  switch (basename(line.split(" ", 1)[0] ?? "")) {
    case "sh":
      return marked && line.includes(program)
    case program:
    case `${program}:`:
      return marked || workingFolderOf(pid) === folder
    default:
      return false
  }
}

/** Asks the processes to stop, and kills those that do not. Returns those that remain even so. */
export const endAll = Effect.fn("endAll")(function* (
  processes: ReadonlyArray<ProcessIdentity>,
  stopSignal: NodeJS.Signals,
) {
  yield* signalAll(processes, stopSignal)
  const stubborn = yield* waitForEnd(processes, ENDS_WITHIN_MS)
  yield* signalAll(stubborn, "SIGKILL")
  return yield* waitForEnd(stubborn, DIES_WITHIN_MS)
})

const signalAll = (processes: ReadonlyArray<ProcessIdentity>, signal: NodeJS.Signals): Effect.Effect<void> =>
  Effect.sync(() => {
    for (const { pid } of processes.filter(isAlive)) signalProcess(pid, signal)
  })

/** Ignores processes that have ended, and those of other users: the caller sees which ones remain. */
const signalProcess = (pid: number, signal: NodeJS.Signals): void => {
  try {
    process.kill(pid, signal)
  } catch (error) {
    const expected =
      error instanceof Error && "code" in error && (error.code === "ESRCH" || error.code === "EPERM")
    if (!expected) throw error
  }
}

const waitForEnd = Effect.fnUntraced(function* (processes: ReadonlyArray<ProcessIdentity>, withinMs: number) {
  let left = processes.filter(isAlive)
  for (let waitedMs = 0; left.length > 0 && waitedMs < withinMs; waitedMs += POLL_MS) {
    yield* Effect.sleep(POLL_MS)
    left = left.filter(isAlive)
  }
  return left
})

const hasProc = (): boolean => existsSync("/proc/self/stat")

/** State and start time are the fields 3 and 22 of proc(5); the name before them may contain anything. */
const statusFromProc = (pid: number): ReadonlyArray<string | undefined> => {
  const stat = readIfThere(`/proc/${pid}/stat`)
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  return [fields[0], fields[19]]
}

const statusFromPs = (pid: number): ReadonlyArray<string> => {
  const [state, ...startedAt] = ps("-o", "stat=,lstart=", "-p", String(pid)).trim().split(/\s+/)
  return state === undefined || state === "" ? [] : [state, startedAt.join(" ")]
}

interface CommandLine {
  readonly pid: number
  readonly line: string
}

const commandLines = (): ReadonlyArray<CommandLine> =>
  hasProc() ? commandLinesFromProc() : commandLinesFromPs()

const commandLinesFromProc = (): ReadonlyArray<CommandLine> =>
  readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map((pid) => ({
      pid: Number(pid),
      line: readIfThere(`/proc/${pid}/cmdline`).replaceAll("\0", " ").trim(),
    }))

const commandLinesFromPs = (): ReadonlyArray<CommandLine> =>
  ps("-axo", "pid=,command=")
    .split("\n")
    .map((row) => row.trim().split(/\s+/))
    .map(([pid, ...command]) => ({ pid: Number(pid), line: command.join(" ") }))

/** Known only with /proc. It finds Postgres' children, whose command line does not contain the folder. */
const workingFolderOf = (pid: number): string | undefined =>
  hasProc() ? unlessGone(() => readlinkSync(`/proc/${pid}/cwd`)) : undefined

/** `ps` ends with status 1 if no process matches; that is no error. */
const ps = (...args: ReadonlyArray<string>): string => {
  try {
    return execFileSync("ps", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] })
  } catch (error) {
    if (error instanceof Error && "status" in error && error.status === 1) return ""
    throw error
  }
}

const readIfThere = (file: string): string => unlessGone(() => readFileSync(file, "utf8")) ?? ""

/** A process may end after it was listed, and another user's may be private. */
const unlessGone = <A>(read: () => A): A | undefined => {
  try {
    return read()
  } catch (error) {
    if (error instanceof Error && "code" in error && EXPECTED_IN_PROC.has(String(error.code)))
      return undefined
    throw error
  }
}
