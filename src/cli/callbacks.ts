import { Console, Effect } from "effect"
import { Command, Flag } from "effect/cli"
import { type KeptCallback, STRAYS_MAX } from "../streams/stray-callbacks.ts"
import { makeStrayCallbacks } from "../streams/stray-callbacks-redis.ts"
import { CliFailure } from "../terminal/cli-failure.ts"
import { aligned } from "../terminal/text-table.ts"
import { dataDir, json } from "./flags.ts"
import { openRedis } from "./redis-connection.ts"

export const callbacks = Command.make(
  "callbacks",
  {
    limit: Flag.Int("limit").pipe(
      Flag.withDescription(`How many to show, newest first; at most ${STRAYS_MAX} are kept`),
      Flag.withDefault(50),
    ),
    dataDir,
    json: json("Print each callback as one line of JSON"),
  },
  Effect.fn(function* ({ limit, dataDir, json }) {
    const strays = yield* Effect.scoped(
      Effect.flatMap(openRedis(dataDir), (redis) =>
        makeStrayCallbacks(redis, process.env.STREAM_PREFIX || "ap").list(limit),
      ),
    ).pipe(Effect.catchTag("StoreUnavailable", ({ reason }) => new CliFailure({ reason })))
    for (const line of json ? strays.map(callbackJson) : aligned(strays.map(cells))) yield* Console.log(line)
  }),
).pipe(Command.withDescription("List signed callbacks about transfers and clearances that are not ours"))

/** A stray callback as `--json` prints it: `heardAt` is the published name of the time at which it was received. */
export const callbackJson = ({ receivedAt, ...stray }: KeptCallback): string =>
  JSON.stringify({ ...stray, heardAt: receivedAt })

const cells = ({
  receivedAt,
  provider,
  reference,
  said,
  code,
  id,
  why,
}: KeptCallback): ReadonlyArray<string> => [
  new Date(receivedAt).toISOString(),
  provider,
  reference,
  said,
  code ?? "",
  id ?? "",
  why,
]
