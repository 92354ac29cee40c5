/**
 * Group commit: requests that come while a write is under way share the next one, so that many callers cost few round
 * trips. Under no load nobody waits for company.
 */
import { Deferred, Effect, Exit, type Scope } from "effect"

interface Waiting<Request, Answer, Failure> {
  readonly request: Request
  readonly answer: Deferred.Deferred<Answer, Failure>
}

/**
 * Makes a function that hands its request to `write` together with others, at most `requestsMax` at a time, and gives
 * its own part of the answers; `write` answers in the order of its requests, or fails for all of them. One write is
 * under way at a time. It ends with the scope, not with the caller that happened to start it.
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

  /** A caller that was interrupted in here would leave all that come later waiting for a write that never began. */
  const beginWriting = Effect.suspend(() => {
    if (writing) return Effect.void
    writing = true
    return Effect.forkIn(writeAll, scope)
  }).pipe(Effect.uninterruptible)

  return Effect.fnUntraced(function* (request: Request) {
    const answer = Deferred.makeUnsafe<Answer, Failure>()
    waiting.push({ request, answer })
    yield* beginWriting
    return yield* Deferred.await(answer)
  })
}
