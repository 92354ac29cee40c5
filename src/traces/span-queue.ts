import type { Span } from "./span.ts"

/** Spans of a process that wait to be sent, about 10 MB of them. */
export const SPANS_MAX = 8_192
/** Spans of one request to the collector. */
export const SPANS_TOGETHER_MAX = 512

/** Spans that wait to be sent, in order. A full queue takes no more: the beginning of what went wrong says most. */
export class SpanQueue {
  readonly #spans: Array<Span> = []
  readonly #dropped: () => void
  readonly #isEnough: () => void

  /** Calls `dropped` for each span that has no room, and `isEnough` when there are enough of them for a request. */
  constructor(dropped: () => void, isEnough: () => void) {
    this.#dropped = dropped
    this.#isEnough = isEnough
  }

  get length(): number {
    return this.#spans.length
  }

  add(span: Span): void {
    if (this.#spans.length >= SPANS_MAX) this.#dropped()
    else if (this.#spans.push(span) === SPANS_TOGETHER_MAX) this.#isEnough()
  }

  /** Takes the first spans, as many as a request has. */
  take(): ReadonlyArray<Span> {
    return this.#spans.splice(0, SPANS_TOGETHER_MAX)
  }
}
