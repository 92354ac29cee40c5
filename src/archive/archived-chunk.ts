/**
 * A part of an archived log: its events without gaps as text, an event and its hash on a line each, compressed. A chunk says which
 * hash its first event follows, so the chunks of a log are chained as its events are, and none can be changed, left out or taken from
 * another log unseen.
 */
import { promisify } from "node:util"
import { constants, zstdCompress, zstdDecompress } from "node:zlib"
import { Effect, Result } from "effect"
import type { BatchId } from "../domain/identifiers.ts"
import { inSlices } from "../parsing/turns.ts"
import { CorruptEntry } from "../streams/event-store.ts"
import { linkOf } from "../streams/hash-chain.ts"
import type { StreamEntry } from "../streams/stream-entry.ts"

/** How chunks are compressed now (RFC 8878). Chunks keep the name of theirs, so that another way can follow. */
export const CODEC = "zstd"
/** A chunk ends at the event with which it has so many events, or characters of text. */
export const CHUNK_EVENTS_MAX = 2_000
export const CHUNK_CHARACTERS_MAX = 1024 * 1024
/** Bytes of text that a chunk can have: more than those above and the largest event together. A text that unpacks to more is not ours. */
const CHUNK_BYTES_MAX = 64 * 1024 * 1024
/** The level of zstd: the next one costs twice the time for a hundredth of the size. */
const LEVEL = 3

const compress = promisify(zstdCompress)
const decompress = promisify(zstdDecompress)

/** The events of a batch after version `after` up to `version`: `base` is the hash that the first one follows, `head` that of the last. */
export interface ArchivedChunk {
  readonly batch: BatchId
  readonly after: number
  readonly version: number
  readonly base: string
  readonly head: string
  readonly codec: string
  readonly events: Buffer
}

/** Compresses lines: an event, then its hash. The work is done beside the event loop. */
export const packed = (lines: string): Effect.Effect<Buffer> =>
  Effect.promise(() =>
    compress(Buffer.from(lines), { params: { [constants.ZSTD_c_compressionLevel]: LEVEL } }),
  )

/**
 * The entries of a chunk as their stream had them: `<version>-0`, fields `e` and `h`. Fails if the chunk cannot be decompressed, or is not
 * the chain from its `base` to its `head`; the failure names the first entry that is wrong.
 */
export const unpacked = Effect.fnUntraced(function* (
  chunk: ArchivedChunk,
): Effect.fn.Return<ReadonlyArray<StreamEntry>, CorruptEntry> {
  const { batch, after, codec, events } = chunk
  const corrupt = (reason: string) => new CorruptEntry({ batch, entry: `${after + 1}-0`, reason })
  if (codec !== CODEC)
    return yield* corrupt("its archived chunk is compressed in a way that this release does not know")
  const text = yield* Effect.tryPromise({
    try: () => decompress(events, { maxOutputLength: CHUNK_BYTES_MAX }),
    catch: () => corrupt("its archived chunk cannot be decompressed"),
  })
  return yield* Effect.flatMap(inSlices(entriesOf(chunk, text.toString())), Effect.fromResult)
})

/** Characters that are verified before other work gets its turn. */
const VERIFIED_AT_ONCE = 256 * 1024

function* entriesOf(
  { batch, after, version, base, head }: ArchivedChunk,
  text: string,
): Generator<void, Result.Result<ReadonlyArray<StreamEntry>, CorruptEntry>> {
  const entries: Array<StreamEntry> = []
  let [previous, from, yieldedAt] = [base, 0, 0]
  for (let next = after + 1; next <= version; next += 1) {
    if (from - yieldedAt > VERIFIED_AT_ONCE) {
      yield
      yieldedAt = from
    }
    const entry = `${next}-0`
    const corrupt = (reason: string) => Result.fail(new CorruptEntry({ batch, entry, reason }))
    const eventEnd = text.indexOf("\n", from)
    const hashEnd = eventEnd < 0 ? -1 : text.indexOf("\n", eventEnd + 1)
    if (hashEnd < 0) return corrupt("its archived chunk ends before it")
    const event = text.slice(from, eventEnd)
    const hash = text.slice(eventEnd + 1, hashEnd)
    if (linkOf(previous, event) !== hash)
      return corrupt("its hash in the archive does not follow from its predecessor: the archive was changed")
    entries.push([entry, ["e", event, "h", hash]])
    previous = hash
    from = hashEnd + 1
  }
  const wrong = (reason: string) => Result.fail(new CorruptEntry({ batch, entry: `${version}-0`, reason }))
  if (from !== text.length) return wrong("its archived chunk goes on after it")
  if (previous !== head) return wrong("its archived chunk names another hash")
  return Result.succeed(entries)
}
