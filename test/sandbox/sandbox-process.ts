import { spawn } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"
import type { SandboxUrls } from "../../src/sandbox/sandbox.ts"
import { fileOf } from "../programs.ts"

export interface SandboxProcess {
  readonly urls: SandboxUrls
  /** Sends a signal and waits for the end: exit status, or null when the signal killed it. */
  end(signal: "SIGKILL" | "SIGTERM" | "SIGINT"): Promise<number | null>
}

/** Starts `src/sandbox/main.ts` as a process of its own; rejects with what it printed when it does not come up. */
export const spawnSandbox = async (...args: string[]): Promise<SandboxProcess> => {
  const child = spawn(process.execPath, [fileOf("src/sandbox/main.ts"), ...args], {
    stdio: ["ignore", "pipe", "pipe"],
  })
  const exited = once(child, "exit")
  let errors = ""
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    errors += chunk
  })
  const firstLine = once(createInterface(child.stdout), "line")
  const started = await Promise.race([firstLine, exited.then(() => undefined)])
  if (started === undefined) throw new Error(errors)
  return {
    urls: JSON.parse(started[0]),
    async end(signal) {
      child.kill(signal)
      const [status] = await exited
      return status
    },
  }
}
