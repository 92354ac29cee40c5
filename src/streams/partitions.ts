import { Context } from "effect"
import type { BatchId } from "../domain/identifiers.ts"

/** The partitions of the deployment. A hash of its id assigns each batch to one. */
export class Partitions extends Context.Service<
  Partitions,
  {
    readonly count: number
    /** The partition of a batch, from 0. */
    readonly of: (batch: BatchId) => number
  }
>()("atlaspay/streams/Partitions") {}
