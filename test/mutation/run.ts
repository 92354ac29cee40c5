/**
 * `npm run test:mutation`: takes away the guards of the domain one at a time, and runs the domain's tests against what is
 * left. A guard that no test misses has survived, and that is a failure. `--json`: one JSON object as the last line.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { type Guard, guards } from "./guards.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))
const WORKERS = 2
const RUN_MS_MAX = 120_000

/** The tests that know the domain's rules; the others hold its data to the packages that it came from. */
const tests = [
  "batch-properties",
  "decide-dispute",
  "decide-lifecycle",
  "decide-routing",
  "decide-transfer",
  "spec",
].map((name) => `test/domain/${name}.test.ts`)

const config = 'export default { test: { include: ["test/domain/*.test.ts"], bail: 1 } }'

/** A tree of its own with the domain, its tests and the specification. */
const newTree = (): string => {
  const tree = mkdtempSync(join(tmpdir(), "atlaspay-mutation-"))
  for (const part of ["src/domain", "test/domain", "docs/SPEC.md", "package.json"]) {
    mkdirSync(join(tree, part, ".."), { recursive: true })
    cpSync(join(root, part), join(tree, part), { recursive: true })
  }
  symlinkSync(join(root, "node_modules"), join(tree, "node_modules"))
  writeFileSync(join(tree, "vitest.config.mjs"), config)
  return tree
}

/** Whether the tests pass in a tree; their output when they do not. */
const passes = async (tree: string): Promise<boolean> => {
  const vitest = join(root, "node_modules/vitest/vitest.mjs")
  const run = spawn(process.execPath, [vitest, "run", ...tests], {
    cwd: tree,
    stdio: "ignore",
    timeout: RUN_MS_MAX,
    killSignal: "SIGKILL",
  })
  const [code] = await once(run, "exit")
  return code === 0
}

/** Whether a test fails once the guard is gone. */
const isCaught = async (tree: string, { file, text, without, name }: Guard): Promise<boolean> => {
  const path = join(tree, "src/domain", file)
  const source = readFileSync(path, "utf8")
  if (source.split(text).length !== 2)
    throw new Error(`${name}: its text is not there exactly once in ${file}`)
  writeFileSync(
    path,
    source.replace(text, () => without),
  )
  try {
    return !(await passes(tree))
  } finally {
    writeFileSync(path, source)
  }
}

const waiting = [...guards]
const survived: Array<string> = []

const work = async (): Promise<void> => {
  const tree = newTree()
  try {
    for (let guard = waiting.shift(); guard !== undefined; guard = waiting.shift()) {
      const caught = await isCaught(tree, guard)
      if (!caught) survived.push(guard.name)
      console.log(`${caught ? "caught  " : "SURVIVED"} ${guard.name} (${guard.file})`)
    }
  } finally {
    rmSync(tree, { recursive: true })
  }
}

const whole = newTree()
const sound = await passes(whole)
rmSync(whole, { recursive: true })
if (!sound) throw new Error("the tests fail with every guard in place")
await Promise.all(Array.from({ length: WORKERS }, work))
const caught = guards.length - survived.length
console.log(`${caught} of ${guards.length} guards caught`)
if (process.argv.includes("--json")) console.log(JSON.stringify({ guards: guards.length, caught, survived }))
process.exitCode = survived.length === 0 ? 0 : 1
