/**
 * Group commit: what is asked for while a step is under way waits, and the next step takes it together. Nothing waits while no
 * step is under way, so a lone request is not delayed.
 */
import { Effect, type Exit } from "effect"

interface Asked<One, Answer, Failure> {
  readonly one: One
  readonly resume: (answer: Effect.Effect<Answer, Failure>) => void
}

export interface GatherLimits<One> {
  readonly countMax: number
  /** What a step takes has at most this weight together, unless a single one is heavier. */
  readonly weightMax: number
  readonly weightOf: (one: One) => number
}

/**
 * Makes a function that answers for one from a step that answers for many, in their order. At most one step is under way. If a step fails, it fails for all that it took. Whoever is interrupted is not answered, but may
 * have been taken. What waits is bounded by the callers, because each waits for its answer.
 */
export const gathered = <One, Answer, Failure>(
  step: (all: ReadonlyArray<One>) => Effect.Effect<ReadonlyArray<Answer>, Failure>,
  limits: GatherLimits<One>,
): ((one: One) => Effect.Effect<Answer, Failure>) => {
  let waiting: Array<Asked<One, Answer, Failure>> = []
  let isUnderWay = false

  const next = (): void => {
    const taken = waiting.splice(0, fitting(waiting, limits))
    isUnderWay = taken.length > 0
    if (!isUnderWay) return
    const fiber = Effect.runFork(Effect.suspend(() => step(taken.map(({ one }) => one))))
    fiber.addObserver((exit: Exit.Exit<ReadonlyArray<Answer>, Failure>) => {
      for (const [at, { resume }] of taken.entries())
        resume(Effect.flatMap(exit, (answers) => answerAt(answers, at)))
      next()
    })
  }

  return (one) =>
    Effect.callback((resume) => {
      const asked = { one, resume }
      waiting.push(asked)
      if (!isUnderWay) {
        isUnderWay = true
        // What comes in the same turn of the event loop goes along.
        setImmediate(next)
      }
      return Effect.sync(() => {
        waiting = waiting.filter((other) => other !== asked)
      })
    })
}

const fitting = <One>(
  waiting: ReadonlyArray<{ readonly one: One }>,
  { countMax, weightMax, weightOf }: GatherLimits<One>,
): number => {
  let weight = 0
  const end = waiting.findIndex(({ one }, at) => {
    weight += weightOf(one)
    return at > 0 && (at >= countMax || weight > weightMax)
  })
  return end === -1 ? waiting.length : end
}

const answerAt = <Answer>(answers: ReadonlyArray<Answer>, at: number): Effect.Effect<Answer> =>
  at < answers.length
    ? Effect.succeed(answers[at] as Answer)
    : Effect.die(new Error(`a step answered for ${answers.length}, and not for number ${at}`))
