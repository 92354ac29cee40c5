/**
 * What a process records of traces. Off by default, and then nobody does anything for it: whoever could record a span looks at
 * {@link Tracing} once, and finds nothing there.
 */
import { hostname } from "node:os"
import { Clock, Context, Effect, Layer, Option, Redacted, References } from "effect"
import { AppConfig } from "../config.ts"
import type { BatchId } from "../domain/identifiers.ts"
import type { Trace } from "../domain/trace.ts"
import { connectCollector } from "./collector.ts"
import { type DropReason, exportSpans } from "./exporting.ts"
import { Allowance, type BatchTrace, KnownTraces } from "./sampling.ts"
import type { Span } from "./span.ts"

/** Traces that callers ask to record, in each process: beyond these, a caller's wish does not count. */
const ASKED_PER_SECOND = 20
/** Traces that were not to be recorded, and are because a request or a batch was slow or in trouble. */
const KEPT_PER_SECOND = 10
/** A slower request is recorded, unless {@link Recording.slowMs} is less. */
const SLOW_REQUEST_MS = 1_000

/** Batches and mere requests have limits of their own: whoever calls often, or in vain, takes nothing from the batches. */
export type Traced = "batch" | "request"

export interface Recording {
  /** Takes a span to be exported. Never waits, and never fails. */
  readonly record: (span: Span) => void
  /**
   * Does a step for traces beside what they are about, which goes on if the step throws: that is a mistake of ours, and counted.
   * Everything that is done for traces in the middle of something else is done in here.
   */
  readonly beside: <A>(step: () => A) => A | undefined
  /** The trace of a batch, by what its log says. */
  readonly traceOf: (batch: BatchId, trace: Trace | undefined) => BatchTrace
  /**
   * Whether a trace is recorded of which a request tells: at the caller's wish within a limit, or by lot. Not by its id, which the
   * caller may have chosen.
   */
  readonly admits: (of: Traced, isAsked: boolean, now: number) => boolean
  /** Whether one more trace may be kept afterwards. What may not is counted. */
  readonly mayKeep: (of: Traced, now: number) => boolean
  /** A batch that takes longer, from accepted to closed, is kept. Milliseconds. */
  readonly slowMs: number
  readonly slowRequestMs: number
  /** Counts spans that are not exported. */
  readonly dropped: (reason: DropReason, spans?: number) => void
  /** Says what a mistake of ours threw. */
  readonly broke: (defect: unknown) => void
}

/** What this process records of traces; `undefined` if no collector is set. */
export const Tracing = Context.Reference<Recording | undefined>("atlaspay/traces/Tracing", {
  defaultValue: () => undefined,
})

/** Recording with these settings. `percent` of all traces are recorded. `draw` gives a number from 0 to below 1. */
export const recordingWith = (
  settings: { readonly percent: number; readonly slowMs: number },
  { record, dropped, broke }: Pick<Recording, "broke" | "dropped" | "record">,
  now: number,
  draw: () => number = Math.random,
): Recording => {
  const { percent, slowMs } = settings
  const traces = new KnownTraces(percent)
  const limits = (perSecond: number): Readonly<Record<Traced, Allowance>> => ({
    batch: new Allowance(perSecond, now),
    request: new Allowance(perSecond, now),
  })
  const [asked, kept] = [limits(ASKED_PER_SECOND), limits(KEPT_PER_SECOND)]
  return {
    record,
    dropped,
    broke,
    beside: (step) => {
      try {
        return step()
      } catch (defect) {
        dropped("defect")
        broke(defect)
        return undefined
      }
    },
    slowMs,
    slowRequestMs: Math.min(slowMs, SLOW_REQUEST_MS),
    traceOf: (batch, trace) => traces.of(batch, trace),
    admits: (of, isAsked, now) => (isAsked && asked[of].take(now)) || draw() * 100 < percent,
    mayKeep: (of, now) => {
      const may = kept[of].take(now)
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
          // In containers all processes may have the same number.
          "service.instance.id": `${hostname()}-${process.pid}`,
          "atlaspay.roles": roles.join(","),
        })
        return recordingWith({ percent, slowMs }, exporting, yield* Clock.currentTimeMillis)
      }),
    ),
  )
