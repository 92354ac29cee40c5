import { Context } from "effect"
import type { BatchId } from "../domain/identifiers.ts"

/** The partitions of the deployment: batches are spread over them by a hash of their id. */
export class Partitions extends Context.Service<
  Partitions,
  {
    readonly count: number
    /** The partition that a batch is in, from 0. */
    readonly of: (batch: BatchId) => number
  }
>()("atlaspay/streams/Partitions") {}
