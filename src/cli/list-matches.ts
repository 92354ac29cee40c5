/** `atlaspay batches matches`: what the compliance engine found on its lists about an item, from the log. */
import { Console, Effect } from "effect"
import { Command } from "effect/cli"
import { FoundMatches, type MatchedDecision } from "../streams/item-matches.ts"
import { CliFailure } from "../terminal/cli-failure.ts"
import { batchId, dataDir, json } from "./flags.ts"
import { itemNumber } from "./item.ts"

/** Reads the log itself: who may do that may see what reviewers see. */
export const listMatches = Command.make(
  "matches",
  { batchId, itemNumber, dataDir, json: json("Print each decision as one line of JSON") },
  Effect.fn(function* ({ batchId, itemNumber, dataDir, json }) {
    const found = new FoundMatches(itemNumber)
    yield* Effect.scoped(
      Effect.gen(function* () {
        const { logReader, readLog } = yield* Effect.promise(() => import("./batch-log.ts"))
        yield* readLog(yield* logReader(dataDir), batchId, 0, (recorded) => found.add(recorded))
      }),
    )
    if (!found.itemIsThere)
      return yield* new CliFailure({ reason: `The log of ${batchId} has no item ${itemNumber}.` })
    for (const decision of found.decisions)
      yield* Console.log(json ? JSON.stringify(shown(decision)) : matchLines(decision).join("\n"))
    if (!json && found.decisions.length === 0) yield* Console.log("no decision says what was found on lists")
  }),
).pipe(Command.withDescription("Show what the compliance engine found on its lists about an item"))

const shown = ({ at, ...decision }: MatchedDecision) => ({ at: new Date(at).toISOString(), ...decision })

/** A decision as `batches matches` prints it. */
export const matchLines = (decision: MatchedDecision): ReadonlyArray<string> => {
  const { at, decision: verdict, reason } = shown(decision)
  return [
    `${at}  ${verdict}${reason === undefined ? "" : `: ${reason}`}, by ${decision.listVersion}`,
    ...decision.matches.map(
      ({ name, lists, id, score, programs = [] }) =>
        `  ${score.toFixed(2)}  ${name}, ${lists.join(", ")} ${id}${programs.length === 0 ? "" : ` (${programs.join(", ")})`}`,
    ),
  ]
}
