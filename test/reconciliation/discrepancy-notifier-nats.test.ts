import { randomUUID } from "node:crypto"
import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { AppConfig } from "../../src/config.ts"
import { Nats } from "../../src/platform/nats.ts"
import type { Discrepancy } from "../../src/reconciliation/discrepancy.ts"
import { eventOf, streamOf } from "../../src/reconciliation/discrepancy-event.ts"
import { DiscrepancyNotifier } from "../../src/reconciliation/discrepancy-notifier.ts"
import { layer as onNats } from "../../src/reconciliation/discrepancy-notifier-nats.ts"
import { settings } from "../settings.ts"

const platform = onNats.pipe(
  Layer.provideMerge(Nats.layer),
  Layer.provideMerge(settings({ NATS_STREAM: `T${randomUUID().slice(0, 8)}` })),
)

const DAY = "2026-11-23"
const discrepancy = (reference: string): Discrepancy => ({
  kind: "payment-unknown",
  reference,
  expected: "nothing",
  found: "a payment",
})

const run = (at: number, ...references: ReadonlyArray<string>) =>
  Effect.flatMap(DiscrepancyNotifier, (notifier) =>
    notifier.notify({
      day: DAY,
      at,
      compared: { batches: 0, statementEntries: 0, ledgerLines: 0 },
      discrepancies: references.map(discrepancy),
      explained: { charges: [], count: 0, amounts: [] },
    }),
  )

const messages = Effect.gen(function* () {
  const stream = streamOf((yield* AppConfig).nats.stream)
  const { manager } = yield* Nats
  return (yield* Effect.promise(() => manager.streams.info(stream))).state.messages
})

layer(platform, { excludeTestServices: true })("discrepancies on NATS", (it) => {
  it.effect("are published once, however often a day is compared", () =>
    Effect.gen(function* () {
      yield* run(1, "r-1", "r-2")
      yield* run(2, "r-1", "r-2", "r-3")
      assert.strictEqual(yield* messages, 3)
    }),
  )

  it.effect("are published also on a subject that others used before, and then not again", () =>
    Effect.gen(function* () {
      const { stream } = (yield* AppConfig).nats
      const { jetstream, manager } = yield* Nats
      const { subject, body } = eventOf(stream, DAY, 1, discrepancy("r-9"))
      yield* Effect.promise(() => jetstream.publish(subject, body))
      const before = yield* messages
      yield* run(2, "r-9")
      yield* run(3, "r-9")
      assert.strictEqual((yield* messages) - before, 1)
      const last = yield* Effect.promise(() =>
        manager.streams.getMessage(streamOf(stream), { last_by_subj: subject }),
      )
      assert.include(last?.string(), new Date(2).toISOString())
    }),
  )
})
