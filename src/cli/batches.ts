/** `atlaspay batches`: submit, show and watch payout batches. */
import { Console, Effect } from "effect"
import { Command } from "effect/cli"
import { batchLines, currencyLines, openItems, stateCounts, stateLabel } from "../client/batch-lines.ts"
import { makeScreen } from "../terminal/screen.ts"
import { batchSource } from "./batch-source.ts"
import { submit } from "./batch-submission.ts"
import { asOf, batchId, dataDir, json } from "./flags.ts"
import { item } from "./item.ts"
import { listMatches } from "./list-matches.ts"

/** Shows the state of a batch. */
const show = Command.make(
  "show",
  { batchId, asOf, dataDir, json: json("Print the batch as one line of JSON") },
  Effect.fn(function* ({ batchId, asOf, dataDir, json }) {
    yield* Effect.scoped(
      Effect.gen(function* () {
        const source = yield* batchSource(dataDir)
        const batch = yield* asOf === undefined ? source.batch(batchId) : source.pastBatch(batchId, asOf)
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
  Command.withSubcommands([submit, show, item, listMatches, watch]),
)
