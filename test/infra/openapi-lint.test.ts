/** `npm run lint:openapi` in a clone with programs of our own in the place of npm and the linters. */
import { spawnSync } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterEach, beforeEach, describe, expect, it } from "vitest"

const root = fileURLToPath(new URL("../..", import.meta.url))
const locked = (version: string) =>
  JSON.stringify({ packages: { "": {}, "node_modules/linter": { version, integrity: "sha512-a" } } })

let clone: string
const place = (path: string, content: string) => {
  mkdirSync(dirname(join(clone, path)), { recursive: true })
  writeFileSync(join(clone, path), content, { mode: 0o755 })
}

/** An npm that installs linters, each with a line of JavaScript. */
const npm = (redocly: string, spectral: string) =>
  place(
    "bin/npm",
    `#!/bin/sh
echo "$*" >> ${clone}/installed
cd "$3"
mkdir -p node_modules/linter node_modules/.bin
cp package-lock.json node_modules/.package-lock.json
echo '${redocly}' > node_modules/.bin/redocly
echo '${spectral}' > node_modules/.bin/spectral
`,
  )

const lint = () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ["infra/openapi-lint/run.mjs"], {
    cwd: clone,
    env: { PATH: [join(clone, "bin"), "/usr/bin", "/bin"].join(delimiter), HOME: clone },
    encoding: "utf8",
  })
  return { status, stdout, stderr }
}

beforeEach(() => {
  clone = mkdtempSync(join(tmpdir(), "openapi-lint-"))
  cpSync(join(root, "infra"), join(clone, "infra"), { recursive: true })
  place("infra/openapi-lint/package-lock.json", locked("1.0.0"))
})
afterEach(() => rmSync(clone, { recursive: true }))

describe("the check of the OpenAPI document", () => {
  it("installs the linters once for each lock file, and has nothing to say of a document without findings", () => {
    const sees = (path: string) => `if (!process.argv.includes("${join(clone, path)}")) process.exit(9)`
    npm(sees("docs/openapi.json"), sees("infra/openapi-lint/spectral.yaml"))
    const fine = { status: 0, stdout: "", stderr: "" }
    expect([lint(), lint()]).toEqual([fine, fine])
    const installed = () => readFileSync(join(clone, "installed"), "utf8").trimEnd().split("\n")
    expect(installed()).toEqual([expect.stringMatching(/^ci --prefix .*openapi-lint .*--ignore-scripts/)])
    place("infra/openapi-lint/package-lock.json", locked("1.0.1"))
    expect(lint()).toEqual(fine)
    expect(installed()).toHaveLength(2)
  })

  it.each([
    ["Redocly", "console.log(1); console.error(2); process.exit(1)", ""],
    ["Spectral", "", "console.log(1); console.error(2); process.exit(1)"],
    ["Redocly, which was killed", "console.log(1); console.error(2); process.kill(process.pid)", ""],
  ])("fails with what is said by %s", (_, redocly, spectral) => {
    npm(redocly, spectral)
    const { status, stderr } = lint()
    expect(status).toBe(1)
    expect(stderr).toMatch(/^1\n2\n\n(redocly|spectral) ended with (status 1|SIGTERM)\n$/)
  })

  it("has a status of its own if the linters cannot be installed, and says why", () => {
    place("bin/npm", "#!/bin/sh\necho no network >&2\nexit 1\n")
    const { status, stderr } = lint()
    expect(status).toBe(75)
    expect(stderr).toMatch(/^docs\/openapi.json was not checked[\s\S]*no network/)
  })
})
