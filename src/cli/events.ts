import { Effect } from "effect"
import { Command } from "effect/cli"
import { batchSource } from "./batch-source.ts"
import { batchId, dataDir, json } from "./flags.ts"

/** Prints the log of a batch, with accounts masked. */
export const events = Command.make(
  "events",
  { batchId, dataDir, json: json("Print each event as one line of JSON") },
  Effect.fn(function* ({ batchId, dataDir, json }) {
    yield* Effect.scoped(
      Effect.gen(function* () {
        const source = yield* batchSource(dataDir)
        for (const event of yield* source.events(batchId))
          console.log(json ? JSON.stringify(event) : eventLine(event))
      }),
    )
  }),
).pipe(Command.withDescription("Print the events of a batch's log"))

const DETAILS_LENGTH_MAX = 120

const eventLine = ({ version, type, at, ...details }: Readonly<Record<string, unknown>>): string => {
  const text = JSON.stringify(details)
  const shown = text.length > DETAILS_LENGTH_MAX ? `${text.slice(0, DETAILS_LENGTH_MAX)}…` : text
  return `${String(version).padStart(5)} ${at} ${String(type).padEnd(17)} ${shown}`
}
