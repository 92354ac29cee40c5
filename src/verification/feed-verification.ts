/**
 * The feeds of partitions against logs. An append writes its events and its entry in the feed in one step, so they have to agree on
 * where it begins and ends, and on both hashes; and nothing of a batch is appended after its last entry. A feed is trimmed from its
 * beginning only.
 */
import { Effect } from "effect"
import { unpacked } from "../archive/archived-chunk.ts"
import type { BatchId } from "../domain/identifiers.ts"
import type { FeedEntry } from "../streams/feed.ts"
import { isBefore } from "../streams/feed-position.ts"
import { LogEvidence, RecordEvidence } from "./evidence.ts"
import { entryOf, type Finding, type FindingKind } from "./finding.ts"

const PAGE = 500
/** Batches of which the last entry is remembered while a feed is read. Of others it is compared only within a page. */
const REMEMBERED_MAX = 200_000
const CHUNKS_READ_MAX = 4
const TAILS_READ_MAX = 1_000

/** What is wrong with a partition's feed; of some batches only, if they are given. */
export const verifyFeed = Effect.fn("verifyFeed")(function* (
  partition: number,
  only: ReadonlySet<BatchId> | undefined,
) {
  const logs = yield* LogEvidence
  const findings: Array<Finding> = []
  const latest = new Map<BatchId, FeedEntry>()
  let position = "0-0"
  const readTo = Effect.fnUntraced(function* (end: string) {
    while (isBefore(position, end)) {
      const page = yield* logs.feed(partition, position, PAGE)
      const last = page.at(-1)
      if (last === undefined) return
      position = last.id
      const meant = only === undefined ? page : page.filter(({ batch }) => only.has(batch))
      findings.push(...(yield* compare(meant, latest)))
      for (const entry of meant) {
        const before = latest.get(entry.batch)
        if (
          before === undefined
            ? entry.from === 1 && entry.base !== undefined && entry.base !== entry.batch
            : !follows(before, entry)
        )
          findings.push(
            of(
              entry,
              "gap",
              `what follows version ${before?.to ?? 0}`,
              `what follows version ${entry.from - 1}`,
            ),
          )
        latest.set(entry.batch, entry)
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
      findings.push(
        of({ ...entry, to: length }, "behind-log", `an entry up to ${length}`, `one up to ${entry.to}`),
      )
  }
  return findings
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

/** Followers stand at an entry of their feed, which never disappears while they do. */
export const verifyCursors = Effect.fn("verifyCursors")(function* () {
  const logs = yield* LogEvidence
  const { cursors } = yield* RecordEvidence
  const findings: Array<Finding> = []
  for (const { follower, partition, position, head } of yield* cursors) {
    if (position === "0-0" || !/^\d+-\d+$/.test(position) || partition >= logs.partitions) continue
    const entry = yield* logs.feedAt(partition, position)
    if (entry !== undefined && (head === undefined || entry.head === undefined || entry.head === head))
      continue
    findings.push({
      kind: entry === undefined ? "ahead-of-log" : "other-history",
      batch: entry?.batch,
      entry: entry === undefined ? undefined : entryOf(entry.to),
      expected: `${follower}'s entry ${position} in the feed of partition ${partition}`,
      found: entry === undefined ? "no such entry" : `one that ends with ${entry.head}`,
      store: "feed",
      wrong: undefined,
    })
  }
  return findings
})
