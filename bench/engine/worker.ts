/**
 * A worker of `npm run bench:engine` in a process of its own, which the intake forked. Takes its options from the
 * environment; tells its parent which batches it closed, and what it spent when it is asked.
 */
import "effect/schema/SchemaJITCompiler/enable"
import { Effect } from "effect"
import type { BatchId } from "../../src/domain/identifiers.ts"
import { type EngineOptions, engine, unobserved } from "./engine.ts"
import { noCalls } from "./providers.ts"

/** What a worker tells. */
export type Told =
  | { readonly closed: ReadonlyArray<BatchId> }
  | { readonly ready: true }
  | { readonly spent: { readonly transfers: number; readonly cpuSeconds: number } }

const tell = (told: Told): void => {
  process.send?.(told)
}

/** Closings of a moment go together: telling another process costs as much as an append. */
const TELL_EVERY_MS = 5
let closed: Array<BatchId> = []
const onClosed = (batch: BatchId): void => {
  if (closed.push(batch) > 1) return
  setTimeout(() => {
    tell({ closed })
    closed = []
  }, TELL_EVERY_MS)
}

const calls = noCalls()
const options = JSON.parse(process.env.ENGINE_OPTIONS ?? "{}") as EngineOptions

process.on("message", () => {
  const { user, system } = process.cpuUsage()
  tell({ spent: { transfers: calls.transfers, cpuSeconds: (user + system) / 1e6 } })
})

const ended = new Promise<void>((resolve) => process.once("disconnect", () => resolve()))
const serve = Effect.andThen(
  Effect.sync(() => tell({ ready: true })),
  Effect.promise(() => ended),
)
await Effect.runPromise(Effect.scoped(Effect.provide(serve, engine(options, calls, unobserved, onClosed))))
