/** `npm run bench:accept`: how fast batches are accepted, compared with the least that it could cost. */
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Effect } from "effect"
import { Command, Flag } from "effect/cli"
import { dataDir, json } from "../src/cli/flags.ts"
import { withLock } from "../src/dev/embedded-lock.ts"
import { asCliFailure, CliFailure } from "../src/terminal/cli-failure.ts"
import { type AcceptanceOptions, measureAcceptance } from "./acceptance.ts"
import { jsonReport, problemsOf, reportLines } from "./acceptance-report.ts"
import { API_AND_REST, layoutOf, type ServiceProcess } from "./pipeline/layout.ts"
import { startStand } from "./stand.ts"

const wholeNumber = (name: string, what: string, fallback: number, [minimum, maximum]: [number, number]) =>
  Flag.Int(name).pipe(
    Flag.withDescription(`${what}; ${fallback} by default`),
    Flag.filter(
      (value) => value >= minimum && value <= maximum,
      () => `${minimum} to ${maximum}`,
    ),
    Flag.withDefault(fallback),
  )

const layout = Flag.String("layout").pipe(
  Flag.withDescription(
    `The processes of the service: roles, one, or such as ${API_AND_REST}, which is the default`,
  ),
  Flag.withDefault(API_AND_REST),
  Flag.mapTryCatch(layoutOf, (error) => (error instanceof Error ? error.message : String(error))),
)

interface Options extends AcceptanceOptions {
  readonly layout: ReadonlyArray<ServiceProcess>
}

const measure = Effect.fnUntraced(function* (folder: string, options: Options, asJson: boolean) {
  const stand = yield* startStand(folder, options.layout, (line) => console.log(`  ${line}`))
  const acceptance = yield* measureAcceptance(stand, options, (line) => console.log(`  ${line}`))
  for (const line of ["", ...reportLines(acceptance, options)]) console.log(line)
  if (asJson) console.log(JSON.stringify(jsonReport(acceptance, options)))
  return problemsOf(acceptance)
})

Command.make(
  "bench:accept",
  {
    seconds: wholeNumber("seconds", "For how long batches are sent to each side", 10, [1, 120]),
    layout,
    connections: wholeNumber("connections", "How many batches are under way at a time", 200, [1, 1_000]),
    dataDir,
    json: json("Make the last line one JSON object, see docs/BENCHMARKS.md"),
  },
  Effect.fn(function* ({ dataDir, json, ...options }) {
    mkdirSync(dataDir, { recursive: true })
    const folder = join(dataDir, "bench")
    const problems = yield* Effect.scoped(measure(folder, options, json)).pipe(withLock(`${folder}.lock`, 0))
    if (problems.length > 0)
      return yield* new CliFailure({ reason: `${problems.join("\n")}\nThe logs are in ${folder}/logs.` })
  }, Effect.mapError(asCliFailure)),
).pipe(
  Command.withDescription(
    "Measure how fast batches are accepted, compared with the least that it could cost",
  ),
  Command.run({ version: "1" }),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain,
)
