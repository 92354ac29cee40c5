/**
 * Reads a bank's message without delaying other work. A small file is read at once. A larger one is read in its own
 * thread, one at a time, within bounds on memory and time, so a file that was made to be slow delays only itself.
 */
import { Worker } from "node:worker_threads"
import { Effect, Semaphore } from "effect"
import { type BankMessage, readBankMessage } from "./bank-message.ts"
import { type listsOf, type ThreadMessage, withLists } from "./message-parts.ts"
import { UnreadableFile } from "./unreadable-file.ts"

/** Files up to this size are read at once, which takes some ten milliseconds at worst. */
const AT_ONCE_BYTES_MAX = 16 * 1024
/** The largest file that is allowed takes a few seconds, and half a gigabyte. */
const READ_MS_MAX = 120_000
const MEMORY_MIB_MAX = 1_024

const program = new URL("./bank-message-thread.ts", import.meta.url)
const oneThread = Semaphore.makeUnsafe(1)

export const readMessage = (file: Uint8Array): Effect.Effect<BankMessage, UnreadableFile> =>
  file.length <= AT_ONCE_BYTES_MAX
    ? Effect.suspend(() => Effect.fromResult(readBankMessage(file)))
    : oneThread.withPermits(1)(readInThread(file))

const beyondBounds = (problem: string) => Effect.fail(new UnreadableFile({ place: "the file", problem }))

const readInThread = (file: Uint8Array): Effect.Effect<BankMessage, UnreadableFile> =>
  Effect.callback((resume) => {
    const thread = new Worker(program, {
      workerData: file,
      resourceLimits: { maxOldGenerationSizeMb: MEMORY_MIB_MAX },
    })
    const parts: Array<ReturnType<typeof listsOf>> = []
    let message: BankMessage | undefined
    const end = (outcome: Effect.Effect<BankMessage, UnreadableFile>) => {
      clearTimeout(deadline)
      resume(Effect.ensuring(outcome, stop))
    }
    const stop = Effect.promise(() => thread.terminate())
    const deadline = setTimeout(() => end(beyondBounds("takes too long to read")), READ_MS_MAX)
    thread.on("message", (part: ThreadMessage) => {
      switch (part._tag) {
        case "Unreadable":
          return end(Effect.fail(new UnreadableFile({ place: part.place, problem: part.problem })))
        case "Message":
          message = part.message
          return thread.postMessage("more")
        case "Part":
          parts.push(part)
          if (!part.isLast) return thread.postMessage("more")
          return end(message === undefined ? Effect.die("no message") : Effect.succeed(whole(message, parts)))
      }
    })
    thread.on("error", (error) =>
      end(isOutOfMemory(error) ? beyondBounds("takes too much memory to read") : Effect.die(error)),
    )
    return Effect.andThen(
      Effect.sync(() => clearTimeout(deadline)),
      stop,
    )
  })

const whole = (message: BankMessage, parts: ReadonlyArray<ReturnType<typeof listsOf>>): BankMessage =>
  withLists(message, {
    named: parts.flatMap(({ named }) => named),
    batches: parts.flatMap(({ batches }) => batches),
    unread: parts.flatMap(({ unread }) => unread),
  })

const isOutOfMemory = (error: unknown): boolean =>
  error instanceof Error && "code" in error && error.code === "ERR_WORKER_OUT_OF_MEMORY"
