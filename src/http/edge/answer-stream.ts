/**
 * Answers that are made while they are sent. The next part is made once the client has taken the one before it, so an answer
 * of any length needs the memory of a few parts. An answer that cannot be completed is cut off so that the client notices: its
 * connection is reset, and the end that HTTP marks is never sent.
 */
import { Cause, Effect, Exit, Option } from "effect"
import type { EdgeContext } from "./edge.ts"

export interface StreamTerms {
  /** Who is too slow to take a part in this time is disconnected. */
  readonly takenMsMax: number
  /** The whole answer may take so long; then it is cut off. */
  readonly lastsMsMax: number
  /** Called once, when the answer has ended, however it did. */
  readonly ended: () => void
}

/** Resets the connection of an answer that is under way. */
export const cutOff = ({ env: { outgoing } }: EdgeContext): void => {
  const { socket } = outgoing
  // The end of a connection is the end of the answer to a client of HTTP/1.0; a reset is not.
  if (socket !== null && socket.readyState !== "closed") socket.resetAndDestroy()
  outgoing.destroy()
}

/**
 * A body whose parts come from `part`, one after the other, until it gives `undefined`. If it fails, the failure is logged and
 * the answer is cut off.
 */
export const streamedBody = Effect.fnUntraced(function* <E, R>(
  c: EdgeContext,
  part: Effect.Effect<string | undefined, E, R>,
  { takenMsMax, lastsMsMax, ended }: StreamTerms,
) {
  const run = Effect.runPromiseExitWith(yield* Effect.context<R>())
  const { outgoing } = c.env
  const gone = new AbortController()
  const cutBecause = (reason: string) => {
    cutOff(c)
    return run(Effect.logWarning("answer cut off", { reason }))
  }
  const untilTaken = deadline(() => cutBecause("the client does not take it"))
  const untilEnd = deadline(() => cutBecause("it takes too long"))
  const end = () => {
    untilTaken.clear()
    untilEnd.clear()
    gone.abort()
    ended()
  }
  if (outgoing.closed) end()
  else outgoing.once("close", end)
  untilEnd.set(lastsMsMax)
  untilTaken.set(takenMsMax)
  return new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        untilTaken.clear()
        const exit = await run(part, { signal: gone.signal })
        if (gone.signal.aborted) return
        if (Exit.isFailure(exit)) {
          await cutBecause(reasonOf(exit.cause))
        } else if (exit.value === undefined) {
          controller.close()
        } else {
          untilTaken.set(takenMsMax)
          controller.enqueue(Buffer.from(exit.value))
        }
      },
      cancel: () => gone.abort(),
    },
    { highWaterMark: 0 },
  )
})

/** Names the failure; what a handler threw is named as a defect. */
const reasonOf = (cause: Cause.Cause<unknown>): string =>
  Option.match(Cause.findErrorOption(cause), {
    onNone: () => Cause.pretty(cause),
    onSome: (error) => Object(error)._tag ?? "failure",
  })

/** A time after which something happens, unless it is cleared or set anew. */
const deadline = (passed: () => void) => {
  let timer: NodeJS.Timeout | undefined
  const clear = () => clearTimeout(timer)
  return {
    clear,
    set: (ms: number) => {
      clear()
      timer = setTimeout(passed, ms)
    },
  }
}
