/**
 * Checks what the archive has of one log: chunks without gaps from the first event to the version that its row names, each the chain
 * from its base to its head. The heads are claims about the log, as other stores have them.
 */
import { Result } from "effect"
import type { ArchivedChunk } from "../archive/archived-chunk.ts"
import type { BatchId } from "../domain/identifiers.ts"
import type { CorruptEntry } from "../streams/event-store.ts"
import { chainStart } from "../streams/hash-chain.ts"
import type { StreamEntry } from "../streams/stream-entry.ts"
import type { Claim } from "./claims.ts"
import type { RecordedTail } from "./evidence.ts"
import { entryOf, type Finding, type FindingKind } from "./finding.ts"

/** The entries of a chunk, or why it has none. */
export type Unpacked = Result.Result<ReadonlyArray<StreamEntry>, CorruptEntry>

export class ArchiveCheck {
  /** What the archive claims of the log. */
  readonly claims: Array<Claim> = []
  readonly findings: Array<Finding> = []
  #version = 0
  #head: string
  readonly #batch: BatchId

  constructor(batch: BatchId) {
    this.#batch = batch
    this.#head = chainStart(batch)
  }

  /**
   * Takes the next chunk, by the version that it begins after, and what it unpacks to. Gives its entries, as far as they go on from
   * the chunk before: none of a chunk that is left from an attempt to archive which another one overtook.
   */
  see({ after, version, base, head }: ArchivedChunk, read: Unpacked): ReadonlyArray<StreamEntry> {
    this.claims.push({ store: "archive", version: after, head: base }, { store: "archive", version, head })
    if (Result.isFailure(read)) {
      const { entry, reason } = read.failure
      this.#found("archive-damaged", entry, "the archived text", reason, entryOf(version))
    }
    if (after < this.#version) return []
    const isNext = after === this.#version
    if (!isNext)
      this.#found("archive-gap", entryOf(this.#version + 1), "a chunk with it", `one after ${after}`)
    else if (base !== this.#head)
      this.#found("archive-damaged", entryOf(after + 1), `base ${this.#head}`, `base ${base}`)
    this.#version = version
    this.#head = head
    return isNext && Result.isSuccess(read) ? read.success : []
  }

  /** Compares what was seen with the row of the log, once there are no more chunks. */
  end(row: RecordedTail | undefined): void {
    if (row === undefined) return
    this.claims.push({ store: "archive", version: row.version, head: row.head })
    if (this.#version < row.version)
      this.#found(
        "archive-gap",
        entryOf(row.version),
        `events up to ${row.version}`,
        `events up to ${this.#version}`,
        undefined,
        entryOf(this.#version + 1),
      )
    else if (this.#version > row.version)
      // One statement stores a chunk and moves the row.
      this.#found(
        "archive-damaged",
        entryOf(this.#version),
        `events up to ${row.version}`,
        `events up to ${this.#version}`,
        undefined,
        entryOf(row.version + 1),
      )
    else if (this.#head !== row.head)
      this.#found("archive-damaged", entryOf(row.version), `head ${this.#head}`, `head ${row.head}`)
  }

  #found(
    kind: FindingKind,
    entry: string,
    expected: string,
    found: string,
    last: string = entry,
    from: string | undefined = entry === last ? undefined : entry,
  ): void {
    this.findings.push({
      kind,
      batch: this.#batch,
      entry: last,
      from,
      expected,
      found,
      store: "archive",
      wrong: "archive",
    })
  }
}
