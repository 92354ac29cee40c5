import { fileURLToPath } from "node:url"
import { Effect, Option, Result, type Scope } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { currencyLines, stateCounts } from "../client/batch-lines.ts"
import type { ShownBatch } from "../client/command-client.ts"
import { chosenTwins, withoutStatement } from "../dev/chosen-twins.ts"
import { clearingFolder, endDay, ordersTaken } from "../dev/clearing-files.ts"
import { type LocalPlatform, startLocalPlatform } from "../dev/local-platform.ts"
import type { LocalTwins } from "../dev/local-sandbox.ts"
import { makePartner, type Partner } from "../dev/partner.ts"
import { recordFile } from "../dev/service-record.ts"
import { awaitSettlement, type Settlement } from "../dev/settlement.ts"
import { bankLines, countsOf, summaryTable, sumsOf } from "../dev/summary.ts"
import { twinBreaches } from "../dev/twin-breaches.ts"
import { type ResentWebhook, resendOne, type Webhooks } from "../dev/webhook-resend.ts"
import { attemptLines, webhookTable } from "../dev/webhook-summary.ts"
import { utcDay } from "../domain/business-days.ts"
import { withoutCredentials } from "../domain/masking.ts"
import { formatAmount } from "../domain/money.ts"
import { type PayoutFile, readPayoutFile } from "../payout-files/payout-file.ts"
import type { Reconciliation } from "../reconciliation/results.ts"
import type { TwinName } from "../sandbox/data-folder.ts"
import { CliFailure } from "../terminal/cli-failure.ts"
import { makeScreen, type Screen } from "../terminal/screen.ts"
import { dataDir, json } from "./flags.ts"
import { reconciliationJson, reconciliationLines } from "./reconcile.ts"
import { reconcileDay } from "./reconciliation-run.ts"

const example = fileURLToPath(new URL("../../examples/payouts.json", import.meta.url))
/** The same payouts, and some to wallets. */
const exampleWithWallets = fileURLToPath(new URL("../../examples/payouts-and-wallets.json", import.meta.url))

const none: ReadonlyArray<TwinName> = []

/** Starts everything, pays a batch, shows its progress, and compares the result with the banks' books. */
export const demo = Command.make(
  "demo",
  {
    file: Argument.String("FILE").pipe(
      Argument.withDescription("Payouts as JSON or CSV, see docs/CLI.md; 200 example payouts by default"),
      Argument.optional,
    ),
    keep: Flag.Boolean("keep").pipe(
      Flag.withDescription("Keep everything running afterwards, until Ctrl-C"),
      Flag.withDefault(false),
    ),
    providers: Flag.String("providers").pipe(
      Flag.withMetavar("NAMES"),
      Flag.withDescription(
        "Pay through twins of real providers: some of adyen, paypal, watchman or yente, formance, with commas",
      ),
      Flag.mapTryCatch(
        (text) => Result.getOrThrowWith(chosenTwins(text), (problem) => new Error(problem)),
        (error) => (error instanceof Error ? error.message : String(error)),
      ),
      Flag.withDefault(none),
    ),
    documents: Flag.String("documents").pipe(
      Flag.withMetavar("FOLDER"),
      Flag.withDescription(
        "The OpenAPI documents of these providers: the twins are held to them, see docs/PROVIDERS.md",
      ),
      Flag.optional,
    ),
    dataDir,
    json: json("Print a summary as one JSON object in the last line"),
  },
  Effect.fn(function* ({ file, providers, documents, ...options }) {
    yield* Effect.scoped(
      Effect.gen(function* () {
        const batch = yield* readPayoutFile(
          Option.getOrElse(file, () => (providers.includes("paypal") ? exampleWithWallets : example)),
        )
        const screen = makeScreen(process.stdout)
        screen.line("AtlasPay demo: real servers, play money.")
        const platform = yield* startPlatform(options.dataDir, screen, {
          names: providers,
          documents: Option.getOrUndefined(documents),
        })
        const problems = yield* pay(platform, batch, screen, options).pipe(
          Effect.catch((failure) => tellOfService(platform, failure)),
        )
        if (options.keep) yield* platform.serviceEnded
        if (problems.length > 0)
          return yield* new CliFailure({ reason: `The demo found problems:\n  ${problems.join("\n  ")}` })
      }),
    )
  }),
).pipe(
  Command.withDescription(
    "Start everything, pay a batch with play money, compare the result with the banks' books, and reconcile the day",
  ),
)

/** The folder of the bank that takes files, and the files of orders that it took during this run. */
interface FilesOfRun {
  readonly folder: string
  readonly orders: ReadonlyArray<string>
}

interface Options {
  readonly dataDir: string
  readonly keep: boolean
  readonly json: boolean
}

const startPlatform = Effect.fnUntraced(function* (dataDir: string, screen: Screen, twins: LocalTwins) {
  const since = Date.now()
  const platform = yield* startLocalPlatform(dataDir, (line) => screen.line(`  ${line}`), twins)
  screen.line(`Ready after ${seconds(Date.now() - since)} s; logs in ${dataDir}/logs.`)
  return platform
})

/** If the service ended, reports that instead of the calls that failed because of it. */
const tellOfService = (
  { serviceEnded }: LocalPlatform,
  failure: CliFailure,
): Effect.Effect<never, CliFailure> =>
  serviceEnded.pipe(Effect.timeoutOrElse({ duration: "500 millis", orElse: () => failure }))

/** Pays one batch and shows it; returns the problems. */
const pay = Effect.fnUntraced(function* (
  platform: LocalPlatform,
  file: PayoutFile,
  screen: Screen,
  { dataDir, keep, json }: Options,
): Effect.fn.Return<ReadonlyArray<string>, CliFailure, Scope.Scope> {
  const partner = yield* makePartner(platform)
  screen.line()
  screen.line(`${file.items.length} payouts as batch ${partner.batch}`)
  const folder = clearingFolder(dataDir)
  const takenBefore = yield* ordersTaken(folder)
  const since = Date.now()
  yield* partner.submit(file.body)
  screen.line(`Accepted after ${Date.now() - since} ms`)
  const show = (batch: ShownBatch) => screen.live(liveBlock(batch, partner), plainLine(batch, partner))
  const settlement = yield* awaitSettlement(partner, file.items, platform.sandbox.banks, show)
  screen.settle()
  const tookMs = Date.now() - since
  const webhooks = yield* resendOne(partner)
  const problems = [...settlement.problems, ...webhooks.problems, ...(yield* twinBreaches(platform.twins))]
  const orders = (yield* ordersTaken(folder)).filter((name) => !takenBefore.includes(name))
  const files = { folder, orders }
  for (const line of closingLines(settlement, partner, webhooks, files, tookMs)) screen.line(line)
  for (const problem of problems) screen.line(`Problem: ${problem}`)
  const { clearing } = platform.sandbox.banks
  if (clearing !== undefined) yield* endDay(clearing, folder)
  const without = Object.keys(platform.sandbox.banks).filter((bank) => withoutStatement.has(bank))
  const reconciliation =
    without.length > 0 ? undefined : yield* reconcileDay(dataDir, utcDay(Date.now()), Option.none())
  for (const line of ["", ...reconciledLines(reconciliation, without)]) screen.line(line)
  for (const line of furtherLines(partner.batch, dataDir)) screen.line(line)
  if (keep) for (const line of addressLines(dataDir, platform)) screen.line(line)
  if (json)
    screen.line(
      JSON.stringify({
        ...jsonSummary(settlement, partner, tookMs),
        webhooks: webhooksJson(partner.endpoint, webhooks),
        files,
        reconciliation: reconciliation === undefined ? null : reconciliationJson(reconciliation),
      }),
    )
  return [...problems, ...(reconciliation === undefined ? [] : differencesOf(partner.batch, reconciliation))]
})

/** The discrepancies about this batch; other batches of the day may still be under way. */
const differencesOf = (batch: string, { discrepancies }: Reconciliation): ReadonlyArray<string> =>
  discrepancies
    .filter((discrepancy) => discrepancy.batch === batch)
    .map(({ kind, item }) => `${kind}: item ${item ?? "unknown"}`)

const reconciledLines = (
  reconciliation: Reconciliation | undefined,
  without: ReadonlyArray<string>,
): ReadonlyArray<string> =>
  reconciliation === undefined
    ? [
        `Not reconciled: ${without.join(", ")} gives no statement to read. With one from elsewhere: atlaspay reconcile --statements FOLDER`,
      ]
    : reconciliationLines(reconciliation)

const liveBlock = (batch: ShownBatch, { webhooks, events }: Partner): ReadonlyArray<string> => [
  ...currencyLines(batch),
  `  ${webhooks.verified.size} webhooks verified, ${events.size} events on NATS`,
  ...webhooks.latest.map((line) => `    webhook: ${line}`),
]

const plainLine = (batch: ShownBatch, { webhooks, events }: Partner): string =>
  `  ${batch.state}: ${stateCounts(batch)}; ${webhooks.verified.size} webhooks, ${events.size} events`

const closingLines = (
  { batch, items, banks, eventsDue }: Settlement,
  { webhooks, events }: Partner,
  { sums, resent }: Webhooks,
  files: FilesOfRun,
  tookMs: number,
): ReadonlyArray<string> => [
  "",
  `Finished after ${seconds(tookMs)} s, batch ${batch.state}: ${stateCounts(batch)}`,
  "",
  ...summaryTable(sumsOf(items), banks),
  "",
  ...bankLines(banks),
  ...fileLines(files),
  "",
  `Paid twice: ${banks.paidTwice}`,
  `Webhooks verified: ${webhooks.verified.size} of ${eventsDue} (${webhooks.repeated} repeated, ${webhooks.refused} refused)`,
  `Events on NATS: ${events.size} of ${eventsDue}`,
  "",
  ...webhookTable(sums),
  ...(resent === undefined ? [] : resentLines(resent)),
]

const resentLines = ({ event, isRepeated, attempts }: ResentWebhook): ReadonlyArray<string> => [
  "",
  isRepeated
    ? `Sent again: ${event}, and verified as a repetition of the same webhook-id`
    : `Sent again: ${event}, and not verified a second time`,
  ...attemptLines(attempts),
]

const fileLines = ({ folder, orders }: FilesOfRun): ReadonlyArray<string> =>
  orders.length === 0
    ? []
    : [
        "",
        `ISO 20022 files in ${folder}:`,
        ...orders.map((name) => `  taken/${name}   (orders)`),
        "  archive/   (the bank's answers: pain.002, camt.053, camt.054)",
      ]

const furtherLines = (batch: string, dataDir: string): ReadonlyArray<string> => {
  const folder = dataDirFlag(dataDir)
  return [
    "",
    "To look further, also after everything has stopped:",
    `  npm run atlaspay -- replay ${batch}${folder}   (every state of the batch)`,
    `  npm run atlaspay -- events ${batch}${folder}   (its log)`,
    `  npm run atlaspay -- batches show ${batch}${folder}`,
    "  npm run demo -- examples/payouts.csv",
    "  npm run demo -- --keep   (keeps running; GET /providers shows the state of each provider)",
  ]
}

const dataDirFlag = (dataDir: string): string => (dataDir === ".atlaspay" ? "" : ` --data-dir ${dataDir}`)

/** The closing line of `--json`; amounts are decimal strings. */
const jsonSummary = ({ batch, items, banks }: Settlement, { webhooks, events }: Partner, tookMs: number) => ({
  batchId: batch.id,
  state: batch.state,
  currencies: Object.fromEntries(
    [...sumsOf(items)].map(([currency, sums]) => [
      currency,
      Object.fromEntries(
        Object.entries(sums)
          // Nobody cancels in a demo. If somebody did, the summary shows it.
          .filter(([column, minor]) => column !== "cancelled" || minor > 0n)
          .map(([column, minor]) => [column, formatAmount(minor, currency)]),
      ),
    ]),
  ),
  items: countsOf(items),
  banks: Object.fromEntries(banks.byBank),
  paidTwice: banks.paidTwice,
  webhooksVerified: webhooks.verified.size,
  eventsPublished: events.size,
  seconds: Number(seconds(tookMs)),
})

/** The deliveries and what the receiver verified, by event type, and the delivery that was sent again. */
const webhooksJson = (endpoint: string, { sums, resent }: Webhooks) => ({
  endpoint,
  types: Object.fromEntries(sums),
  resent: resent ?? null,
})

const seconds = (milliseconds: number): string => (milliseconds / 1_000).toFixed(1)

const addressLines = (
  dataDir: string,
  { url, operationsUrl, sandbox, natsUrl }: LocalPlatform,
): ReadonlyArray<string> => [
  "",
  "Still running. Press Ctrl-C to stop.",
  `  API   ${url}  (the key of ${sandbox.partner} is in ${recordFile(dataDir)})`,
  `  Providers: curl -s ${operationsUrl}/providers`,
  `  Webhooks: npm run atlaspay -- webhooks deliveries --partner ${sandbox.partner}${dataDirFlag(dataDir)}`,
  ...Object.entries(sandbox.banks).map(([bank, books]) => `  Bank  ${bank} ${books}/books`),
  `  NATS  ${withoutCredentials(natsUrl)}  (its password is in ${dataDir}/nats/password)`,
]
