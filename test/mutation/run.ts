/**
 * `npm run test:mutation`: takes away guards one at a time, and runs tests against what is left: the domain's tests for a
 * guard of the domain, and the one that is named for a guard around the log and the banks. A guard that no test misses
 * has survived, and that is a failure. Texts as arguments pick guards by name or file. `--json`: one JSON object as the
 * last line.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { guardsOfDomain, guardsOfPlanning, guardsOfSteps } from "./all-guards.ts"
import type { Guard } from "./domain-guards.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))
const WORKERS = 2
/** For the tests of one guard. Where one is gone and all stands still, that is a failure like another. */
const RUN_MS_MAX = 120_000
/** For all tests together, with every guard in place. */
const WHOLE_MS_MAX = 900_000

const testsOfDomain = (names: ReadonlyArray<string>) => names.map((name) => `test/domain/${name}.test.ts`)

/** Tests that know how work is planned. */
const planningTests = testsOfDomain(["closed-bank", "pay-line", "routing", "ways"])
/** Tests that hold the domain's data to the packages and lists that it came from. */
const dataTests = testsOfDomain(["currency", "failure-codes", "iban", "sepa-scheme-countries", "uk-modulus"])
/** All others know the domain's rules. */
const domainTests = readdirSync(join(root, "test/domain"))
  .filter((name) => name.endsWith(".test.ts"))
  .map((name) => `test/domain/${name}`)
  .filter((test) => !planningTests.includes(test) && !dataTests.includes(test))

/** The domain's tests need no servers. */
const domainConfig = 'export default { test: { include: ["test/domain/*.test.ts"], bail: 1 } }'

/** What a guard is to be missed by: arguments of vitest. */
interface Trial {
  readonly guard: Guard
  readonly tests: ReadonlyArray<string>
}

const domainRun = ["--config", "domain.config.mjs", ...domainTests]
const planningRun = [...domainRun, ...planningTests]
const named = (files: ReadonlyArray<string>, names: ReadonlyArray<string>) => [
  "--bail=1",
  "-t",
  names.join("|"),
  ...files,
]

const all: ReadonlyArray<Trial> = [
  ...guardsOfDomain.map((guard) => ({ guard, tests: domainRun })),
  ...guardsOfPlanning.map((guard) => ({ guard, tests: planningRun })),
  ...guardsOfSteps.map((guard) => ({ guard, tests: named([guard.caughtIn], [guard.caughtBy]) })),
]

const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith("--"))
const isWanted = ({ name, file }: Guard): boolean =>
  wanted.length === 0 || wanted.some((text) => name.includes(text) || file.includes(text))
const trials = all.filter(({ guard }) => isWanted(guard))
if (trials.length === 0)
  throw new Error(`no guard has any of these in its name or file: ${wanted.join(", ")}`)

const steps = guardsOfSteps.filter(isWanted)
const everyNamed = named(
  [...new Set(steps.map(({ caughtIn }) => caughtIn))],
  steps.map(({ caughtBy }) => caughtBy),
)

/** A tree of its own with the project, and with the packages and servers that it has. */
const newTree = (): string => {
  const tree = mkdtempSync(join(tmpdir(), "atlaspay-mutation-"))
  for (const part of ["src", "test", "docs", "infra", "package.json", "vitest.config.ts"]) {
    mkdirSync(join(tree, part, ".."), { recursive: true })
    cpSync(join(root, part), join(tree, part), { recursive: true })
  }
  for (const folder of ["node_modules", ".atlaspay"])
    if (existsSync(join(root, folder))) symlinkSync(join(root, folder), join(tree, folder))
  writeFileSync(join(tree, "domain.config.mjs"), domainConfig)
  return tree
}

/** Whether the tests pass in a tree within a time; `output` goes where it is told. */
const passes = async (
  tree: string,
  tests: ReadonlyArray<string>,
  withinMs = RUN_MS_MAX,
  output: "ignore" | "inherit" = "ignore",
): Promise<boolean> => {
  const vitest = join(root, "node_modules/vitest/vitest.mjs")
  const run = spawn(process.execPath, [vitest, "run", ...tests], {
    cwd: tree,
    stdio: ["ignore", output, output],
    // Some guards are missed by one in thousands of sequences.
    env: { ...process.env, TEST_LENGTH: "long" },
    timeout: withinMs,
    killSignal: "SIGKILL",
  })
  const [code] = await once(run, "exit")
  return code === 0
}

/** Whether a test fails once the guard is gone. */
const isCaught = async (tree: string, { guard, tests }: Trial): Promise<boolean> => {
  const { file, text, without, name } = guard
  const path = join(tree, "src", file)
  const source = readFileSync(path, "utf8")
  if (source.split(text).length !== 2)
    throw new Error(`${name}: its text is not there exactly once in ${file}`)
  writeFileSync(
    path,
    source.replace(text, () => without),
  )
  try {
    return !(await passes(tree, tests))
  } finally {
    writeFileSync(path, source)
  }
}

const waiting = [...trials]
const survived: Array<string> = []

const work = async (): Promise<void> => {
  const tree = newTree()
  try {
    for (let trial = waiting.shift(); trial !== undefined; trial = waiting.shift()) {
      const { name, file } = trial.guard
      const caught = await isCaught(tree, trial)
      if (!caught) survived.push(name)
      console.log(`${caught ? "caught  " : "SURVIVED"} ${name} (${file})`)
    }
  } finally {
    rmSync(tree, { recursive: true })
  }
}

const whole = newTree()
const sound =
  (await passes(whole, [...planningRun, "--reporter=dot"], WHOLE_MS_MAX, "inherit")) &&
  (steps.length === 0 || (await passes(whole, [...everyNamed, "--reporter=dot"], WHOLE_MS_MAX, "inherit")))
rmSync(whole, { recursive: true })
if (!sound) throw new Error("the tests fail with every guard in place")
await Promise.all(Array.from({ length: WORKERS }, work))
const caught = trials.length - survived.length
console.log(`${caught} of ${trials.length} guards caught`)
if (process.argv.includes("--json")) console.log(JSON.stringify({ guards: trials.length, caught, survived }))
process.exitCode = survived.length === 0 ? 0 : 1
