/** Orders of a bank of files for tests of its outbox, and writers of files that die on the way. */
import { Effect, Layer } from "effect"
import { transferReference } from "../../../../src/domain/identifiers.ts"
import { Postgres } from "../../../../src/platform/postgres.ts"
import { OutboxFiles } from "../../../../src/providers/banks/orders/outbox-files.ts"
import { batchId } from "../../../domain/batch-story.ts"
import type { FileBankUnderTest } from "./file-bank-under-test.ts"

export const place = (test: FileBankUnderTest, items: ReadonlyArray<number>, changes = {}) =>
  Effect.gen(function* () {
    const { transfer } = yield* test.port
    return yield* Effect.forEach(items, (item) => transfer(test.orderOf(item, changes)), { concurrency: 8 })
  })

export const range = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => from + index)
export const references = (items: ReadonlyArray<number>) =>
  items.map((item) => transferReference({ batch: batchId, item, attempt: 1 }))

/** Rows that still hold what an order said of its beneficiary. */
export const sealedOrders = ({ bank }: FileBankUnderTest) =>
  Effect.gen(function* () {
    const { query } = yield* Postgres
    const rows = yield* query(
      "count",
      (sql) => sql`select from file_orders where bank = ${bank.name} and sealed is not null`,
    )
    return rows.length
  })

export type Step = keyof OutboxFiles["Service"]

/** The record of files, in a process that dies right before or after its first such step. */
export const dying = (when: "before" | "after", step: Step) =>
  Layer.effect(
    OutboxFiles,
    Effect.map(OutboxFiles, (files) => {
      const through = files[step] as (...given: ReadonlyArray<unknown>) => Effect.Effect<unknown>
      const death = Effect.die("killed")
      const dies = (...given: ReadonlyArray<unknown>) =>
        when === "before" ? death : Effect.andThen(through(...given), death)
      return { ...files, [step]: dies }
    }),
  )
