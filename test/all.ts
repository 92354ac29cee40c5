/*
 * `npm test`: the types, the style, the OpenAPI and AsyncAPI documents and the tests side by side, because tests often wait and leave a core to the
 * others. All run to their end, and the status is 0 only if all succeeded. Arguments are those of Vitest, which then has all files; without any
 * the slow ones are left to `npm run test:slow`.
 *
 * The linters of the documents are installed when they are first needed. Where that is not possible a document is not checked, which the
 * last lines say; in CI it is a failure, so that no document gets in unchecked.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { buffer } from "node:stream/consumers"

const start = (script: string): ChildProcess =>
  spawn("npm", ["run", "--silent", script], { stdio: ["ignore", "pipe", "pipe"] })

/** A check that failed: how, and what it printed. */
interface Failure {
  readonly how: string
  readonly printed: Buffer
}

/** Waits for a check, and keeps what it prints for the end, in case that it fails: between the lines of the tests nobody looks for it. */
const check = async (what: string, child: ChildProcess): Promise<ReadonlyArray<Failure>> => {
  const { stdout, stderr } = child
  if (stdout === null || stderr === null) throw new Error(`the output of ${what} cannot be read`)
  const [end, ...printed] = await Promise.all([once(child, "close"), buffer(stdout), buffer(stderr)])
  const [code, signal] = end
  if (code === 0) return []
  return [{ how: `${what} failed (${signal ?? `status ${code}`})`, printed: Buffer.concat(printed) }]
}

/** The status of `npm run lint:openapi` and `lint:asyncapi` if they checked nothing (`infra/lint-packages.mjs`). */
const NOT_CHECKED = 75

const types = start("check")
const style = start("lint")
const documents = [
  { path: "docs/openapi.json", lint: start("lint:openapi") },
  { path: "docs/asyncapi.json", lint: start("lint:asyncapi") },
]
const given = process.argv.slice(2)
const chosen = given.length === 0 ? ["--config", "test/quick.config.ts"] : given
const tests = spawn("vitest", ["run", ...chosen], { stdio: "inherit" })
// A terminal interrupts all of them; then this waits until the tests have stopped their servers.
process.on("SIGINT", () => undefined)
process.on("SIGTERM", () => {
  for (const child of [types, style, ...documents.map(({ lint }) => lint), tests]) child.kill("SIGTERM")
})

const [checks, checksOfDocuments, [code, signal]] = await Promise.all([
  Promise.all([check("the check of types", types), check("the check of style", style)]),
  Promise.all(documents.map(({ path, lint }) => check(`the check of ${path}`, lint))),
  once(tests, "close"),
])
const isUnchecked = documents.map(({ lint }) => lint.exitCode === NOT_CHECKED && !process.env.CI)
const failures = [...checks, ...checksOfDocuments.filter((_, index) => !isUnchecked[index])].flat()
for (const { printed } of [...checks, ...checksOfDocuments].flat()) process.stderr.write(printed)
for (const { how } of failures) process.stderr.write(`\n${how}; why is printed above\n`)
if (code !== 0) process.stderr.write(`\nthe tests failed (${signal ?? `status ${code}`})\n`)
for (const { path } of documents.filter((_, index) => isUnchecked[index]))
  process.stderr.write(`\n${path} was NOT checked: why is printed above. CI will check it.\n`)
process.exitCode = failures.length === 0 && code === 0 ? 0 : 1
