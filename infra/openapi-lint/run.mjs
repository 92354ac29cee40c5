/*
 * `npm run lint:openapi`: checks docs/openapi.json by Redocly's and Spectral's recommended rules. Both have hundreds of packages, which nothing
 * else needs: they are installed beside the data, as the lock file of this folder says, when it changed.
 *
 * Status 0: there is no finding. 1: there are some. NOT_CHECKED: the packages are missing and could not be installed.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { copyFileSync, mkdirSync } from "node:fs"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { fileURLToPath } from "node:url"
import { installPackages, packagesDiffer } from "../dependencies.mjs"
import { withLock } from "../lock.mjs"

/** EX_TEMPFAIL of sysexits.h. */
const NOT_CHECKED = 75
const LOCK_WAIT_MS = 5 * 60_000
const LINT_MS_MAX = 2 * 60_000
/** Not npm's five minutes and three tries: who has no network learns it soon. */
const install = {
  options: ["--ignore-scripts", "--fetch-retries=1", "--fetch-timeout=30000"],
  timeoutMs: 3 * 60_000,
}

const own = fileURLToPath(new URL(".", import.meta.url))
const root = join(own, "../..")
const dataDir = join(root, ".atlaspay")
const folder = join(dataDir, "openapi-lint")
const document = join(root, "docs/openapi.json")

/** The folder's own lock file is a copy, so it is replaced before it is compared. */
const providePackages = () => {
  mkdirSync(folder, { recursive: true })
  withLock(join(dataDir, "openapi-lint.lock"), LOCK_WAIT_MS, () => {
    for (const file of ["package.json", "package-lock.json"])
      copyFileSync(join(own, file), join(folder, file))
    if (packagesDiffer(folder)) installPackages(folder, root, install)
  })
}

/** What a linter prints if it has findings, or does not run; nothing if all is well. */
const findingsOf = async (program, args) => {
  const child = spawn(process.execPath, [join(folder, "node_modules/.bin", program), ...args], {
    env: { ...process.env, REDOCLY_TELEMETRY: "off", REDOCLY_SUPPRESS_UPDATE_NOTICE: "true" },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: LINT_MS_MAX,
  })
  const [[status, signal], ...printed] = await Promise.all([
    once(child, "close"),
    text(child.stdout),
    text(child.stderr),
  ])
  return status === 0 ? "" : `${printed.join("")}\n${program} ended with ${signal ?? `status ${status}`}\n`
}

const check = async () => {
  try {
    providePackages()
  } catch (error) {
    process.stderr.write(
      `docs/openapi.json was not checked, because the linters cannot be installed:\n${error.message}\n`,
    )
    return NOT_CHECKED
  }
  const findings = await Promise.all([
    findingsOf("redocly", ["lint", document, "--config", join(own, "redocly.yaml"), "--max-problems", "100"]),
    findingsOf("spectral", [
      "lint",
      document,
      "--ruleset",
      join(own, "spectral.yaml"),
      "--fail-severity=warn",
    ]),
  ])
  process.stderr.write(findings.join(""))
  return findings.every((found) => found === "") ? 0 : 1
}

process.exitCode = await check()
