/**
 * What a process records of traces. Off by default, and then nobody does anything for it: whoever could record a span looks at
 * {@link Tracing} once, and finds nothing there.
 */
import { Clock, Context, Effect, Layer, Option, Redacted, References } from "effect"
import { AppConfig } from "../config.ts"
import type { BatchId } from "../domain/identifiers.ts"
import type { Trace } from "../domain/trace.ts"
import { connectCollector } from "./collector.ts"
import { type DropReason, exportSpans } from "./exporting.ts"
import { Allowance, type BatchTrace, batchTrace } from "./sampling.ts"
import type { Span } from "./span.ts"

/** Traces that partners ask to record, in each process: beyond these, a partner's wish does not count. */
const ASKED_PER_SECOND = 20
/** Traces that were not to be recorded, and are because their batches are slow or in trouble. */
const KEPT_PER_SECOND = 10
/** A slower request is recorded, unless {@link Recording.slowMs} is less. */
const SLOW_REQUEST_MS = 1_000

export interface Recording {
  /** Takes a span to be exported. Never waits, and never fails. */
  readonly record: (span: Span) => void
  /** The trace of a batch, by what its log says. */
  readonly traceOf: (batch: BatchId, trace: Trace | undefined) => BatchTrace
  /**
   * Whether the trace of a request is recorded: at the caller's wish within a limit, or by lot. Not by its id, which the caller may
   * have chosen.
   */
  readonly admits: (isAsked: boolean, now: number) => boolean
  /** Whether one more trace may be kept afterwards. What may not is counted. */
  readonly mayKeep: (now: number) => boolean
  /** A batch that takes longer, from accepted to closed, is kept. Milliseconds. */
  readonly slowMs: number
  readonly slowRequestMs: number
  /** Counts spans that are not exported. */
  readonly dropped: (reason: DropReason, spans?: number) => void
}

/** What this process records of traces; `undefined` if no collector is set. */
export const Tracing = Context.Reference<Recording | undefined>("atlaspay/traces/Tracing", {
  defaultValue: () => undefined,
})

/** Recording with these settings. `percent` of all traces are recorded. `draw` gives a number from 0 to below 1. */
export const recordingWith = (
  settings: { readonly percent: number; readonly slowMs: number },
  { record, dropped }: Pick<Recording, "record" | "dropped">,
  now: number,
  draw: () => number = Math.random,
): Recording => {
  const { percent, slowMs } = settings
  const asked = new Allowance(ASKED_PER_SECOND, now)
  const kept = new Allowance(KEPT_PER_SECOND, now)
  return {
    record,
    dropped,
    slowMs,
    slowRequestMs: Math.min(slowMs, SLOW_REQUEST_MS),
    traceOf: (batch, trace) => batchTrace(batch, trace, percent),
    admits: (isAsked, now) => (isAsked && asked.take(now)) || draw() * 100 < percent,
    mayKeep: (now) => {
      const may = kept.take(now)
      if (!may) dropped("too-many-kept")
      return may
    },
  }
}

/**
 * Exports spans as the settings say. Effect's own spans are switched off either way: without a tracer they cost time and memory for
 * nothing, and with one they would export messages and stacks of failures (docs/adr/0039).
 */
export const tracingLayer = (roles: ReadonlyArray<string>) =>
  Layer.merge(
    Layer.succeed(References.TracerEnabled, false),
    Layer.effect(
      Tracing,
      Effect.gen(function* () {
        const { endpoint, headers, serviceName, percent, slowMs } = (yield* AppConfig).traces
        if (Option.isNone(endpoint)) return undefined
        const secrets = Option.match(headers, { onNone: () => ({}), onSome: Redacted.value })
        const collector = yield* connectCollector(endpoint.value, secrets)
        const exporting = yield* exportSpans(collector, {
          "service.name": serviceName,
          "service.instance.id": `${process.pid}`,
          "atlaspay.roles": roles.join(","),
        })
        return recordingWith({ percent, slowMs }, exporting, yield* Clock.currentTimeMillis)
      }),
    ),
  )
