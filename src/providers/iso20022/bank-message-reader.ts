/**
 * Reads a bank's message without holding up others. A small file is read at once; a larger one in a thread of its own,
 * one at a time, with a bound on memory and time, so that a file that is made to be slow costs that file alone.
 */
import { Worker } from "node:worker_threads"
import { Effect, Semaphore } from "effect"
import { type BankMessage, readBankMessage } from "./bank-message.ts"
import type { Told } from "./transfer-word.ts"
import { UnreadableFile } from "./unreadable-file.ts"

/** What a thread says: first all but the transfers, then the transfers, as many at a time as are asked for. */
export type Said =
  | { readonly _tag: "Unreadable"; readonly place: string; readonly problem: string }
  | { readonly _tag: "Message"; readonly message: BankMessage }
  | { readonly _tag: "Named"; readonly named: ReadonlyArray<Told>; readonly isLast: boolean }

/** Files up to this size are read at once: some ten milliseconds at worst. */
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
    const named: Array<Told> = []
    let message: BankMessage | undefined
    const end = (outcome: Effect.Effect<BankMessage, UnreadableFile>) => {
      clearTimeout(deadline)
      resume(Effect.ensuring(outcome, stop))
    }
    const stop = Effect.promise(() => thread.terminate())
    const deadline = setTimeout(() => end(beyondBounds("takes too long to read")), READ_MS_MAX)
    thread.on("message", (said: Said) => {
      switch (said._tag) {
        case "Unreadable":
          return end(Effect.fail(new UnreadableFile({ place: said.place, problem: said.problem })))
        case "Message":
          message = said.message
          return thread.postMessage("more")
        case "Named":
          for (const told of said.named) named.push(told)
          if (!said.isLast) return thread.postMessage("more")
          return end(message === undefined ? Effect.die("no message") : Effect.succeed({ ...message, named }))
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

const isOutOfMemory = (error: unknown): boolean =>
  error instanceof Error && "code" in error && error.code === "ERR_WORKER_OUT_OF_MEMORY"
