/*
 * `npm run lint:openapi`: checks docs/openapi.json by Redocly's and Spectral's recommended rules.
 *
 * Status 0: there is no finding. 1: there are some. 75: the packages are missing and could not be installed.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { fileURLToPath } from "node:url"
import { endCheck } from "../lint-packages.mjs"

const LINT_MS_MAX = 2 * 60_000

const own = fileURLToPath(new URL(".", import.meta.url))
const document = join(own, "../../docs/openapi.json")

/** What a linter prints if it has findings, or does not run; nothing if all is well. */
const findingsOf = async (folder, program, args) => {
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

const redocly = ["lint", document, "--config", join(own, "redocly.yaml"), "--max-problems", "100"]
const spectral = ["lint", document, "--ruleset", join(own, "spectral.yaml"), "--fail-severity=warn"]

await endCheck("docs/openapi.json", own, async (folder) => {
  const findings = [findingsOf(folder, "redocly", redocly), findingsOf(folder, "spectral", spectral)]
  return (await Promise.all(findings)).join("")
})
