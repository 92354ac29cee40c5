import { hash } from "node:crypto"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, it } from "vitest"
import { sandboxApiKeys, twinCredentials } from "../../src/dev/local-sandbox.ts"
import { knownExamples } from "../../src/production/known-examples.ts"
import { serverNames } from "../../src/sandbox/data-folder.ts"
import { sandboxSecretOf } from "../../src/sandbox/sandbox.ts"
import { API_KEY } from "../platform-under-test.ts"
import { masterKeys } from "../settings.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))

/** Secrets of callbacks, passwords in URLs, and keys in the examples of the pages. */
const secretsIn = (text: string): ReadonlyArray<string> =>
  [
    /(whsec_[A-Za-z0-9+/]{4,}=*)/g,
    /\b[a-z+]+:\/\/[\w-]*:([\w-]+)@/g,
    /Bearer ([\w-]+-key[\w-]*)/g,
    /\bAPI_KEYS: "\w+=([\w-]+)/g,
  ].flatMap((form) => [...text.matchAll(form)].map(([, secret = ""]) => secret))

const files = ["docs", "examples", "infra", "src", "test", "bench"].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(md|ts|mjs|ya?ml|json|csv)$/.test(entry.name))
    // `bench:engine` installs the packages of its peers below bench: they are others'.
    .filter((entry) => !entry.parentPath.includes("node_modules"))
    // What is shown there as refused, or as never a secret, is not one.
    .filter((entry) => !/^(production|config)\.test\.ts$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name)),
)

it("every secret that the repository shows is known to be an example", () => {
  const valuesOf = (pairs: string) => pairs.split(",").map((pair) => pair.replace(/^[^=]*=/, ""))
  const shown = [
    ...files.flatMap((file) => secretsIn(readFileSync(file, "utf8"))),
    ...valuesOf(sandboxApiKeys),
    ...valuesOf(masterKeys),
    ...serverNames.map(sandboxSecretOf),
    twinCredentials.SANDBOX_ADYEN_API_KEY,
    twinCredentials.SANDBOX_PAYPAL_CLIENT_SECRET,
    API_KEY,
  ]
  expect(shown.length).toBeGreaterThan(20)
  // What is told is the line that is missing in known-examples.ts, and what for.
  const missing = [...new Set(shown)]
    .map((secret) => [hash("sha256", secret, "base64url"), secret])
    .filter(([digest = ""]) => !knownExamples.has(digest))
  expect(missing).toEqual([])
})
