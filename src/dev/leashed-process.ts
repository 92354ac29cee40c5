/*
 * A child process that cannot outlive its parent.
 *
 * A small shell starts a watcher and then becomes the program itself (`exec`), so the child's pid is the program's pid.
 * The watcher reads from a pipe whose other end only the parent holds. When the parent closes that end, on purpose or
 * because it was killed, the watcher reads the end of the file, asks the program to stop, and after a while kills what
 * is left. So an orderly stop and a stop after a crash take the same path.
 *
 * Program and watcher have their own session, so Ctrl-C in a terminal reaches only the parent. While the watcher is in
 * the program's process group, the system cannot reuse the program's pid, so a signal never reaches another process.
 * Only its owner can read what the program writes.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { closeSync, openSync } from "node:fs"
import type { Readable } from "node:stream"
import { Effect, Schema, type Scope } from "effect"
import { FILE_MODE } from "./data-folder.ts"

const STOP_WITHIN_MS_DEFAULT = 10_000
const TICK_MS = 100
/** For how long the parent waits after the watcher should have acted, before it kills the group itself. */
const WATCHER_LATE_MS = 2_000

const LEASH = `
signal=$1 ticks=$2
shift 2
umask 077
exec 3<&0 </dev/null
( {
  read -r released <&3
  kill -s "$signal" $$
  while [ "$ticks" -gt 0 ] && kill -0 $$ && ! grep -q "^State:.*Z" /proc/$$/status; do
    sleep 0.1
    ticks=$((ticks - 1))
  done
  kill -s KILL -- -$$
} >/dev/null 2>&1 & )
exec "$@" 3<&-
`

/** A process could not be started. */
export class LeashError extends Schema.TaggedError<LeashError>()("LeashError", {
  command: Schema.String,
  cause: Schema.Defect(),
}) {
  override get message() {
    return `could not start ${this.command}`
  }
}

export interface LeashOptions {
  readonly command: string
  readonly args: ReadonlyArray<string>
  /** The whole environment of the child; by default the parent's. */
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly cwd?: string
  readonly uid?: number
  readonly gid?: number
  /** Receives stderr, and stdout too unless `stdout` sends that elsewhere. Appended to. */
  readonly logFile?: string
  /** Where stdout goes if not to the log file. Without a log file, stderr goes to the parent's. */
  readonly stdout?: "pipe" | "ignore" | "inherit"
  /** The signal that asks the program to stop; SIGTERM by default. */
  readonly stopSignal?: "SIGTERM" | "SIGINT"
  /** How long the program may take to stop before it is killed; 10 s by default. */
  readonly stopWithinMs?: number
}

/** How a process ended. One of the two is set. */
export interface ProcessExit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface LeashedProcess {
  readonly pid: number
  /** With `stdout: "pipe"` only. Read it, or the child blocks when the pipe is full. */
  readonly stdout: Readable | null
  /** Waits for the end of the process. */
  readonly exited: Effect.Effect<ProcessExit>
  /** Sends a signal to the program; does nothing if it has ended. */
  readonly kill: (signal: NodeJS.Signals) => Effect.Effect<void>
}

/**
 * Starts a process that ends with the scope: it is asked to stop, and killed after `stopWithinMs`. It ends by the same
 * steps if this process dies in any way. A command that does not exist is no `LeashError`: the process ends with code
 * 126 or 127, and its log has the reason.
 */
export const spawnLeashed = Effect.fn("spawnLeashed")(function* (
  options: LeashOptions,
): Effect.fn.Return<LeashedProcess, LeashError, Scope.Scope> {
  const child = yield* Effect.acquireRelease(start(options), letGo)
  const exited = ended(child)
  return {
    pid: child.pid,
    stdout: child.process.stdout,
    exited,
    kill: (signal) => Effect.sync(() => void child.process.kill(signal)),
  }
})

interface Child {
  readonly process: ChildProcess
  readonly pid: number
  readonly stopWithinMs: number
  readonly exit: Promise<ProcessExit>
}

const start = (options: LeashOptions): Effect.Effect<Child, LeashError> =>
  Effect.tryPromise({
    try: () => spawnShell(options),
    catch: (cause) => new LeashError({ command: options.command, cause }),
  })

const spawnShell = async (options: LeashOptions): Promise<Child> => {
  const log = options.logFile === undefined ? undefined : openSync(options.logFile, "a", FILE_MODE)
  try {
    const child = spawn("/bin/sh", ["-c", LEASH, "leash", ...leashArguments(options)], {
      detached: true,
      stdio: ["pipe", options.stdout ?? log ?? "inherit", log ?? "inherit"],
      env: { ...(options.env ?? process.env) },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.uid === undefined ? {} : { uid: options.uid }),
      ...(options.gid === undefined ? {} : { gid: options.gid }),
    })
    // The pipe carries nothing but its end; it does not matter if the reader ended first.
    child.stdin?.on("error", () => child.stdin?.destroy())
    await once(child, "spawn")
    const stopWithinMs = options.stopWithinMs ?? STOP_WITHIN_MS_DEFAULT
    return { process: child, pid: child.pid ?? 0, stopWithinMs, exit: exitOf(child) }
  } finally {
    if (log !== undefined) closeSync(log)
  }
}

const leashArguments = (options: LeashOptions): ReadonlyArray<string> => [
  (options.stopSignal ?? "SIGTERM").slice("SIG".length),
  String(Math.ceil((options.stopWithinMs ?? STOP_WITHIN_MS_DEFAULT) / TICK_MS)),
  options.command,
  ...options.args,
]

/** Once the program has ended, nothing else in its group is needed, the watcher included. */
const exitOf = (child: ChildProcess): Promise<ProcessExit> =>
  new Promise((resolve) => {
    child.once("exit", (code, signal) => {
      killGroup(child)
      resolve({ code, signal })
    })
  })

const killGroup = (child: ChildProcess): void => {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL")
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error
  }
}

const ended = (child: Child): Effect.Effect<ProcessExit> => Effect.promise(() => child.exit)

const letGo = (child: Child): Effect.Effect<void> =>
  Effect.suspend(() => {
    child.process.stdin?.destroy()
    return Effect.interruptible(ended(child))
  }).pipe(
    Effect.timeoutOrElse({
      duration: child.stopWithinMs + WATCHER_LATE_MS,
      orElse: () => Effect.sync(() => killGroup(child.process)).pipe(Effect.andThen(ended(child))),
    }),
    Effect.asVoid,
  )
