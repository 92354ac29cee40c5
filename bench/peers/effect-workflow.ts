/** Effect's workflow engine on its cluster: a workflow per batch, an activity per call. See README.md. */
import { PgClient } from "@effect/sql-pg"
import { Effect, Layer, Logger, ManagedRuntime, Redacted, Schema } from "effect"
import { ClusterWorkflowEngine, SingleRunner } from "effect/cluster"
import * as Digest from "effect/crypto/Digest"
import { Activity, Workflow } from "effect/workflow"
import { measure } from "./measure.ts"
import { ownDatabase } from "./own-database.ts"
import type { Work } from "./work.ts"

const CONNECTIONS = 20

const Settlement = Workflow.make("Settlement", {
  payload: { batch: Schema.String },
  idempotencyKey: ({ batch }) => batch,
})

const call = (name: string, act: () => Promise<string>) =>
  Activity.make({ name, success: Schema.String, execute: Effect.promise(act) })

const settlement = (work: Work, items: number) =>
  Settlement.toLayer(
    Effect.fnUntraced(function* ({ batch }) {
      yield* call("clearance", () => work.clear(batch))
      yield* Effect.forEach(
        Array.from({ length: items }, (_, item) => item),
        (item) => call(`transfer ${item}`, () => work.transfer(batch, item)),
        { concurrency: "unbounded", discard: true },
      )
      yield* call("posting", () => work.post(batch))
    }),
  )

await measure("effect-workflow", async (work, { items }) => {
  const database = await ownDatabase("atlaspay_bench_effect")
  const engine = ClusterWorkflowEngine.layer.pipe(
    Layer.provideMerge(SingleRunner.layer({ runnerStorage: "memory" })),
    Layer.provide([
      PgClient.layer({ url: Redacted.make(database.url), maxConnections: CONNECTIONS, multiplex: true }),
      Digest.layerWebCrypto,
    ]),
  )
  const runtime = ManagedRuntime.make(
    settlement(work, items).pipe(Layer.provideMerge(engine), Layer.provideMerge(Logger.layer([]))),
  )
  await runtime.context()
  return {
    run: (batch) => runtime.runPromise(Settlement.execute({ batch })),
    close: async () => {
      await runtime.dispose()
      await database.drop()
    },
  }
})
