/*
 * `npm run lint:asyncapi`: reads docs/asyncapi.json by AsyncAPI's own parser, which also applies its recommended rules.
 *
 * Status 0: there is no finding. 1: there are some. 75: the packages are missing and could not be installed.
 */
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { endCheck } from "../lint-packages.mjs"

const own = fileURLToPath(new URL(".", import.meta.url))

/** The document is of 3.0 on purpose: not all tools read 3.1 yet. */
const accepted = new Set(["asyncapi-latest-version"])

const lineOf = ({ code, path, message }) => `${code} at ${path.join("/")}: ${message}\n`

await endCheck("docs/asyncapi.json", own, async (folder) => {
  const { Parser } = createRequire(join(folder, "package.json"))("@asyncapi/parser")
  const text = readFileSync(join(own, "../../docs/asyncapi.json"), "utf8")
  const { document, diagnostics } = await new Parser().parse(text)
  const findings = diagnostics.filter(({ code }) => !accepted.has(code)).map(lineOf)
  if (document === undefined && findings.length === 0) return "the parser gives no document\n"
  return findings.join("")
})
