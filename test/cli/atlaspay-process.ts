import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { setTimeout as sleep } from "node:timers/promises"
import { fileOf } from "../programs.ts"
import { processesOfRun } from "../run-processes.ts"

/** The `atlaspay` command in a process of its own. */
export interface AtlaspayProcess {
  readonly pid: number
  /** What it has printed so far, on stdout and stderr. */
  output(): string
  /** Waits until it has printed something; rejects when it ends before, or after `withinMs`. */
  printed(what: RegExp, withinMs?: number): Promise<string>
  signal(signal: NodeJS.Signals): void
  /** Waits for its end: exit status, or null when a signal killed it, and what it printed on stdout. */
  end(): Promise<{ readonly status: number | null; readonly lines: ReadonlyArray<string> }>
}

const POLL_MS = 50
const PRINTED_MS_MAX = 60_000
const GONE_MS_MAX = 20_000

const given = [
  "REDIS_URL",
  "DATABASE_URL",
  "NATS_URL",
  "NODE_ENV",
  "PORT",
  "ATLASPAY_URL",
  "ATLASPAY_API_KEY",
]

/** Runs it with `settings` alone, not with those that the environment of the tests gives. */
export const atlaspay = (
  settings: Readonly<Record<string, string>>,
  ...args: ReadonlyArray<string>
): AtlaspayProcess => {
  const own = Object.entries(process.env).filter(([name]) => !given.includes(name))
  const env = { ...Object.fromEntries(own), ...settings }
  const child = spawn(process.execPath, [fileOf("src/cli/main.ts"), ...args], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
  })
  const printed = { stdout: "", stderr: "" }
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    printed.stdout += text
  })
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    printed.stderr += text
  })
  const closed = once(child, "close")
  return {
    pid: child.pid ?? 0,
    output: () => printed.stdout + printed.stderr,
    printed: (what, withinMs = PRINTED_MS_MAX) => waitFor(child, printed, what, withinMs),
    signal: (signal) => void child.kill(signal),
    async end() {
      await closed
      return { status: child.exitCode, lines: printed.stdout.trimEnd().split("\n") }
    },
  }
}

const waitFor = async (
  child: ChildProcess,
  printed: { readonly stdout: string; readonly stderr: string },
  what: RegExp,
  withinMs: number,
): Promise<string> => {
  for (let waitedMs = 0; waitedMs < withinMs; waitedMs += POLL_MS) {
    const found = what.exec(printed.stdout)
    if (found !== null) return found[1] ?? found[0]
    if (child.exitCode !== null || child.signalCode !== null) break
    await sleep(POLL_MS)
  }
  throw new Error(`${what} was not printed:\n${printed.stdout}\n${printed.stderr}`)
}

/** The processes that still work on a data folder, once they have had the time to end. */
export const processesLeft = async (dataDir: string): Promise<ReadonlyArray<string>> => {
  let left = processesOfRun(dataDir)
  for (let waitedMs = 0; left.length > 0 && waitedMs < GONE_MS_MAX; waitedMs += POLL_MS) {
    await sleep(POLL_MS)
    left = processesOfRun(dataDir)
  }
  return left
}
