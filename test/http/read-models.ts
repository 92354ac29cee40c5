import { Effect, Layer } from "effect"
import { BatchQueries } from "../../src/projections/batch-queries.ts"
import { ReportQueries } from "../../src/projections/report-queries.ts"

type Queries = BatchQueries["Service"]

/** Reports that know nothing, except for what a test tells of them. */
export const reports = (known: Partial<ReportQueries["Service"]> = {}): Layer.Layer<ReportQueries> =>
  Layer.succeed(ReportQueries, {
    dailyTotals: () => Effect.succeed({ entries: [], next: undefined }),
    failures: () => Effect.succeed({ failures: [], attempts: {}, isCut: false }),
    batchActs: () => Effect.succeed([]),
    acts: () => Effect.succeed({ entries: [], next: undefined }),
    ...known,
  })

/** Read models that know nothing, except for what a test tells of them. */
export const readModels = (known: Partial<Queries> = {}): Layer.Layer<BatchQueries> =>
  Layer.succeed(BatchQueries, {
    batch: () => Effect.succeed(undefined),
    batches: () => Effect.succeed({ entries: [], next: undefined }),
    items: () => Effect.succeed(undefined),
    item: () => Effect.succeed(undefined),
    search: () => Effect.succeed({ entries: [], next: undefined }),
    wholeBatch: () => Effect.succeed(undefined),
    ...known,
  })
