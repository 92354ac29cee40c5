/**
 * Group commit: requests that arrive during a write share the next one, so that many callers cost few round trips. Without
 * load, a request is written at once.
 */
import { Deferred, Effect, Exit, type Scope } from "effect"

interface Waiting<Request, Answer, Failure> {
  readonly request: Request
  readonly answer: Deferred.Deferred<Answer, Failure>
}

/**
 * Makes a function that passes its request to `write` together with others, at most `requestsMax` at a time, and gives
 * its own answer. `write` answers in the order of its requests, or fails for all of them. One write is under way at a
 * time. It runs in the scope, so an interrupted caller does not end it. A request whose caller was interrupted while it
 * waited for its turn is not written.
 */
export const groupCommit = <Request, Answer, Failure>(
  scope: Scope.Scope,
  write: (requests: ReadonlyArray<Request>) => Effect.Effect<ReadonlyArray<Answer>, Failure>,
  requestsMax: number,
): ((request: Request) => Effect.Effect<Answer, Failure>) => {
  const waiting: Array<Waiting<Request, Answer, Failure>> = []
  let writing = false

  const writeAll = Effect.gen(function* () {
    while (waiting.length > 0) {
      const group = waiting.splice(0, requestsMax)
      const exit = yield* Effect.exit(write(group.map(({ request }) => request)))
      for (const [index, { answer }] of group.entries())
        Deferred.doneUnsafe(
          answer,
          Exit.map(exit, (answers) => answers[index] as Answer),
        )
    }
    writing = false
  })

  const withdraw = (own: Waiting<Request, Answer, Failure>) => {
    const place = waiting.indexOf(own)
    if (place !== -1) waiting.splice(place, 1)
  }

  /** An interruption here would leave `writing` set without a write, and all later callers would wait forever. */
  const beginWriting = Effect.suspend(() => {
    if (writing) return Effect.void
    writing = true
    return Effect.forkIn(writeAll, scope)
  }).pipe(Effect.uninterruptible)

  return Effect.fnUntraced(function* (request: Request) {
    const answer = Deferred.makeUnsafe<Answer, Failure>()
    const own = { request, answer }
    waiting.push(own)
    yield* beginWriting
    return yield* Effect.onInterrupt(Deferred.await(answer), () => Effect.sync(() => withdraw(own)))
  })
}
