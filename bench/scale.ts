/** `npm run bench:scale`: the cost of a payout by the size of its batch and the number of open batches. */
import { mkdirSync } from "node:fs"
import { loadavg } from "node:os"
import { join } from "node:path"
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Effect } from "effect"
import { Command, Flag } from "effect/cli"
import { dataDir, json } from "../src/cli/flags.ts"
import { withLock } from "../src/dev/embedded-lock.ts"
import { startStack } from "../src/dev/embedded-stack.ts"
import { asCliFailure, CliFailure } from "../src/terminal/cli-failure.ts"
import { measureLargeBatch } from "./large-batch.ts"
import { API_AND_REST, layoutOf } from "./pipeline/layout.ts"
import { jsonReport, problemsOf, reportLines, type Scale } from "./scale-report.ts"
import { crowds, measureCosts, sizes } from "./scaling.ts"
import { emptyFolder, startStand } from "./stand.ts"
import { measureTakeover } from "./takeover.ts"

interface ScaleOptions {
  readonly payouts: number
  readonly rounds: number
}

const TAKEOVER_ITEMS = 15_000
const LARGE_ITEMS = 100_000

const report = (line: string): void => console.log(`  ${line}`)

/** The engine alone, on its own servers. */
const measureEngine = Effect.fnUntraced(function* (folder: string, options: ScaleOptions) {
  yield* emptyFolder(folder)
  const stack = yield* startStack({ dataDir: folder, given: {}, onProgress: report }).pipe(
    Effect.mapError(asCliFailure),
  )
  const logFile = join(folder, "logs", "engine.log")
  report(`take-over of a batch of ${TAKEOVER_ITEMS} items`)
  const takeover = yield* Effect.scoped(measureTakeover(stack, TAKEOVER_ITEMS, logFile))
  const servers = { ...stack, postgresFolder: join(folder, "postgres", "data") }
  const costsOf = (shapes: typeof sizes) => measureCosts(servers, shapes, options, logFile, report)
  return { takeover, sizes: yield* costsOf(sizes), crowds: yield* costsOf(crowds) }
})

/** A whole service with the sandbox. */
const measureService = Effect.fnUntraced(function* (folder: string) {
  const stand = yield* startStand(folder, layoutOf(API_AND_REST), report)
  report(`a batch of ${LARGE_ITEMS} items in one request`)
  return yield* measureLargeBatch(stand, LARGE_ITEMS)
})

const measure = Effect.fnUntraced(function* (folder: string, options: ScaleOptions, asJson: boolean) {
  const loadBefore = loadavg()[0] ?? 0
  const largeBatch = yield* Effect.scoped(measureService(folder))
  const costs = yield* Effect.scoped(measureEngine(folder, options))
  const scale: Scale = { ...costs, largeBatch, loadAverages: [loadBefore, loadavg()[0] ?? 0] }
  for (const line of ["", ...reportLines(scale)]) console.log(line)
  if (asJson) console.log(JSON.stringify(jsonReport(scale)))
  return problemsOf(scale)
})

const wholeNumber = (name: string, what: string, fallback: number, [minimum, maximum]: [number, number]) =>
  Flag.Int(name).pipe(
    Flag.withDescription(`${what}; ${fallback} by default`),
    Flag.filter(
      (value) => value >= minimum && value <= maximum,
      () => `${minimum} to ${maximum}`,
    ),
    Flag.withDefault(fallback),
  )

Command.make(
  "bench:scale",
  {
    payouts: wholeNumber(
      "payouts",
      "How many payouts each shape makes, rounded up to batches",
      100_000,
      [1_000, 1_000_000],
    ),
    rounds: wholeNumber("rounds", "How often each shape is measured; the cheapest counts", 1, [1, 10]),
    dataDir,
    json: json("Make the last line one JSON object, see docs/BENCHMARKS.md"),
  },
  Effect.fn(function* ({ dataDir, json, ...options }) {
    mkdirSync(dataDir, { recursive: true })
    const folder = join(dataDir, "bench")
    const problems = yield* measure(folder, options, json).pipe(withLock(`${folder}.lock`, 0))
    if (problems.length > 0)
      return yield* new CliFailure({ reason: `${problems.join("\n")}\nThe logs are in ${folder}/logs.` })
  }, Effect.mapError(asCliFailure)),
).pipe(
  Command.withDescription("Measure the cost of a payout by size and number of batches"),
  Command.run({ version: "1" }),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain,
)
