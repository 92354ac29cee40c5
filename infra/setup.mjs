/*
 * Prepares this clone: installs the npm packages, and the servers unless the environment has their URLs; `--with operations` also
 * the tools that tests of running the service need. Runs before the npm scripts, on any Node from 20 on and without
 * dependencies. If nothing is missing, it changes nothing.
 */
import { accessSync, constants, existsSync, mkdirSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { parseArgs } from "node:util"
import { installDependencies, needsInstall } from "./dependencies.mjs"
import { withLock } from "./lock.mjs"
import { missingServers, provideServers } from "./servers.mjs"
import { missingTools, provideTools } from "./tools.mjs"

const LOCK_WAIT_MS = 15 * 60_000

/** Checks again under the lock, because another set-up may just have done the work. */
const setUp = (root, kinds) => {
  const dataDir = join(root, ".atlaspay")
  const missing = () => missingServers(dataDir, process.env)
  const tools = () => kinds.flatMap((kind) => missingTools(dataDir, kind, process.env))
  requireWritable(dataDir)
  if (tools().length === 0 && !needsInstall(root) && missing().length === 0) return
  mkdirSync(dataDir, { recursive: true })
  withLock(join(dataDir, "setup.lock"), LOCK_WAIT_MS, () => {
    if (needsInstall(root)) installDependencies(root)
    const servers = missing()
    if (servers.length > 0) provideServers(dataDir, servers)
    provideTools(dataDir, tools())
  })
}

/** Fails at once if the folder belongs to another user: otherwise the failure would come later, and be less clear. */
const requireWritable = (folder) => {
  try {
    if (existsSync(folder)) accessSync(folder, constants.W_OK)
  } catch {
    throw new Error(
      `${folder} belongs to another user, probably because AtlasPay was run as root here before.\n` +
        `Give it to the user who runs it now: sudo chown -R "$(id -u):$(id -g)" ${folder}`,
    )
  }
}

try {
  const { values } = parseArgs({ options: { with: { type: "string", multiple: true, default: [] } } })
  setUp(dirname(dirname(fileURLToPath(import.meta.url))), values.with)
} catch (error) {
  process.stderr.write(`\n${error.message}\n`)
  process.exitCode = 1
}
