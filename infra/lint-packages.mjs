/* The packages of the checks of documents: they have hundreds of others, which nothing else needs, so they are installed beside the data. */
import { copyFileSync, mkdirSync } from "node:fs"
import { basename, join } from "node:path"
import { fileURLToPath } from "node:url"
import { installPackages, packagesDiffer } from "./dependencies.mjs"
import { withLock } from "./lock.mjs"

const LOCK_WAIT_MS = 5 * 60_000
/**
 * Not npm's five minutes and three tries: who has no network learns it soon. CI, where a document that is not checked is a failure, tries
 * more often what fails for a moment.
 */
const install = {
  options: [
    "--ignore-scripts",
    "--fetch-timeout=30000",
    "--fetch-retry-maxtimeout=20000",
    `--fetch-retries=${process.env.CI ? 3 : 1}`,
  ],
  timeoutMs: 3 * 60_000,
}

const root = fileURLToPath(new URL("..", import.meta.url))

/** EX_TEMPFAIL of sysexits.h: the status of a check whose packages are missing and cannot be installed. */
export const NOT_CHECKED = 75

/**
 * Installs the packages that the lock file of a folder of `infra` says, when it changed, and returns where they are. Throws what npm printed
 * if it fails. The installed folder's own lock file is a copy, so it is replaced before it is compared.
 */
export const providePackages = (own) => {
  const dataDir = join(root, ".atlaspay")
  const name = basename(own)
  const folder = join(dataDir, name)
  mkdirSync(folder, { recursive: true })
  withLock(join(dataDir, `${name}.lock`), LOCK_WAIT_MS, () => {
    for (const file of ["package.json", "package-lock.json"])
      copyFileSync(join(own, file), join(folder, file))
    if (packagesDiffer(folder)) installPackages(folder, root, install)
  })
  return folder
}

/** Ends a check of a document: with NOT_CHECKED if its packages cannot be installed, else with 1 if there are findings. */
export const endCheck = async (document, own, findingsIn) => {
  let folder
  try {
    folder = providePackages(own)
  } catch (error) {
    process.stderr.write(
      `${document} was not checked, because the linters cannot be installed:\n${error.message}\n`,
    )
    process.exitCode = NOT_CHECKED
    return
  }
  const findings = await findingsIn(folder)
  process.stderr.write(findings)
  process.exitCode = findings === "" ? 0 : 1
}
