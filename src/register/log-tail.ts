import type { BatchId } from "../domain/identifiers.ts"

/** How far a log had come: its version, and the hash of all events up to it. */
export interface LogTail {
  readonly batch: BatchId
  readonly version: number
  readonly head: string
}
