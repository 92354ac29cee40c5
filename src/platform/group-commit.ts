/**
 * Group commit: requests that arrive during a write share the next one, so that many callers cost few round trips. Without
 * load, a request is written at once.
 */
import { Effect, Exit, type Scope } from "effect"

/** A request, until its answer was given or its caller gave up. */
interface Waiting<Request, Answer, Failure> {
  readonly request: Request
  /** The answer, if it came before the caller began to wait for it. */
  answer: Effect.Effect<Answer, Failure> | undefined
  /** Gives the caller its answer. */
  resume: ((answer: Effect.Effect<Answer, Failure>) => void) | undefined
}

/** How long a request may take, and the failure of one that takes longer. It may still be written. */
export interface Patience<Failure> {
  readonly msMax: number
  readonly tooLate: Failure
}

/**
 * Makes a function that passes its request to `write` together with others, at most `requestsMax` at a time, and gives
 * its own answer. `write` answers in the order of its requests, or fails for all of them. One write is under way at a
 * time. It runs in the scope, so an interrupted caller does not end it. A request whose caller was interrupted, or whose
 * time was over, while it waited for its turn is not written.
 */
export const groupCommit = <Request, Answer, Failure>(
  scope: Scope.Scope,
  write: (requests: ReadonlyArray<Request>) => Effect.Effect<ReadonlyArray<Answer>, Failure>,
  requestsMax: number,
  patience?: Patience<Failure>,
): ((request: Request) => Effect.Effect<Answer, Failure>) => {
  type Own = Waiting<Request, Answer, Failure>
  const waiting: Array<Own> = []
  let writing = false

  const writeAll = Effect.gen(function* () {
    while (waiting.length > 0) {
      const group = waiting.splice(0, requestsMax)
      const exit = yield* Effect.exit(write(group.map(({ request }) => request)))
      for (const [index, own] of group.entries())
        give(
          own,
          Exit.map(exit, (answers) => answers[index] as Answer),
        )
    }
    writing = false
  })

  const give = (own: Own, answer: Effect.Effect<Answer, Failure>) => {
    own.answer = answer
    own.resume?.(answer)
  }

  const withdraw = (own: Own) => {
    const place = waiting.indexOf(own)
    if (place !== -1) waiting.splice(place, 1)
  }

  /** An interruption here would leave `writing` set without a write, and all later callers would wait forever. */
  const beginWriting = Effect.suspend(() => {
    if (writing) return Effect.void
    writing = true
    return Effect.forkIn(writeAll, scope)
  }).pipe(Effect.uninterruptible)

  const answerTo = (own: Own) =>
    Effect.callback<Answer, Failure>((resume) => {
      if (own.answer !== undefined) return resume(own.answer)
      const timer = patience && setTimeout(() => giveUp(own, resume, patience.tooLate), patience.msMax)
      own.resume = (answer) => {
        clearTimeout(timer)
        resume(answer)
      }
      return Effect.sync(() => {
        clearTimeout(timer)
        withdraw(own)
      })
    })

  const giveUp = (own: Own, resume: NonNullable<Own["resume"]>, tooLate: Failure) => {
    withdraw(own)
    resume(Effect.fail(tooLate))
  }

  return (request) =>
    Effect.suspend(() => {
      const own: Own = { request, answer: undefined, resume: undefined }
      waiting.push(own)
      return writing ? answerTo(own) : Effect.andThen(beginWriting, answerTo(own))
    })
}
