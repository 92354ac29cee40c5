/** The processor time of the service at rest, while open batches wait for a person. */
import { loadavg } from "node:os"
import { Effect, Schedule } from "effect"
import type { CliFailure } from "../../src/terminal/cli-failure.ts"
import { differenceOf } from "../figures.ts"
import { openClient } from "./client.ts"
import { layoutOf } from "./layout.ts"
import { CLIENT, readSeconds } from "./processor-time.ts"
import { loadLine, rounded, row } from "./report.ts"
import { attempted, type Side, type Stand, startPipelineStand } from "./stand.ts"

export interface RestOptions {
  readonly checkout: string
  readonly layout: string
  /** How many batches are open, each with one item that compliance holds for a review. */
  readonly waiting: number
  readonly seconds: number
}

const REST_PERCENT_MAX = 2
const POSTS_AT_A_TIME = 20
const HELD_MS_MAX = 180_000
const POLL = Schedule.spaced("100 millis")
/** So that what follows the last batch is over. */
const CALM = "10 seconds"

/** Measures a service on its own stand: first the batches are posted, then nothing happens. */
export const measureRest = Effect.fn("measureRest")(function* (
  folder: string,
  { checkout, layout, waiting, seconds }: RestOptions,
  report: (line: string) => void,
) {
  const before = loadavg()[0] ?? Number.NaN
  const stand = yield* startPipelineStand(folder, [], report)
  const service = yield* stand.startService({ checkout, layout: layoutOf(layout) })
  report(`${waiting} batches`)
  yield* attempted(() => postAll(service, waiting))
  yield* Effect.repeat(heldIn(stand), { until: (held) => held === waiting, schedule: POLL }).pipe(
    Effect.timeout(HELD_MS_MAX),
  )
  yield* Effect.sleep(CALM)
  report(`${seconds} s of rest`)
  const processes = { ...service.processes, ...stand.processes }
  const secondsBefore = readSeconds(processes)
  const since = performance.now()
  yield* Effect.sleep(seconds * 1_000)
  const spent = differenceOf(secondsBefore, readSeconds(processes))
  const elapsed = (performance.now() - since) / 1_000
  const percent = Object.fromEntries(
    Object.entries(spent)
      .filter(([part]) => part !== CLIENT)
      .map(([part, used]) => [part, rounded((used / elapsed) * 100, 2)]),
  )
  const roles = Object.keys(service.processes).reduce((sum, part) => sum + (percent[part] ?? 0), 0)
  return {
    waiting,
    seconds,
    layout,
    /** Of one core. */
    percent,
    rolesPercent: rounded(roles, 2),
    loadAverages: [before, loadavg()[0] ?? Number.NaN] as const,
  }
}, Effect.scoped)

/** Posts the batches; their items wait for a review. */
const postAll = async (service: Side, count: number): Promise<void> => {
  const client = openClient(service, POSTS_AT_A_TIME)
  const numbers = Array.from({ length: count }, (_, number) => number).values()
  const postInTurn = async () => {
    for (const number of numbers) await client.post(bodyOf(number), `rest-${number}`)
  }
  await Promise.all(Array.from({ length: POSTS_AT_A_TIME }, postInTurn))
  await client.close()
}

const bodyOf = (number: number): Buffer =>
  Buffer.from(
    JSON.stringify({
      reference: `rest-${number}`,
      items: [
        {
          reference: `rest-${number}`,
          amount: { currency: "EUR", value: "12.34" },
          beneficiary: { name: "Rita Review", account: { scheme: "iban", iban: "DE89370400440532013000" } },
        },
      ],
    }),
  )

const heldIn = ({ sql }: Stand): Effect.Effect<number, CliFailure> =>
  attempted(async () => {
    const [row] = await sql<Array<{ held: number }>>`
      select count(*)::int as held from payout_items where state = 'held'`
    return row?.held ?? 0
  })

/** The figures as lines of text. */
export const restLines = (report: Effect.Success<ReturnType<typeof measureRest>>): ReadonlyArray<string> => [
  `${report.waiting} open batches that wait, ${report.seconds} s; processes: ${report.layout}`,
  "",
  "Percent of one core:",
  ...Object.entries(report.percent).map(([part, percent]) => row(part, percent)),
  row("all roles", report.rolesPercent),
  "",
  `wanted: all roles together under ${REST_PERCENT_MAX}: ${report.rolesPercent < REST_PERCENT_MAX ? "reached" : "missed"}`,
  loadLine(report.loadAverages),
]
