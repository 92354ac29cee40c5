/** `npm run bench:projections`: what the read models cost by event, as they follow the engine and when they are rebuilt. */
import { mkdirSync, realpathSync } from "node:fs"
import { join } from "node:path"
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Effect } from "effect"
import { Command, Flag } from "effect/cli"
import { dataDir, json } from "../src/cli/flags.ts"
import { withLock } from "../src/dev/embedded-lock.ts"
import { asCliFailure } from "../src/terminal/cli-failure.ts"
import { measureProjections } from "./projections/measure.ts"
import { projectionsLines, projectionsReport } from "./projections/report.ts"

const wholeNumber = (name: string, what: string, fallback: number, minimum: number, maximum: number) =>
  Flag.Int(name).pipe(
    Flag.withDescription(`${what}; ${fallback} by default`),
    Flag.filter(
      (value) => value >= minimum && value <= maximum,
      () => `${minimum} to ${maximum}`,
    ),
    Flag.withDefault(fallback),
  )

Command.make(
  "bench:projections",
  {
    batches: wholeNumber("batches", "How many batches of 50 payouts the engine pays", 600, 1, 20_000),
    events: wholeNumber("events", "How many events are rebuilt", 1_000_000, 1_000, 100_000_000),
    dataDir,
    json: json("Make the last line one JSON object, see docs/BENCHMARKS.md"),
  },
  Effect.fn(function* ({ dataDir, json, batches, events }) {
    mkdirSync(dataDir, { recursive: true })
    const folder = join(realpathSync(dataDir), "bench-projections")
    const measured = yield* measureProjections(folder, { batches, events }, (line) =>
      console.log(`  ${line}`),
    ).pipe(withLock(`${folder}.lock`, 0))
    const report = projectionsReport(measured)
    for (const line of ["", ...projectionsLines(report)]) console.log(line)
    if (json) console.log(JSON.stringify(report))
  }, Effect.mapError(asCliFailure)),
).pipe(
  Command.withDescription("Measure the projector beside the engine, and a rebuild beside a bare COPY"),
  Command.run({ version: "1" }),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain,
)
