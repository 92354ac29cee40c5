import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { lifeOf, live } from "./batch-life.ts"
import { anotherProjector, caughtUp, rowsOf, tables } from "./read-model-stack.ts"
import { rebuildStack, rebuilt } from "./rebuild-stack.ts"

const livesOf = (partner: string, count: number) =>
  Effect.forEach(Array.from({ length: count }), (_, index) => live(lifeOf(partner, 8 + index * 5)))

layer(rebuildStack(2), { excludeTestServices: true })("a rebuild of the read models", (it) => {
  it.effect("gives what the projector had made, from the logs alone", () =>
    Effect.gen(function* () {
      yield* livesOf("acme", 4)
      yield* caughtUp.pipe(Effect.provide(anotherProjector()))
      const before = yield* tables
      assert.isNotEmpty(before.items)
      yield* rowsOf((sql) => sql`delete from payout_items where item = 2`)
      yield* rowsOf((sql) => sql`update payout_items set state = 'settled', version = 100000`)
      yield* rowsOf((sql) => sql`update payout_batches set state = 'settled'`)
      yield* rowsOf((sql) => sql`delete from payout_batch_days`)
      const { end } = yield* rebuilt
      assert.strictEqual(end.state, "switched")
      assert.deepStrictEqual(yield* tables, before)
    }),
  )
})
