/** Reads an archived log back as all readers do. */
import { Effect } from "effect"
import type { LogTail } from "../register/log-tail.ts"
import { CorruptEntry } from "../streams/event-store.ts"
import { chainStart, linkOf } from "../streams/hash-chain.ts"
import type { LogArchive } from "../streams/log-archive.ts"

const PAGE_EVENTS = 2_000

/**
 * Verifies that the archive has a log from its first event to this tail, each event with its hash. A log with the same hash at this
 * version, wherever it is, is the same to the letter. Fails with {@link CorruptEntry} if not.
 */
export const verifyArchived = Effect.fnUntraced(function* (
  archive: LogArchive["Service"],
  { batch, version, head }: LogTail,
) {
  let [after, link] = [0, chainStart(batch)]
  const corrupt = (reason: string) => new CorruptEntry({ batch, entry: `${after + 1}-0`, reason })
  while (after < version) {
    const entries = yield* archive.entries(batch, after, Math.min(PAGE_EVENTS, version - after))
    const [first] = entries
    if (first === undefined) return yield* corrupt("the archive ends before it")
    const [, [, text = "", , hash = ""]] = first
    if (linkOf(link, text) !== hash) return yield* corrupt("the archive has another event in its place")
    after += entries.length
    link = entries.at(-1)?.[1][3] ?? ""
  }
  if (link !== head) return yield* corrupt("the archive has another log before it")
})
