/** The thread that reads one message of a bank, and hands it over in parts, each when it is asked for. */
import { parentPort, workerData } from "node:worker_threads"
import { Result } from "effect"
import { readBankMessage } from "./bank-message.ts"
import type { Said } from "./bank-message-reader.ts"

/** Transfers in one part: a millisecond or two to take over. */
const PART = 1_000

const say = (said: Said): void => parentPort?.postMessage(said)

const outcome = readBankMessage(workerData as Uint8Array)
if (Result.isFailure(outcome)) {
  const { place, problem } = outcome.failure
  say({ _tag: "Unreadable", place, problem })
} else {
  const { named, ...message } = outcome.success
  let at = 0
  parentPort?.on("message", () => {
    const part = named.slice(at, at + PART)
    at += PART
    say({ _tag: "Named", named: part, isLast: at >= named.length })
  })
  say({ _tag: "Message", message: { ...message, named: [] } })
}
