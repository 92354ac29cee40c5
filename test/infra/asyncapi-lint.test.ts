/** `npm run lint:asyncapi` in a clone with an npm of our own, which installs a parser of our own. */
import { spawnSync } from "node:child_process"
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterEach, beforeEach, describe, expect, it } from "vitest"

const root = fileURLToPath(new URL("../..", import.meta.url))

let clone: string
const place = (path: string, content: string) => {
  mkdirSync(dirname(join(clone, path)), { recursive: true })
  writeFileSync(join(clone, path), content, { mode: 0o755 })
}

/** An npm that installs a parser, whose answer to a text is an expression of JavaScript. */
const npm = (answer: string) =>
  place(
    "bin/npm",
    `#!/bin/sh
echo "$*" >> ${clone}/installed
cd "$3"
mkdir -p node_modules/@asyncapi/parser
cp package-lock.json node_modules/.package-lock.json
echo 'exports.Parser = class { async parse(text) { return ${answer} } }' > node_modules/@asyncapi/parser/index.js
`,
  )

const lint = () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, ["infra/asyncapi-lint/run.mjs"], {
    cwd: clone,
    env: { PATH: [join(clone, "bin"), "/usr/bin", "/bin"].join(delimiter), HOME: clone },
    encoding: "utf8",
  })
  return { status, stdout, stderr }
}

const finding = (code: string) => `{ code: "${code}", path: ["channels", "a"], message: "is odd" }`

beforeEach(() => {
  clone = mkdtempSync(join(tmpdir(), "asyncapi-lint-"))
  cpSync(join(root, "infra"), join(clone, "infra"), { recursive: true })
  place("docs/asyncapi.json", "the document")
  const parser = { "node_modules/@asyncapi/parser": { version: "1.0.0", integrity: "sha512-a" } }
  place("infra/asyncapi-lint/package-lock.json", JSON.stringify({ packages: { "": {}, ...parser } }))
})
afterEach(() => rmSync(clone, { recursive: true }))

describe("the check of the AsyncAPI document", () => {
  it("installs the parser once, and has nothing to say of a document that it reads", () => {
    npm(`{ document: text === "the document" ? {} : undefined, diagnostics: [] }`)
    const fine = { status: 0, stdout: "", stderr: "" }
    expect([lint(), lint()]).toEqual([fine, fine])
    const installed = readFileSync(join(clone, "installed"), "utf8").trimEnd().split("\n")
    expect(installed).toEqual([expect.stringMatching(/^ci --prefix .*asyncapi-lint .*--ignore-scripts/)])
  })

  it("fails with each finding but the one that there is a later version of AsyncAPI", () => {
    npm(`{ document: {}, diagnostics: [${finding("asyncapi-latest-version")}, ${finding("some-rule")}] }`)
    expect(lint()).toEqual({ status: 1, stdout: "", stderr: "some-rule at channels/a: is odd\n" })
  })

  it("fails if the parser gives no document", () => {
    npm(`{ diagnostics: [] }`)
    expect(lint()).toMatchObject({ status: 1, stderr: "the parser gives no document\n" })
  })

  it("has a status of its own if the parser cannot be installed, and says why", () => {
    place("bin/npm", "#!/bin/sh\necho no network >&2\nexit 1\n")
    const { status, stderr } = lint()
    expect(status).toBe(75)
    expect(stderr).toMatch(/^docs\/asyncapi.json was not checked[\s\S]*no network/)
  })
})
