/** What twins were asked or answered that the documents of their providers do not describe, by their own count. */
import { Effect, Schema } from "effect"
import { CliFailure } from "../terminal/cli-failure.ts"

const Breaches = Schema.Struct({
  count: Schema.Int,
  shown: Schema.Array(Schema.Struct({ of: Schema.String, problems: Schema.Array(Schema.String) })),
})
const decode = Schema.decodeUnknownEffect(Breaches)

const SHOWN_MAX = 3
const ANSWER_MS_MAX = 10_000

/** A sentence for each twin that has breaches. A twin that is held to no document has none. */
export const twinBreaches = Effect.fn("twinBreaches")(function* (twins: Readonly<Record<string, string>>) {
  const sentences: Array<string> = []
  for (const [name, url] of Object.entries(twins)) {
    const json = yield* Effect.tryPromise({
      try: async (interrupted): Promise<unknown> => {
        const signal = AbortSignal.any([interrupted, AbortSignal.timeout(ANSWER_MS_MAX)])
        const answer = await fetch(`${url}/sandbox/breaches`, { signal })
        return answer.status === 404 ? undefined : answer.json()
      },
      catch: () => new CliFailure({ reason: `The twin ${name} does not answer.` }),
    })
    if (json === undefined) continue
    const { count, shown } = yield* decode(json).pipe(
      Effect.mapError(() => new CliFailure({ reason: `The twin ${name} does not say its breaches.` })),
    )
    const some = shown.flatMap(({ problems }) => problems).slice(0, SHOWN_MAX)
    if (count > 0) sentences.push(`${count} breaches of the document of ${name}: ${some.join("; ")}`)
  }
  return sentences
})
