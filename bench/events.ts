/** `npm run bench:events`: what an event costs from the log to the partner's endpoint, by part, and how many go through. */
import { mkdirSync, realpathSync } from "node:fs"
import { join } from "node:path"
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Effect } from "effect"
import { Command, Flag } from "effect/cli"
import { dataDir, json } from "../src/cli/flags.ts"
import { withLock } from "../src/dev/embedded-lock.ts"
import { asCliFailure } from "../src/terminal/cli-failure.ts"
import { measureEvents, type RunName, runs } from "./events/measure.ts"
import { eventsLines, eventsReport } from "./events/report.ts"
import { HOSTS_MAX } from "./events/stand.ts"

const wholeNumber = (name: string, what: string, fallback: number, minimum: number, maximum: number) =>
  Flag.Int(name).pipe(
    Flag.withDescription(`${what}; ${fallback} by default`),
    Flag.filter(
      (value) => value >= minimum && value <= maximum,
      () => `${minimum} to ${maximum}`,
    ),
    Flag.withDefault(fallback),
  )

const runNames = Object.keys(runs) as ReadonlyArray<RunName>
const areRuns = (names: ReadonlyArray<string>): names is ReadonlyArray<RunName> =>
  names.every((name) => Object.hasOwn(runs, name))

Command.make(
  "bench:events",
  {
    batches: wholeNumber("batches", "How many batches of 50 payouts are measured", 600, 1, 20_000),
    endpoints: wholeNumber(
      "endpoints",
      "How many endpoints there are, of which half hang",
      100,
      2,
      HOSTS_MAX,
    ),
    rate: wholeNumber("rate", "Events per second to all these endpoints together", 400, 1, 10_000),
    seconds: wholeNumber("seconds", "How long events come to these endpoints", 20, 1, 3_600),
    only: Flag.String("only").pipe(
      Flag.withDescription("Measure only these runs, separated by +: see docs/BENCHMARKS.md; all by default"),
      Flag.mapTryCatch(
        (names) => {
          const only = names.split("+")
          if (!areRuns(only)) throw new Error(`expected some of ${runNames.join(", ")}`)
          return only
        },
        (error) => (error instanceof Error ? error.message : String(error)),
      ),
      Flag.withDefault(runNames),
    ),
    dataDir,
    json: json("Make the last line one JSON object, see docs/BENCHMARKS.md"),
  },
  Effect.fn(function* ({ dataDir, json, batches, endpoints, rate, seconds, only }) {
    mkdirSync(dataDir, { recursive: true })
    const folder = join(realpathSync(dataDir), "bench-events")
    const options = { batches, only, hanging: { endpoints, eventsPerSecond: rate, seconds } }
    const measured = yield* measureEvents(folder, options, (line) => console.log(`  ${line}`)).pipe(
      withLock(`${folder}.lock`, 0),
    )
    const report = eventsReport(measured)
    for (const line of ["", ...eventsLines(report)]) console.log(line)
    if (json) console.log(JSON.stringify(report))
  }, Effect.mapError(asCliFailure)),
).pipe(
  Command.withDescription("Measure events from the log to the partner's endpoint, by part"),
  Command.run({ version: "1" }),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain,
)
