import { spawnSync } from "node:child_process"

/**
 * The whole output of a command. Throws an error that contains it if the command fails, does not exist, or takes longer than
 * `timeoutMs`; without one it may take any time.
 */
export const run = (command, args, { environment = {}, timeoutMs } = {}) => {
  const { status, signal, error, stdout, stderr } = spawnSync(command, args, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...environment },
    timeout: timeoutMs,
    maxBuffer: 256 * 1024 * 1024,
  })
  if (status === 0) return stdout
  const ending =
    error?.message ?? (signal === null ? `ended with status ${status}` : `was ended by ${signal}`)
  throw new Error([`${[command, ...args].join(" ")}: ${ending}`, stdout, stderr].filter(Boolean).join("\n"))
}

/** Shows on stderr what takes time, and how long it took. Stdout belongs to the command that follows. */
export const withProgress = (what, action) => {
  const since = Date.now()
  process.stderr.write(`${what} … `)
  const result = action()
  process.stderr.write(`done in ${((Date.now() - since) / 1_000).toFixed(1)} s\n`)
  return result
}
