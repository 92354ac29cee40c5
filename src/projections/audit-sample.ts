/**
 * Audits batches at random while the projector works: every so often one that is shown, and one that has a log. A difference is
 * logged as an error and counted; nothing is repaired.
 */
import { Effect, Layer } from "effect"
import { LOG_INDEX_START, LogIndex, type LogIndexCursor } from "../streams/log-index.ts"
import { nextBeat } from "../telemetry/beat.ts"
import { Metrics } from "../telemetry/metrics.ts"
import { auditBatches, auditSome } from "./audit-walk.ts"
import type { Difference } from "./difference.ts"

/** Larger batches are left to the command: a sample is little work. */
const ITEMS_MAX = 5_000
/** Names that are read for one. */
const NAMES_READ = 16
/** Differences of one sample that are logged; all are counted. */
const LOGGED_MAX = 20

/** Audits a sample each `everyMs` milliseconds; never if that is 0. */
export const auditSampleLayer = (everyMs: number) =>
  everyMs === 0
    ? Layer.empty
    : Layer.effectDiscard(Effect.flatMap(makeSample, (sample) => repeatedly(sample, everyMs)))

const repeatedly = <R>(sample: Effect.Effect<void, { readonly message: string }, R>, everyMs: number) =>
  sample.pipe(
    Effect.catch(({ message }) =>
      Effect.logWarning("the read models are not audited now", { reason: message }),
    ),
    (sampled) => Effect.andThen(nextBeat(everyMs), sampled),
    Effect.forever,
    Effect.forkScoped,
  )

/** One sample after the other: the walk over the logs goes on where the last one stopped. */
export const makeSample = Effect.gen(function* () {
  const { projectionDifferences } = yield* Metrics
  let cursor: LogIndexCursor | undefined
  return Effect.gen(function* () {
    let logged = 0
    const found = (difference: Difference) =>
      Effect.suspend(() => {
        projectionDifferences.inc({ table: difference.table })
        logged += 1
        return logged > LOGGED_MAX
          ? Effect.void
          : Effect.logError("the read models differ from the log", fieldsOf(difference))
      })
    yield* auditSome(1, ITEMS_MAX, found)
    const page = yield* (yield* LogIndex).page(cursor ?? LOG_INDEX_START, NAMES_READ)
    cursor = page.next
    // What was just opened is small; what is large was chosen from what is shown, or is not a sample.
    yield* auditBatches(page.batches.slice(0, 1), found)
  })
})

const fieldsOf = ({ event, ...difference }: Difference) => ({
  ...difference,
  ...(event === undefined ? {} : { event: event.type, eventVersion: event.version }),
})
