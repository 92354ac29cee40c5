/**
 * Verifies batches, a group at a time. Other stores are read before the logs: whatever they know of a log, it must then have, however
 * many events are added meanwhile. Only the register is read after them: what a log tells of a bank's answer is registered by then.
 *
 * A batch that moves between two reads can look wrong for a moment: its log is unlinked, restored, or gets a new attempt. So what
 * was found is looked for again, and only what is there each time is told.
 */
import { Effect } from "effect"
import { unpacked } from "../archive/archived-chunk.ts"
import { isQuiescent } from "../domain/batch.ts"
import type { BatchId } from "../domain/identifiers.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { AcceptedTransfers } from "./accepted-transfers.ts"
import { ArchiveCheck } from "./archive-check.ts"
import { type BatchRecords, LogEvidence, RecordEvidence } from "./evidence.ts"
import { entryOf, type Finding, keyOf } from "./finding.ts"
import { LogCheck } from "./log-check.ts"
import { RegisterCheck } from "./register-check.ts"
import { claimsOf, rowFindings } from "./row-check.ts"

/** Entries of a log, chunks and attempts that one read may give. Opening events have up to 150 KB. */
const ENTRIES_READ_MAX = 500
const FIRST_ENTRIES_READ_MAX = 64
const CHUNKS_READ_MAX = 16
const ATTEMPTS_READ_MAX = 10_000
/** How often what was found is looked for again, and how long after. */
const LOOKS_MAX = 3
const LOOK_AGAIN_MS = 200

/**
 * A log that is longer than the read models show: its feed has to have the rest, as the projector has yet to read it. That holds for one
 * in the archive alone, too: what is archived was shown before.
 */
export interface UnshownLog {
  readonly batch: BatchId
  readonly version: number
}

/** What was looked at. */
export interface Verified {
  readonly events: number
  readonly findings: ReadonlyArray<Finding>
  readonly unshown: ReadonlyArray<UnshownLog>
}

/** One batch while its group is verified. */
interface Subject {
  readonly id: BatchId
  readonly records: BatchRecords
  readonly archive: ArchiveCheck
  /** The check of the log from where it is read: Redis, or the archive where Redis does not have it. */
  log: LogCheck | undefined
  readonly inRedis: boolean
  /** What Redis knows of an archived log. */
  standing: { readonly isRestored: boolean; readonly mayBeArchived: boolean } | undefined
}

/** Verifies a group of different batches, which is held in memory as a whole. */
export const verifyGroup = Effect.fn("verifyGroup")(function* (
  batches: ReadonlyArray<BatchId>,
  accepted: AcceptedTransfers,
) {
  const first = yield* look(batches, accepted)
  const { findings } = first
  if (findings.length === 0) return first
  const confirmed: Array<Finding> = []
  for (const batch of new Set(findings.map(({ batch }) => batch as BatchId)))
    confirmed.push(
      ...(yield* confirm(
        batch,
        findings.filter((finding) => finding.batch === batch),
        accepted,
      )),
    )
  return { ...first, findings: confirmed }
})

/** What is found of a batch each time that it is looked at. */
const confirm = Effect.fnUntraced(function* (
  batch: BatchId,
  first: ReadonlyArray<Finding>,
  accepted: AcceptedTransfers,
) {
  let found = first
  for (let looks = 1; looks < LOOKS_MAX && found.length > 0; looks += 1) {
    const again = yield* look([batch], accepted)
    const keys = new Set(found.map(keyOf))
    const same = again.findings.filter((finding) => keys.has(keyOf(finding)))
    if (same.length === found.length) return same
    found = same
    yield* Effect.sleep(LOOK_AGAIN_MS)
  }
  return found
})

const look = Effect.fnUntraced(function* (
  batches: ReadonlyArray<BatchId>,
  accepted: AcceptedTransfers,
): Effect.fn.Return<Verified, StoreUnavailable, LogEvidence | RecordEvidence> {
  const [logs, rows] = [yield* LogEvidence, yield* RecordEvidence]
  const lengths = yield* logs.lengths(batches)
  const records = yield* rows.records(batches)
  const subjects = batches.map((id, index): Subject => {
    const known = records[index]
    if (known === undefined) throw new Error("no records were read")
    return {
      id,
      records: known,
      archive: new ArchiveCheck(id),
      log: undefined,
      inRedis: (lengths[index] ?? 0) > 0,
      standing: undefined,
    }
  })
  yield* readArchive(subjects)
  yield* readLogs(subjects)
  const unscheduled = yield* compareOpen(subjects)
  const archived = subjects.filter(({ records }) => records.archived !== undefined)
  const standings = yield* logs.standing(archived.map(({ id }) => id))
  for (const [index, subject] of archived.entries()) subject.standing = standings[index]
  for (const { id, log } of subjects) if (log?.isSound) accepted.add(id, log.batch)
  const registered = yield* compareRegister(subjects)
  return {
    events: subjects.reduce((sum, { log }) => sum + (log?.events ?? 0), 0),
    findings: [
      ...subjects.flatMap((subject) => findingsOf(subject, logs.partitionOf(subject.id))),
      ...unscheduled,
      ...registered,
    ],
    unshown: subjects.flatMap(unshownLog),
  }
})

/** Reads and verifies the archived chunks; they are the log where Redis does not have it. */
const readArchive = Effect.fnUntraced(function* (subjects: ReadonlyArray<Subject>) {
  const { chunks } = yield* RecordEvidence
  const bySubject = new Map(subjects.map((subject) => [subject.id, subject]))
  const ids = [...bySubject.keys()]
  let after: { readonly batch: string; readonly after: number } = { batch: "", after: 0 }
  for (;;) {
    const page = yield* chunks(ids, after, CHUNKS_READ_MAX)
    for (const chunk of page) {
      const subject = bySubject.get(chunk.batch)
      if (subject === undefined) continue
      const entries = subject.archive.see(chunk, yield* Effect.result(unpacked(chunk)))
      if (subject.inRedis || entries.length === 0) continue
      const { records } = subject
      subject.log ??= new LogCheck(subject.id, "archive", claimsOf(records), records.leaves)
      const to = subject.records.archived?.version ?? 0
      for (const entry of entries) if (subject.log.version < to) subject.log.see(entry)
    }
    const last = page.at(-1)
    if (last === undefined || page.length < CHUNKS_READ_MAX) break
    after = last
  }
  for (const { archive, records } of subjects) archive.end(records.archived)
})

/** Reads the logs that are in Redis: their beginnings together, and what is longer page by page. */
const readLogs = Effect.fnUntraced(function* (subjects: ReadonlyArray<Subject>) {
  const { read } = yield* LogEvidence
  let open = subjects.filter(({ inRedis }) => inRedis)
  for (const subject of open)
    subject.log = new LogCheck(
      subject.id,
      "redis log",
      [...claimsOf(subject.records), ...subject.archive.claims],
      subject.records.leaves,
    )
  let limit = FIRST_ENTRIES_READ_MAX
  while (open.length > 0) {
    const pages = yield* read(
      open.map(({ id, log }) => ({ batch: id, after: log?.lastEntry ?? "0-0", limit })),
    )
    for (const [index, { log }] of open.entries()) for (const entry of pages[index] ?? []) log?.see(entry)
    open = open.filter((_, index) => pages[index]?.length === limit)
    limit = ENTRIES_READ_MAX
  }
})

/**
 * A batch that a machine has work on is among the open ones of its partition: the append that left the work put it there. Whatever else
 * is lost of its schedule comes back through it; without it nothing ever wakes its worker. Nothing is said of a log that went on meanwhile.
 */
const compareOpen = Effect.fnUntraced(function* (subjects: ReadonlyArray<Subject>) {
  const working = subjects.flatMap(({ id, inRedis, log }) =>
    inRedis && log?.isSound === true && log.version > 0 && !isQuiescent(log.batch) ? [{ id, log }] : [],
  )
  if (working.length === 0) return []
  const { opened } = yield* LogEvidence
  const answers = yield* opened(working.map(({ id }) => id))
  return working.flatMap(({ id, log: { version } }, index): ReadonlyArray<Finding> => {
    const { isOpen, length } = answers[index] ?? { isOpen: true, length: 0 }
    if (isOpen || length !== version) return []
    const found = "it is not there, and work is left"
    const about = { batch: id, entry: entryOf(version), store: "queues", wrong: "queues" } as const
    return [{ ...about, kind: "not-scheduled", expected: "the batch among the open ones", found }]
  })
})

/** After a loss of history was accepted, read models may be of the history that was lost. */
const unshownLog = ({ id, records, log }: Subject): ReadonlyArray<UnshownLog> =>
  log?.isSound === true && log.version > (records.shown?.version ?? 0) && !records.isLossAccepted
    ? [{ batch: id, version: log.version }]
    : []

const compareRegister = Effect.fnUntraced(function* (subjects: ReadonlyArray<Subject>) {
  const { attempts } = yield* RecordEvidence
  const checks = new Map(
    subjects.flatMap(({ id, log }) =>
      log?.isSound === true ? [[id, new RegisterCheck(id, log.batch)] as const] : [],
    ),
  )
  const ids = [...checks.keys()]
  let after: { readonly batch: string; readonly item: number; readonly attempt: number } = {
    batch: "",
    item: 0,
    attempt: 0,
  }
  while (ids.length > 0) {
    const page = yield* attempts(ids, after, ATTEMPTS_READ_MAX)
    for (const row of page) checks.get(row.batch)?.see(row)
    const last = page.at(-1)
    if (last === undefined || page.length < ATTEMPTS_READ_MAX) break
    after = last
  }
  return subjects.flatMap(({ id, records }) => checks.get(id)?.end(records) ?? [])
})

const findingsOf = (subject: Subject, partition: number): ReadonlyArray<Finding> => {
  const { id, records, archive, log } = subject
  const rows = rowFindings(id, partition, records, log?.isSound === true ? log : undefined)
  return [
    // A log that was unlinked while it was looked at is found in the archive the next time.
    ...(log === undefined || log.events === 0 ? [noLog(id, records)] : log.findings()),
    ...archive.findings,
    ...rows,
    ...standingFindings(subject),
  ]
}

/** An archived log is in Redis until it is unlinked, which Redis itself notes, and again once it was restored, which it notes too. */
const standingFindings = ({ id, records, inRedis, standing }: Subject): ReadonlyArray<Finding> => {
  const { archived } = records
  if (archived === undefined || standing === undefined) return []
  const about = { batch: id, entry: `${archived.version}-0`, store: "redis log", wrong: "redis log" } as const
  if (!inRedis && !standing.mayBeArchived)
    return [
      {
        ...about,
        kind: "no-log",
        from: "1-0",
        expected: "the log, or a note that it was unlinked",
        found: "neither; the archive has it",
      },
    ]
  if (inRedis && archived.unlinkedAt !== undefined && !standing.isRestored)
    return [
      {
        ...about,
        kind: "wrong-row",
        expected: "no log: it was unlinked",
        found: "a log that was not restored",
      },
    ]
  return []
}

const noLog = (batch: BatchId, records: BatchRecords): Finding => {
  const versions = claimsOf(records).map(({ version }) => version)
  const version = Math.max(0, records.archived?.version ?? 0, ...versions)
  return {
    kind: "no-log",
    batch,
    entry: version === 0 ? undefined : `${version}-0`,
    from: version === 0 ? undefined : "1-0",
    expected: version === 0 ? "a log" : `a log up to version ${version}`,
    found: "none",
    store: "redis log",
    wrong: "redis log",
  }
}
