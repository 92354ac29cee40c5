/** What twins were asked or answered that the documents of their providers do not describe, by their own count. */
import { Effect, Schema } from "effect"
import { CliFailure } from "../terminal/cli-failure.ts"

const Breaches = Schema.Struct({
  count: Schema.Int,
  shown: Schema.Array(Schema.Struct({ of: Schema.String, problems: Schema.Array(Schema.String) })),
})
const decode = Schema.decodeUnknownEffect(Breaches)

const SHOWN_MAX = 3

/** A sentence for each twin that has breaches. A twin that is held to no document has none. */
export const twinBreaches = Effect.fn("twinBreaches")(function* (twins: Readonly<Record<string, string>>) {
  const sentences: Array<string> = []
  for (const [name, url] of Object.entries(twins)) {
    const answer = yield* Effect.tryPromise({
      try: (signal) => fetch(`${url}/sandbox/breaches`, { signal }),
      catch: () => new CliFailure({ reason: `The twin ${name} does not answer.` }),
    })
    if (answer.status === 404) continue
    const json: unknown = yield* Effect.promise(() => answer.json())
    const { count, shown } = yield* decode(json).pipe(
      Effect.mapError(() => new CliFailure({ reason: `The twin ${name} does not say its breaches.` })),
    )
    const some = shown.flatMap(({ problems }) => problems).slice(0, SHOWN_MAX)
    if (count > 0) sentences.push(`${count} breaches of the document of ${name}: ${some.join("; ")}`)
  }
  return sentences
})
