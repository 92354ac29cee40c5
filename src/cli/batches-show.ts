import { Console, Effect } from "effect"
import { Command } from "effect/cli"
import { batchLines } from "../client/batch-lines.ts"
import { batchSource } from "./batch-source.ts"
import { batchId, dataDir, json } from "./flags.ts"

/** Shows where a batch stands. */
export const show = Command.make(
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
