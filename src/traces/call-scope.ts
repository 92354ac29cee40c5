/** How a call to a provider knows which part of which batch it is for. Both are absent unless traces are recorded. */
import { Context } from "effect"
import type { BatchTrace } from "./sampling.ts"
import { newSpanId, type Span, traceParent } from "./span.ts"

/** What calls are made for. The actor of a batch provides it for the calls that it starts. */
export interface CallScope {
  readonly trace: BatchTrace
  readonly ended: (call: EndedCall) => void
}

/** A call that ended. Of most calls nobody wants a span, so none is made before. */
export interface EndedCall {
  /** The transfer that it was about, within whose span it is to be put. */
  readonly reference: string | undefined
  readonly failure: string | undefined
  readonly span: () => CallSpan
}

/** The span of a call, without its place in the tree. */
export type CallSpan = Omit<Span, "parentId" | "traceId">

export const CallScope = Context.Reference<CallScope | undefined>("atlaspay/traces/CallScope", {
  defaultValue: () => undefined,
})

/** What the connection to the provider tells of a call that is under way. It changes in place. */
export interface CallUnderWay {
  /** The header of the request. */
  readonly traceparent: string
  method?: string
  /** The address of the provider. */
  url?: string
  status?: number
}

export const CallUnderWay = Context.Reference<CallUnderWay | undefined>("atlaspay/traces/CallUnderWay", {
  defaultValue: () => undefined,
})

/** What is known of a call when it begins. */
export interface CallBegun {
  readonly provider: string
  readonly step: string
  /** The reference of the transfer that it is about, if it is about one. */
  readonly about: string | undefined
  /** Epoch milliseconds. */
  readonly startedAt: number
}

/** A call that begins now, each try by itself. `end` makes its span: it took `ms`, and ended with an outcome or a failure. */
export const beginCall = (scope: CallScope, { provider, step, about, startedAt }: CallBegun) => {
  const { trace } = scope
  const spanId = newSpanId()
  const underWay: CallUnderWay = { traceparent: traceParent(trace.id, spanId, trace.isRecorded) }
  const end = (
    ms: number,
    { outcome, failure }: { outcome?: string | undefined; failure?: string | undefined },
  ) => {
    const { method, url, status } = underWay
    const span = (): CallSpan => ({
      spanId,
      name: `${provider} ${step}`,
      kind: "client",
      startedAt,
      endedAt: startedAt + ms,
      attributes: {
        "atlaspay.provider": provider,
        "atlaspay.step": step,
        ...(outcome === undefined ? {} : { "atlaspay.outcome": outcome }),
        ...(method === undefined ? {} : { "http.request.method": method }),
        ...(url === undefined ? {} : { "server.address": new URL(url).hostname }),
        ...(status === undefined ? {} : { "http.response.status_code": status }),
      },
      failure,
    })
    scope.ended({ reference: about, failure, span })
  }
  return { underWay, end }
}
