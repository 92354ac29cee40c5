import type { BatchId } from "../domain/identifiers.ts"

/** The end of a log at some time: its version, and the hash of all events up to it. */
export interface LogTail {
  readonly batch: BatchId
  readonly version: number
  readonly head: string
}
