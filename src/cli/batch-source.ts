/**
 * Where the commands read a batch: from the service when one is there, else from the log itself, so that what was
 * paid can still be looked at when nothing runs any more.
 */
import { Effect, Option, type Scope } from "effect"
import { type ServiceClient, type ShownBatch, serviceClient } from "../client/service-client.ts"
import { type Batch, batchState, emptyBatch } from "../domain/batch.ts"
import { evolve } from "../domain/evolve.ts"
import type { BatchId } from "../domain/identifiers.ts"
import { formatAmount } from "../domain/money.ts"
import { shownEvent } from "../http/payout-batches/payout-batch-events.ts"
import type { CliFailure } from "../terminal/cli-failure.ts"
import { type LogReader, logReader, readLog } from "./batch-log.ts"
import { findService } from "./service-address.ts"

export interface BatchSource {
  /** What was read: for the reader of the screen. */
  readonly name: string
  readonly batch: (id: BatchId) => Effect.Effect<ShownBatch, CliFailure>
  readonly events: (
    id: BatchId,
  ) => Effect.Effect<ReadonlyArray<Readonly<Record<string, unknown>>>, CliFailure>
}

/** The service, or else the log. */
export const batchSource = Effect.fn("batchSource")(function* (
  dataDir: string,
): Effect.fn.Return<BatchSource, CliFailure, Scope.Scope> {
  const service = yield* findService(dataDir)
  return Option.isSome(service)
    ? fromService(serviceClient(service.value), service.value.url)
    : fromLog(yield* logReader(dataDir))
})

const fromService = (client: ServiceClient, url: string): BatchSource => ({
  name: `service ${url}`,
  batch: client.batch,
  events: (id) => client.events(id, 0),
})

/** Keeps what it has folded, so that to look again costs what is new. */
const fromLog = (read: LogReader): BatchSource => {
  const folded = new Map<BatchId, Batch>()
  return {
    name: "log, because no service is running",
    batch: Effect.fnUntraced(function* (id) {
      const batch = folded.get(id) ?? emptyBatch()
      yield* readLog(read, id, batch.version, ({ event }) => evolve(batch, event))
      folded.set(id, batch)
      return shownBatch(id, batch)
    }),
    events: Effect.fnUntraced(function* (id) {
      const events: Array<Readonly<Record<string, unknown>>> = []
      yield* readLog(read, id, 0, (recorded) => events.push(shownEvent(recorded)))
      return events
    }),
  }
}

const shownBatch = (id: BatchId, batch: Batch): ShownBatch => ({
  id,
  state: batchState(batch),
  itemCount: batch.itemCount,
  version: batch.version,
  ...(batch.executeAt === undefined ? {} : { executeAt: new Date(batch.executeAt).toISOString() }),
  states: Object.fromEntries(
    [...batch.tallies].map(([currency, states]) => [
      currency,
      Object.fromEntries(
        [...states]
          .filter(([, { count }]) => count > 0)
          .map(([state, { count, minor }]) => [state, { count, amount: formatAmount(minor, currency) }]),
      ),
    ]),
  ),
})
