import { Console, Effect } from "effect"
import { Command } from "effect/cli"
import { emptyBatch } from "../domain/batch.ts"
import { logReader, readLog } from "./batch-log.ts"
import { batchId, dataDir, json } from "./flags.ts"
import { closingLines, replayJson, replayLine, step } from "./replay-step.ts"

/** Prints every state of a batch: reads and folds the log, and calls no provider. */
export const replay = Command.make(
  "replay",
  { batchId, dataDir, json: json("Print each state as one line of JSON") },
  Effect.fn(function* ({ batchId, dataDir, json }) {
    yield* Effect.scoped(
      Effect.gen(function* () {
        const read = yield* logReader(dataDir)
        const batch = emptyBatch()
        yield* readLog(read, batchId, 0, (recorded) => {
          const taken = step(batch, recorded)
          console.log(json ? JSON.stringify(replayJson(taken)) : replayLine(taken))
        })
        if (!json) yield* Console.log(closingLines(batch).join("\n"))
      }),
    )
  }),
).pipe(Command.withDescription("Replay a batch's log and print each state"))
