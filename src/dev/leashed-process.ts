/*
 * A child process that cannot outlive its parent.
 *
 * The child is started through a small shell that first leaves a watcher behind and then becomes the
 * program itself (`exec`), so the child's pid is the program's pid. The watcher reads from a pipe whose
 * other end only the parent holds. When the parent lets go, on purpose or because it was killed, the
 * watcher reads the end of the file, asks the program to stop, and kills what is left after a bound.
 * Stopping in order and stopping after a crash are therefore one and the same path.
 *
 * Program and watcher live in a session of their own: Ctrl-C in a terminal reaches the parent alone. As long
 * as the watcher is in the program's process group, the program's pid cannot be given to another process, so
 * a signal never hits a stranger. What it writes is its owner's alone.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { closeSync, openSync } from "node:fs"
import type { Readable } from "node:stream"
import { Effect, Schema, type Scope } from "effect"
import { FILE_MODE } from "./data-folder.ts"

const STOP_WITHIN_MS_DEFAULT = 10_000
const TICK_MS = 100
/** How much longer than the watcher the parent waits before it kills the group itself. */
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

/** A process could not be started at all. */
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
  /** The whole environment of the child; the parent's when absent. */
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly cwd?: string
  readonly uid?: number
  readonly gid?: number
  /** Receives stderr, and stdout too unless `stdout` sends that elsewhere. Appended to. */
  readonly logFile?: string
  /** Where stdout goes when it does not go to the log file. Stderr without a log file goes to the parent's. */
  readonly stdout?: "pipe" | "ignore" | "inherit"
  /** What asks the program to stop, SIGTERM by default. */
  readonly stopSignal?: "SIGTERM" | "SIGINT"
  /** After this long it is killed, 10 s by default. */
  readonly stopWithinMs?: number
}

/** How a process ended: one of the two is set. */
export interface ProcessExit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface LeashedProcess {
  readonly pid: number
  /** Present with `stdout: "pipe"`; read it, or the child blocks once the pipe is full. */
  readonly stdout: Readable | null
  /** Waits for the end of the process. */
  readonly exited: Effect.Effect<ProcessExit>
  /** Sends a signal to the program; nothing happens when it has ended. */
  readonly kill: (signal: NodeJS.Signals) => Effect.Effect<void>
}

/**
 * Starts a process that ends with the scope: it is asked to stop, and killed after `stopWithinMs`. It also
 * ends, by the same steps, when this process dies in whatever way. A command that does not exist is no
 * `LeashError`: the process ends with code 126 or 127 and the reason is in its log.
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
    // The pipe's only message is its end; that the reader went first is no news.
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

/** Once the program has ended, the watcher and whatever else is in the group has no purpose. */
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
