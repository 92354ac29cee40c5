/** The thread that reads one message of a bank, and returns it in parts, each on request. */
import { parentPort, workerData } from "node:worker_threads"
import { Result } from "effect"
import { readBankMessage } from "./bank-message.ts"
import type { ThreadMessage } from "./bank-message-reader.ts"

/** Transfers in one part: it takes a millisecond or two to receive them. */
const PART = 1_000

const post = (part: ThreadMessage): void => parentPort?.postMessage(part)

const outcome = readBankMessage(workerData as Uint8Array)
if (Result.isFailure(outcome)) {
  const { place, problem } = outcome.failure
  post({ _tag: "Unreadable", place, problem })
} else {
  const { named, ...message } = outcome.success
  let at = 0
  parentPort?.on("message", () => {
    const part = named.slice(at, at + PART)
    at += PART
    post({ _tag: "Named", named: part, isLast: at >= named.length })
  })
  post({ _tag: "Message", message: { ...message, named: [] } })
}
