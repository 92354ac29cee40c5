/**
 * A Restate server on free loopback ports, with its data in a temporary folder. Both are gone when this process ends.
 *
 * A shell starts a watcher and then becomes the server. The watcher reads from a pipe that only this process holds open,
 * so the server ends even if this process is killed.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { createServer } from "node:net"
import { arch, platform, tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"

export interface RestateServer {
  readonly pid: number
  readonly ingressUrl: string
  readonly adminUrl: string
  readonly stop: () => Promise<void>
}

const READY_MS_MAX = 60_000
const POLL_MS = 50

const LEASH = `
exec 3<&0 </dev/null
( { read -r released <&3; kill -s KILL -- -$$; } >/dev/null 2>&1 & )
exec "$@" 3<&-
`

/** Starts the server with these lines in its configuration file, and waits until its admin and ingress answer. */
export const startRestateServer = async (settings: string): Promise<RestateServer> => {
  const folder = mkdtempSync(join(tmpdir(), "atlaspay-bench-restate-"))
  const [fabric, admin, ingress] = [await freePort(), await freePort(), await freePort()]
  const configFile = join(folder, "restate.toml")
  writeFileSync(configFile, `${settings}\n${localSettings(join(folder, "data"), { fabric, admin, ingress })}`)
  const logFile = join(folder, "restate.log")
  const server = spawnLeashed([programPath(), "--config-file", configFile, "--no-logo"], logFile)
  process.once("exit", () => {
    killGroup(server)
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  })
  const ended = once(server, "exit")
  const adminUrl = `http://127.0.0.1:${admin}`
  const ingressUrl = `http://127.0.0.1:${ingress}`
  await untilHealthy(server, `${adminUrl}/health`, logFile)
  await untilHealthy(server, `${ingressUrl}/restate/health`, logFile)
  return {
    pid: server.pid ?? 0,
    ingressUrl,
    adminUrl,
    stop: async () => {
      killGroup(server)
      await ended
    },
  }
}

/** The program for this machine is in a separate package. */
const programPath = (): string => {
  const installed = createRequire(import.meta.resolve("@restatedev/restate-server/package.json"))
  return installed.resolve(`@restatedev/restate-server-${platform()}-${arch()}/bin/restate-server`)
}

const localSettings = (folder: string, ports: { fabric: number; admin: number; ingress: number }): string => `
base-dir = "${folder}"
node-name = "bench"
listen-mode = "tcp"
bind-ip = "127.0.0.1"
advertised-host = "127.0.0.1"
bind-port = ${ports.fabric}
log-filter = "warn,octocrab=off"
log-disable-ansi-codes = true
disable-telemetry = true

[admin]
bind-port = ${ports.admin}

[ingress]
bind-port = ${ports.ingress}
`

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const address = server.address()
  server.close()
  await once(server, "close")
  if (address === null || typeof address === "string") throw new Error("no free port")
  return address.port
}

const spawnLeashed = (command: ReadonlyArray<string>, logFile: string): ChildProcess => {
  const log = openSync(logFile, "a")
  const child = spawn("/bin/sh", ["-c", LEASH, "leash", ...command], {
    detached: true,
    stdio: ["pipe", log, log],
  })
  closeSync(log)
  return child
}

/** The server and its watcher have their own process group. */
const killGroup = ({ pid, exitCode, signalCode }: ChildProcess): void => {
  if (exitCode !== null || signalCode !== null) return
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL")
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error
  }
}

const untilHealthy = async (server: ChildProcess, url: string, logFile: string): Promise<void> => {
  const deadline = performance.now() + READY_MS_MAX
  while (!(await isHealthy(url))) {
    if (server.exitCode !== null || server.signalCode !== null || performance.now() > deadline)
      throw new Error(`Restate did not become ready: ${readFileSync(logFile, "utf8")}`)
    await sleep(POLL_MS)
  }
}

/** The server refuses connections until it listens, and requests until it is ready. */
const isHealthy = async (url: string): Promise<boolean> => {
  try {
    return (await fetch(url)).ok
  } catch (error) {
    if (error instanceof TypeError) return false
    throw error
  }
}
