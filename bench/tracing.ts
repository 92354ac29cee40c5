/** `npm run bench:tracing`: the processor time that a payout costs without traces, with 1 % of them, and with all, in turn. */
import { mkdirSync, realpathSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { dataDir, json } from "../src/cli/flags.ts"
import { withLock } from "../src/dev/embedded-lock.ts"
import { asCliFailure } from "../src/terminal/cli-failure.ts"
import { measureService, WARM_UP } from "./pipeline/measure.ts"
import type { Round } from "./pipeline/round.ts"
import { type Turn, tracingLines, tracingReport } from "./tracing-report.ts"

const ownCheckout = fileURLToPath(new URL("..", import.meta.url))

const wholeNumber = (name: string, what: string, fallback: number) =>
  Flag.Int(name).pipe(
    Flag.withDescription(`${what}; ${fallback} by default`),
    Flag.filter(
      (value) => value >= 1 && value <= 1_000_000,
      () => "1 to 1000000",
    ),
    Flag.withDefault(fallback),
  )

/** Takes spans and counts their bytes. It is in this process, whose time does not count. */
const openCollector = Effect.acquireRelease(
  Effect.promise(async () => {
    const taken = { bytes: 0 }
    const server = createServer((request, response) => {
      request.on("data", (chunk: Buffer) => (taken.bytes += chunk.length))
      request.on("end", () => response.writeHead(200, { "content-type": "application/json" }).end("{}"))
    })
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    return { server, taken, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
  }),
  ({ server }) =>
    Effect.promise(async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    }),
)

interface Options {
  readonly payouts: number
  readonly open: number
  readonly rounds: number
  readonly layout: string
  readonly before: Option.Option<string>
}

const rotated = <A>(list: ReadonlyArray<A>, by: number): ReadonlyArray<A> => [
  ...list.slice(by % list.length),
  ...list.slice(0, by % list.length),
]

/** Measures the kinds in turn, each time with servers and processes of their own. */
const measureTurns = Effect.fn("measureTurns")(function* (folder: string, options: Options) {
  const { before, rounds, ...size } = options
  const collector = yield* openCollector
  const say = (line: string) => console.log(`  ${line}`)
  const measure = (checkout: string, settings: Readonly<Record<string, string>>) =>
    measureService(folder, { ...size, checkout, rounds: 1, warmUp: WARM_UP }, say, settings)
  const recording = (percent: string) => ({
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    TRACE_SAMPLE_PERCENT: percent,
  })
  const kinds: ReadonlyArray<readonly [Turn["kind"], string, Readonly<Record<string, string>>]> = [
    ...Option.match(before, { onNone: () => [], onSome: (checkout) => [["before", checkout, {}] as const] }),
    ["off", ownCheckout, {}],
    ["1 %", ownCheckout, recording("1")],
    ["100 %", ownCheckout, recording("100")],
  ]
  const turns: Array<Turn> = []
  for (let number = 1; number <= rounds; number += 1)
    // Each round begins with another one, so that a machine that becomes slower or quicker favours none.
    for (const [kind, checkout, settings] of rotated(kinds, number - 1)) {
      say(`round ${number}, ${kind}`)
      const bytesBefore = collector.taken.bytes
      const round: Round = yield* measure(checkout, settings)
      turns.push({ kind, round, bytes: collector.taken.bytes - bytesBefore })
    }
  return turns
}, Effect.scoped)

Command.make(
  "bench:tracing",
  {
    payouts: wholeNumber("payouts", "How many payouts a round has, in batches of 50", 10_000),
    open: wholeNumber("open", "How many batches are open at a time", 200),
    rounds: wholeNumber("rounds", "How many rounds each kind has", 2),
    layout: Flag.String("layout").pipe(
      Flag.withDescription("The processes, as of bench:pipeline; roles by default"),
      Flag.withDefault("roles"),
    ),
    before: Flag.String("before").pipe(
      Flag.withDescription(
        "A checkout of the project before there were traces, with its packages, to compare",
      ),
      Flag.map((path) => resolve(process.env.INIT_CWD ?? ".", path)),
      Flag.optional,
    ),
    dataDir,
    json: json("Make the last line one JSON object, see docs/BENCHMARKS.md"),
  },
  Effect.fn(function* ({ dataDir, json, ...options }) {
    mkdirSync(dataDir, { recursive: true })
    const folder = join(realpathSync(dataDir), "bench-tracing")
    const report = tracingReport(yield* measureTurns(folder, options).pipe(withLock(`${folder}.lock`, 0)))
    for (const line of ["", ...tracingLines(report)]) console.log(line)
    if (json) console.log(JSON.stringify(report))
  }, Effect.mapError(asCliFailure)),
).pipe(
  Command.withDescription("Measure what traces cost: off, of 1 % and of all batches, in turn"),
  Command.run({ version: "1" }),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain,
)
