/** Rows of the archive's tables, as adapters of the archive read them. */
import type { BatchId } from "../domain/identifiers.ts"
import type { ArchivedLog } from "../streams/log-archive.ts"
import type { ArchivedChunk } from "./archived-chunk.ts"

/** Columns of `archived_logs`. */
export interface LogRow {
  readonly batch: BatchId
  readonly version: number
  readonly head: string
  readonly archived_at: Date
  readonly unlinked_at: Date | null
  readonly reserved_name: BatchId | null
}

/** Columns of `archived_chunks`. */
export interface ChunkRow {
  readonly batch: BatchId
  readonly after: number
  readonly version: number
  readonly base: string
  readonly head: string
  readonly codec: string
  readonly events: Uint8Array
}

/** The log that a row describes. */
export const logOf = ({ batch, version, head, ...row }: LogRow): ArchivedLog => ({
  batch,
  version,
  head,
  archivedAt: row.archived_at.getTime(),
  unlinkedAt: row.unlinked_at?.getTime(),
  reservedName: row.reserved_name ?? undefined,
})

/** The chunk of a row. */
export const chunkOf = ({ batch, after, version, base, head, codec, events }: ChunkRow): ArchivedChunk => ({
  batch,
  after,
  version,
  base,
  head,
  codec,
  events: Buffer.from(events.buffer, events.byteOffset, events.byteLength),
})
