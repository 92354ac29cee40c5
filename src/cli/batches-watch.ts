import { Effect } from "effect"
import { Command } from "effect/cli"
import { currencyLines, openItems, stateCounts } from "../client/batch-lines.ts"
import { makeScreen } from "../terminal/screen.ts"
import { batchSource } from "./batch-source.ts"
import { batchId, dataDir, json } from "./flags.ts"

const POLL = "250 millis"

/** Shows a batch while it settles, until each of its items is final or waits for a person. */
export const watch = Command.make(
  "watch",
  { batchId, dataDir, json: json("Print the batch as one line of JSON whenever it has changed") },
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
                [...currencyLines(batch), `  ${batch.state}`],
                `${batch.state}: ${stateCounts(batch)}`,
              )
          }
          shown = batch.version
          if (openItems(batch) === 0) return screen.settle()
          yield* Effect.sleep(POLL)
        }
      }),
    )
  }),
).pipe(Command.withDescription("Watch a batch until nothing of it moves any more"))
