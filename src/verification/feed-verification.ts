/**
 * The feeds of partitions against logs. An append writes its events and its entry in the feed in one step, so they have to agree on
 * where it begins and ends, and on both hashes; and nothing of a batch is appended after its last entry. A feed is trimmed from its
 * beginning only.
 */
import { Effect } from "effect"
import { unpacked } from "../archive/archived-chunk.ts"
import { type BatchId, isBatchId } from "../domain/identifiers.ts"
import { PROJECTION } from "../projections/read-models.ts"
import type { FeedEntry } from "../streams/feed.ts"
import { isBefore } from "../streams/feed-position.ts"
import { type CursorRow, LogEvidence, RecordEvidence } from "./evidence.ts"
import { entryOf, type Finding, type FindingKind } from "./finding.ts"

const PAGE = 500
/** Batches of which the last entry is remembered while a feed is read. Of others it is compared only within a page. */
const REMEMBERED_MAX = 200_000
const CHUNKS_READ_MAX = 4
const TAILS_READ_MAX = 1_000
/** How often what may be so for a moment only is looked at, and how long between. */
const LOOKS_MAX = 3
const LOOK_AGAIN_MS = 500

/**
 * Tells what is wrong with a partition's feed; of some batches only, if they are given. Of `unshown`, the versions of logs that the
 * read models do not show yet, it removes those that the feed has and the projector has not read.
 */
export const verifyFeed = Effect.fn("verifyFeed")(function* (
  partition: number,
  only: ReadonlySet<BatchId> | undefined,
  unshown: Map<BatchId, number>,
  tell: (findings: ReadonlyArray<Finding>) => void,
) {
  const logs = yield* LogEvidence
  const latest = new Map<BatchId, FeedEntry>()
  const projected =
    (yield* (yield* RecordEvidence).cursors).find(
      (cursor) => cursor.follower === PROJECTION && cursor.partition === partition,
    )?.position ?? "0-0"
  let position = "0-0"
  const readTo = Effect.fnUntraced(function* (end: string) {
    while (isBefore(position, end)) {
      const page = yield* logs.feed(partition, position, PAGE)
      const last = page.at(-1)
      if (last === undefined) return
      position = last.id
      tell(page.filter((entry) => !isReadable(entry)).map(unreadable))
      const meant = page.filter((entry) => isReadable(entry) && only?.has(entry.batch) !== false)
      tell(yield* compare(meant, latest))
      for (const entry of meant) {
        const before = latest.get(entry.batch)
        if (!(before === undefined ? mayBegin(entry) : follows(before, entry)))
          tell([
            of(
              entry,
              "gap",
              `what follows version ${before?.to ?? 0}`,
              `what follows version ${entry.from - 1}`,
            ),
          ])
        latest.set(entry.batch, entry)
        const isToBeRead = isBefore(projected, entry.id)
        if (isToBeRead && entry.to >= (unshown.get(entry.batch) ?? Infinity)) unshown.delete(entry.batch)
      }
      if (latest.size > REMEMBERED_MAX) latest.clear()
    }
  })
  yield* readTo(yield* logs.feedEnd(partition))
  const batches = [...latest.keys()]
  const lengths: Array<number> = []
  for (let at = 0; at < batches.length; at += TAILS_READ_MAX)
    lengths.push(...(yield* logs.lengths(batches.slice(at, at + TAILS_READ_MAX))))
  // What was appended until then is in the feed by now.
  yield* readTo(yield* logs.feedEnd(partition))
  for (const [index, batch] of batches.entries()) {
    const [entry, length = 0] = [latest.get(batch), lengths[index]]
    if (entry !== undefined && entry.to < length)
      tell([of({ ...entry, to: length }, "behind-log", `an entry up to ${length}`, `one up to ${entry.to}`)])
  }
})

/** An entry names a batch, and versions of it. */
const isReadable = ({ batch, from, to }: FeedEntry): boolean =>
  isBatchId(batch) && Number.isSafeInteger(to) && Number.isSafeInteger(from) && 1 <= from && from <= to

const unreadable = ({ id, batch }: FeedEntry): Finding => ({
  kind: "unreadable",
  batch: isBatchId(batch) ? batch : undefined,
  entry: undefined,
  expected: "a batch and versions of it",
  found: `others in entry ${id} of the feed`,
  store: "feed",
  wrong: "feed",
})

/** The first entry of a batch that the feed still has: that of its receipt follows nothing. */
const mayBegin = ({ batch, from, base }: FeedEntry): boolean =>
  from !== 1 || base === undefined || base === batch

/**
 * Logs that are longer than what the read models show, and that no append announced which the projector has yet to read: an append was
 * forged, or a row lost. A feed is trimmed only as far as the projector came, so rows are read after it; and twice, as they may be
 * exchanged for rebuilt ones. `unshown` is what {@link verifyFeed} left.
 */
export const unannounced = Effect.fn("unannounced")(function* (unshown: ReadonlyMap<BatchId, number>) {
  const first = yield* behind([...unshown])
  if (first.length === 0) return []
  yield* Effect.sleep(LOOK_AGAIN_MS)
  return (yield* behind(first)).map(([batch, version, shown]) =>
    of(
      { batch, from: shown + 1, to: version },
      "behind-log",
      `read models that show version ${version}, or an entry that the projector will read`,
      `version ${shown}, and no such entry`,
    ),
  )
})

/** Those of which the read models still show an earlier version, and which. */
const behind = Effect.fnUntraced(function* (logs: ReadonlyArray<readonly [BatchId, number, number?]>) {
  const { records } = yield* RecordEvidence
  const found: Array<readonly [batch: BatchId, version: number, shown: number]> = []
  for (let at = 0; at < logs.length; at += TAILS_READ_MAX) {
    const page = logs.slice(at, at + TAILS_READ_MAX)
    const rows = yield* records(page.map(([batch]) => batch))
    for (const [index, [batch, version]] of page.entries()) {
      const shown = rows[index]?.shown?.version ?? 0
      if (shown < version) found.push([batch, version, shown])
    }
  }
  return found
})

/** Hashes are absent in entries of earlier releases. */
const follows = (before: FeedEntry, { from, base }: FeedEntry): boolean =>
  before.to === from - 1 && (before.head === undefined || base === undefined || before.head === base)

/** Compares entries with the two events that each names. One that follows a known entry begins where that one ends. */
const compare = Effect.fnUntraced(function* (
  entries: ReadonlyArray<FeedEntry>,
  latest: ReadonlyMap<BatchId, FeedEntry>,
) {
  const { at } = yield* LogEvidence
  const before = new Set(latest.keys())
  const places: Array<Place> = []
  for (const { batch, from, to, base, head } of entries) {
    if (!before.has(batch) && from > 1) places.push({ batch, from, version: from - 1, expected: base })
    before.add(batch)
    places.push({ batch, from, version: to, expected: head })
  }
  const found = yield* at(places)
  const findings: Array<Finding> = []
  for (const [index, place] of places.entries()) {
    const { batch, from, version, expected } = place
    const hash = found[index]?.[1][3] ?? (yield* archivedHash(batch, version))
    const about = { batch, from, to: version }
    if (hash === undefined) findings.push(of(about, "ahead-of-log", `version ${version}`, "no such version"))
    else if (expected !== undefined && hash !== expected)
      findings.push(of(about, "other-history", `${expected} at version ${version}`, hash))
  }
  return findings
})

/** A version of a log, and the hash that an entry of the feed, which begins at `from`, has of it. */
interface Place {
  readonly batch: BatchId
  readonly from: number
  readonly version: number
  readonly expected: string | undefined
}

/** The hash of a log at a version in the archive. */
const archivedHash = Effect.fnUntraced(function* (batch: BatchId, version: number) {
  const { chunks } = yield* RecordEvidence
  let after = { batch: "", after: 0 } as { readonly batch: string; readonly after: number }
  for (;;) {
    const page = yield* chunks([batch], after, CHUNKS_READ_MAX)
    const chunk = page.find((one) => version > one.after && version <= one.version)
    if (chunk !== undefined) {
      const entries = yield* Effect.orElseSucceed(unpacked(chunk), () => [])
      return entries[version - chunk.after - 1]?.[1][3]
    }
    const last = page.at(-1)
    if (last === undefined || page.length < CHUNKS_READ_MAX) return undefined
    after = last
  }
})

const of = (
  { batch, from, to }: Pick<FeedEntry, "batch" | "from" | "to">,
  kind: FindingKind,
  expected: string,
  found: string,
): Finding => ({
  kind,
  batch,
  entry: entryOf(Math.max(to, 1)),
  from: entryOf(Math.max(1, Math.min(from, to))),
  expected,
  found,
  store: "feed",
  wrong: undefined,
})

/**
 * Followers stand at an entry of their feed, which never disappears while they do. One that moves on lets the entry before be trimmed: so
 * those that seem astray are looked at again where they stand by then.
 */
export const verifyCursors = Effect.fn("verifyCursors")(function* () {
  const { cursors } = yield* RecordEvidence
  let astray = yield* astrayOf(yield* cursors)
  for (let looks = 1; looks < LOOKS_MAX && astray.length > 0; looks += 1) {
    const names = new Set(astray.map(({ cursor }) => placeOf(cursor)))
    yield* Effect.sleep(LOOK_AGAIN_MS)
    astray = yield* astrayOf((yield* cursors).filter((cursor) => names.has(placeOf(cursor))))
  }
  return astray.map(
    ({ cursor: { follower, partition, position }, entry }): Finding => ({
      kind: entry === undefined ? "ahead-of-log" : "other-history",
      batch: entry?.batch,
      entry: entry === undefined ? undefined : entryOf(entry.to),
      expected: `${follower}'s entry ${position} in the feed of partition ${partition}`,
      found: entry === undefined ? "no such entry" : `one that ends with ${entry.head}`,
      store: "feed",
      wrong: undefined,
    }),
  )
})

const placeOf = ({ follower, partition }: CursorRow): string => `${follower} ${partition}`

/** Cursors that do not stand at their entry, and what is there instead. */
const astrayOf = Effect.fnUntraced(function* (cursors: ReadonlyArray<CursorRow>) {
  const { feedAt, partitions } = yield* LogEvidence
  const astray: Array<{ readonly cursor: CursorRow; readonly entry: FeedEntry | undefined }> = []
  for (const cursor of cursors) {
    const { partition, position, head } = cursor
    if (position === "0-0") continue
    const isPosition = /^\d+-\d+$/.test(position) && partition < partitions
    const entry = isPosition ? yield* feedAt(partition, position) : undefined
    if (entry === undefined || (head !== undefined && entry.head !== undefined && entry.head !== head))
      astray.push({ cursor, entry })
  }
  return astray
})
