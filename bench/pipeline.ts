/** `npm run bench:pipeline`: what a payout costs through the whole, compared with the least that it could cost. */
import { existsSync, mkdirSync, realpathSync } from "node:fs"
import { join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { dataDir, json } from "../src/cli/flags.ts"
import { withLock } from "../src/dev/embedded-lock.ts"
import { asCliFailure } from "../src/terminal/cli-failure.ts"
import { layoutOf } from "./pipeline/layout.ts"
import { loneLines, measureLone } from "./pipeline/lone.ts"
import { measurePipeline, WARM_UP } from "./pipeline/measure.ts"
import { pipelineLines, pipelineReport } from "./pipeline/report.ts"
import { measureRest, restLines } from "./pipeline/rest.ts"

const wholeNumber = (name: string, what: string, fallback: number, maximum: number) =>
  Flag.Int(name).pipe(
    Flag.withDescription(`${what}; ${fallback} by default`),
    Flag.filter(
      (value) => value >= 1 && value <= maximum,
      () => `1 to ${maximum}`,
    ),
    Flag.withDefault(fallback),
  )

const mode = (name: string, what: string) =>
  Flag.Boolean(name).pipe(Flag.withDescription(what), Flag.withDefault(false))

const ownCheckout = fileURLToPath(new URL("..", import.meta.url))

const checkout = Flag.String("checkout").pipe(
  Flag.withDescription(
    "The checkout of the project whose service is measured, with its packages; this one by default",
  ),
  Flag.map((path) => resolve(process.env.INIT_CWD ?? ".", path)),
  Flag.filter(
    (path) => existsSync(join(path, "src/cli/main.ts")) && existsSync(join(path, "node_modules")),
    (path) => `${path} is no checkout, or has no node_modules`,
  ),
  Flag.withDefault(ownCheckout),
)

const layout = Flag.String("layout").pipe(
  Flag.withDescription(
    "The processes: roles, one, or such as api/worker/worker/projector+publisher/webhooks; roles by default",
  ),
  Flag.withDefault("roles"),
  Flag.mapTryCatch(
    (text) => {
      layoutOf(text)
      return text
    },
    (error) => (error instanceof Error ? error.message : String(error)),
  ),
)

const profile = Flag.Directory("profile").pipe(
  Flag.withDescription(
    "A folder that gets a processor profile of each role, for the developer tools of a browser",
  ),
  Flag.map((path) => resolve(process.env.INIT_CWD ?? ".", path)),
  Flag.optional,
)

const progress = (line: string): void => console.log(`  ${line}`)

Command.make(
  "bench:pipeline",
  {
    payouts: wholeNumber("payouts", "How many payouts a round has, in batches of 50", 10_000, 1_000_000),
    rounds: wholeNumber("rounds", "How many rounds each side has", 2, 50),
    open: wholeNumber("open", "How many batches are open at a time", 200, 1_000),
    warmUp: wholeNumber(
      "warm-up",
      "How many payouts each side makes before it is measured",
      WARM_UP,
      1_000_000,
    ),
    layout,
    checkout,
    profile,
    lone: mode("lone", "Measure how long one lone payout takes, in place of the cost"),
    samples: wholeNumber("samples", "With --lone: how many payouts, one after the other", 300, 100_000),
    rest: mode("rest", "Measure the processor time at rest, in place of the cost of payouts"),
    waiting: wholeNumber("waiting", "With --rest: how many open batches wait", 1_000, 100_000),
    seconds: wholeNumber("seconds", "With --rest: for how long", 30, 3_600),
    dataDir,
    json: json("Make the last line one JSON object, see docs/BENCHMARKS.md"),
  },
  Effect.fn(function* ({ dataDir, json, lone, rest, profile, ...given }) {
    const options = { ...given, ...(Option.isSome(profile) ? { profile: profile.value } : {}) }
    mkdirSync(dataDir, { recursive: true })
    const folder = join(realpathSync(dataDir), "bench-pipeline")
    const show = <Report>(report: Report, lines: (report: Report) => ReadonlyArray<string>) => {
      for (const line of ["", ...lines(report)]) console.log(line)
      if (json) console.log(JSON.stringify(report))
    }
    const measure = Effect.gen(function* () {
      if (lone) return show(yield* measureLone(folder, options, progress), loneLines)
      if (rest) return show(yield* measureRest(folder, options, progress), restLines)
      return show(pipelineReport(yield* measurePipeline(folder, options, progress)), pipelineLines)
    })
    yield* measure.pipe(withLock(`${folder}.lock`, 0))
  }, Effect.mapError(asCliFailure)),
).pipe(
  Command.withDescription(
    "Measure the whole, from a batch's post to the webhooks of its payouts, and its floor",
  ),
  Command.run({ version: "1" }),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain,
)
