/**
 * A worker of `npm run bench:engine` in a separate process, which the intake forked. Reads its options from the
 * environment. Notifies its parent of the batches that it closed, and reports what it spent when asked.
 */
import "effect/schema/SchemaJITCompiler/enable"
import { Effect } from "effect"
import type { BatchId } from "../../src/domain/identifiers.ts"
import { type EngineOptions, engine, unobserved } from "./engine.ts"
import { noCalls } from "./providers.ts"

/** A message of a worker to its parent. */
export type WorkerReport =
  | { readonly closed: ReadonlyArray<BatchId> }
  | { readonly ready: true }
  | { readonly spent: { readonly transfers: number; readonly cpuSeconds: number } }

const send = (report: WorkerReport): void => {
  process.send?.(report)
}

/** How long closings are collected: a message to another process costs as much as an append. */
const NOTIFY_EVERY_MS = 5
let closed: Array<BatchId> = []
const onClosed = (batch: BatchId): void => {
  if (closed.push(batch) > 1) return
  setTimeout(() => {
    send({ closed })
    closed = []
  }, NOTIFY_EVERY_MS)
}

const calls = noCalls()
const options = JSON.parse(process.env.ENGINE_OPTIONS ?? "{}") as EngineOptions

process.on("message", () => {
  const { user, system } = process.cpuUsage()
  send({ spent: { transfers: calls.transfers, cpuSeconds: (user + system) / 1e6 } })
})

const ended = new Promise<void>((resolve) => process.once("disconnect", () => resolve()))
const serve = Effect.andThen(
  Effect.sync(() => send({ ready: true })),
  Effect.promise(() => ended),
)
await Effect.runPromise(Effect.scoped(Effect.provide(serve, engine(options, calls, unobserved, onClosed))))
