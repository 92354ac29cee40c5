/** The thread that reads one message of a bank, and returns it in parts, each on request. */
import { parentPort, workerData } from "node:worker_threads"
import { Result } from "effect"
import { readBankMessage } from "./bank-message.ts"
import { listsOf, type ThreadMessage, withLists } from "./message-parts.ts"

/** Entries of each list in one part: it takes a millisecond or two to receive them. */
const PART = 1_000

const post = (part: ThreadMessage): void => parentPort?.postMessage(part)

const outcome = readBankMessage(workerData as Uint8Array)
if (Result.isFailure(outcome)) {
  const { place, problem } = outcome.failure
  post({ _tag: "Unreadable", place, problem })
} else {
  const message = outcome.success
  const lists = listsOf(message)
  const length = Math.max(...Object.values(lists).map((list) => list.length))
  let at = 0
  parentPort?.on("message", () => {
    const { named, batches, unread } = lists
    const end = at + PART
    const part = {
      named: named.slice(at, end),
      batches: batches.slice(at, end),
      unread: unread.slice(at, end),
    }
    at = end
    post({ _tag: "Part", ...part, isLast: at >= length })
  })
  post({ _tag: "Message", message: withLists(message, { named: [], batches: [], unread: [] }) })
}
