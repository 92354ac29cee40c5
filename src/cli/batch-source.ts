/**
 * The source from which commands read a batch: the service if it runs, or else the log itself, so that you can look at
 * batches when nothing runs any more.
 */
import { Effect, Option, type Scope } from "effect"
import { type CommandClient, commandClient, type ShownBatch } from "../client/command-client.ts"
import { type Batch, emptyBatch } from "../domain/batch.ts"
import { evolve } from "../domain/evolve.ts"
import type { BatchId } from "../domain/identifiers.ts"
import type { Moment } from "../domain/moment.ts"
import { formatAmount } from "../domain/money.ts"
import { mapTotals, needsAttention, shownBatch } from "../domain/shown.ts"
import { shownEvent } from "../http/payout-batches/payout-batch-events.ts"
import { CliFailure } from "../terminal/cli-failure.ts"
import type { LogReader, readLog } from "./batch-log.ts"
import type { WrittenMoment } from "./flags.ts"
import { findService } from "./service-address.ts"

export interface BatchSource {
  /** The name of the source, for the screen. */
  readonly name: string
  readonly batch: (id: BatchId) => Effect.Effect<ShownBatch, CliFailure>
  /** The batch as it was at a moment. */
  readonly pastBatch: (id: BatchId, asOf: WrittenMoment) => Effect.Effect<ShownBatch, CliFailure>
  readonly events: (
    id: BatchId,
  ) => Effect.Effect<ReadonlyArray<Readonly<Record<string, unknown>>>, CliFailure>
}

/** The service, or else the log. */
export const batchSource = Effect.fn("batchSource")(function* (
  dataDir: string,
): Effect.fn.Return<BatchSource, CliFailure, Scope.Scope> {
  const service = yield* findService(dataDir)
  if (Option.isSome(service)) return fromService(commandClient(service.value), service.value.url)
  // Loads the clients of all servers, which a command that asks the service does not need.
  const { logReader, readLog } = yield* Effect.promise(() => import("./batch-log.ts"))
  return fromLog(yield* logReader(dataDir), readLog)
})

const fromService = (client: CommandClient, url: string): BatchSource => ({
  name: `service ${url}`,
  batch: (id) => client.batch(id),
  pastBatch: (id, { written }) => client.batch(id, written),
  events: (id) => client.events(id, 0),
})

/** The log itself. Keeps its fold, so that another look reads and folds only new events. */
export const fromLog = (read: LogReader, forEach: typeof readLog): BatchSource => {
  const folded = new Map<BatchId, Batch>()
  return {
    name: "log, because no service is running",
    batch: Effect.fnUntraced(function* (id) {
      const batch = folded.get(id) ?? emptyBatch()
      yield* forEach(read, id, batch.version, ({ event }) => evolve(batch, event))
      folded.set(id, batch)
      return batchFromLog(id, batch)
    }),
    pastBatch: Effect.fnUntraced(function* (id, asOf) {
      const batch = emptyBatch()
      let isPast = true
      yield* forEach(read, id, 0, ({ version, event }) => {
        isPast &&= isUpTo(asOf.moment, version, event.at)
        if (isPast) evolve(batch, event)
      })
      const isKnown = "version" in asOf.moment ? batch.version === asOf.moment.version : batch.version > 0
      if (!isKnown) return yield* new CliFailure({ reason: `The log has no state as of ${asOf.written}.` })
      return batchFromLog(id, batch)
    }),
    events: Effect.fnUntraced(function* (id) {
      const events: Array<Readonly<Record<string, unknown>>> = []
      yield* forEach(read, id, 0, (recorded) => events.push(shownEvent(recorded)))
      return events
    }),
  }
}

const isUpTo = (moment: Moment, version: number, at: number): boolean =>
  "version" in moment ? version <= moment.version : at <= moment.instant

/** A folded batch as `GET /payout-batches/:id` shows it. */
export const batchFromLog = (id: BatchId, batch: Batch): ShownBatch => {
  const { state, itemCount, version, totals, executeAt } = shownBatch(batch)
  return {
    id,
    state,
    itemCount,
    version,
    ...(executeAt === undefined ? {} : { executeAt: new Date(executeAt).toISOString() }),
    states: mapTotals(totals, ({ count, minor }, currency) => ({
      count,
      amount: formatAmount(minor, currency),
    })),
    needsAttention: needsAttention(state, totals),
  }
}
