/** `atlaspay batches`: submit, show and watch payout batches. */
import { randomUUID } from "node:crypto"
import { Console, Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { batchLines, currencyLines, openItems, stateCounts, stateLabel } from "../client/batch-lines.ts"
import { serviceClient } from "../client/service-client.ts"
import { CliFailure } from "../terminal/cli-failure.ts"
import { makeScreen } from "../terminal/screen.ts"
import { batchSource } from "./batch-source.ts"
import { batchId, dataDir, json } from "./flags.ts"
import { readPayoutFile } from "./payout-file.ts"
import { findService } from "./service-address.ts"
import { allowDuplicates, warningLines, withDuplicates } from "./submitted-duplicates.ts"

/** Posts a file to the service. Sends nothing if any row of the file is wrong. */
const submit = Command.make(
  "submit",
  {
    file: Argument.String("FILE").pipe(Argument.withDescription("A JSON or CSV file, see docs/CLI.md")),
    idempotencyKey: Flag.String("idempotency-key").pipe(
      Flag.withMetavar("KEY"),
      Flag.withDescription(
        "The key that names the batch permanently; repeat a submission with the same key. A new one by default",
      ),
      Flag.optional,
    ),
    allowDuplicates,
    dataDir,
    json: json("Print the answer as one line of JSON"),
  },
  Effect.fn(function* ({ file, idempotencyKey, allowDuplicates, dataDir, json }) {
    const body = withDuplicates((yield* readPayoutFile(file)).body, allowDuplicates)
    const service = yield* findService(dataDir)
    if (Option.isNone(service)) return yield* new CliFailure({ reason: noService })
    const key = Option.getOrElse(idempotencyKey, randomUUID)
    const accepted = yield* serviceClient(service.value)
      .submit(body, key)
      .pipe(
        Effect.mapError(
          ({ reason }) =>
            new CliFailure({ reason: `${reason}\nTo retry safely, add: --idempotency-key ${key}` }),
        ),
      )
    if (json) return yield* Console.log(JSON.stringify({ ...accepted, idempotencyKey: key }))
    yield* Console.log(`${accepted.id}: ${accepted.itemCount} items accepted under the key ${key}`)
    for (const line of warningLines(accepted.warnings ?? [])) yield* Console.log(line)
    yield* Console.log(`Follow it: atlaspay batches watch ${accepted.id}`)
  }),
).pipe(Command.withDescription("Submit a file of payouts to the service"))

const noService =
  "No running service found. Start one with npm start, or set ATLASPAY_URL and ATLASPAY_API_KEY."

/** Shows the state of a batch. */
const show = Command.make(
  "show",
  { batchId, dataDir, json: json("Print the batch as one line of JSON") },
  Effect.fn(function* ({ batchId, dataDir, json }) {
    yield* Effect.scoped(
      Effect.gen(function* () {
        const source = yield* batchSource(dataDir)
        const batch = yield* source.batch(batchId)
        if (json) return yield* Console.log(JSON.stringify(batch))
        yield* Console.log([...batchLines(batch), `from the ${source.name}`].join("\n"))
      }),
    )
  }),
).pipe(Command.withDescription("Show a batch by currency and state"))

const POLL = "250 millis"

/** Shows a batch while it settles, until each item is final or waits for a person. */
const watch = Command.make(
  "watch",
  { batchId, dataDir, json: json("Print the batch as one line of JSON on every change") },
  Effect.fn(function* ({ batchId, dataDir, json }) {
    yield* Effect.scoped(
      Effect.gen(function* () {
        const source = yield* batchSource(dataDir)
        const screen = makeScreen(process.stdout)
        if (!json) screen.line(`${batchId}, from the ${source.name}`)
        for (let shown = 0; ; ) {
          const batch = yield* source.batch(batchId)
          if (batch.version !== shown) {
            if (json) screen.line(JSON.stringify(batch))
            else
              screen.live(
                [...currencyLines(batch), `  ${stateLabel(batch)}`],
                `${stateLabel(batch)}: ${stateCounts(batch)}`,
              )
          }
          shown = batch.version
          if (openItems(batch) === 0) return screen.settle()
          yield* Effect.sleep(POLL)
        }
      }),
    )
  }),
).pipe(Command.withDescription("Watch a batch until every item is final or waits for an operator"))

export const batches = Command.make("batches").pipe(
  Command.withDescription("Submit, show and watch payout batches"),
  Command.withSubcommands([submit, show, watch]),
)
