/** A collector that takes spans over OTLP/HTTP, and can be told to misbehave. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

/** A span as it came, with its attributes as an object. */
export interface ReceivedSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly status?: { readonly code: number; readonly message: string }
  readonly attributes: Readonly<Record<string, string | number | boolean>>
  readonly events: ReadonlyArray<{ readonly name: string }>
  /** Of the process that sent it. */
  readonly resource: Readonly<Record<string, string | number | boolean>>
}

type Answer = (response: ServerResponse) => void

/** How it answers: it takes spans, rejects some of them, fails with a status, says nothing, or is late. */
export const answers = {
  takes: (response: ServerResponse) =>
    void response.writeHead(200, { "content-type": "application/json" }).end("{}"),
  rejectsOne: (response: ServerResponse) =>
    void response
      .writeHead(200, { "content-type": "application/json" })
      .end(JSON.stringify({ partialSuccess: { rejectedSpans: "1", errorMessage: "no" } })),
  failsWith: (status: number) => (response: ServerResponse) =>
    void response.writeHead(status).end("x".repeat(100)),
  isSilent: () => {},
  isLate: (ms: number) => (response: ServerResponse) => void setTimeout(() => answers.takes(response), ms),
}

interface RawValue {
  readonly stringValue?: string
  readonly boolValue?: boolean
  readonly intValue?: string
  readonly doubleValue?: number
}
type RawAttributes = ReadonlyArray<{ readonly key: string; readonly value: RawValue }>
type RawSpan = Omit<ReceivedSpan, "attributes" | "resource" | "events"> & {
  readonly attributes: RawAttributes
  readonly events?: ReceivedSpan["events"]
}

const read = (attributes: RawAttributes) =>
  Object.fromEntries(
    attributes.map(({ key, value: { stringValue, boolValue, intValue, doubleValue } }) => [
      key,
      stringValue ?? boolValue ?? doubleValue ?? Number(intValue),
    ]),
  )

export class CollectorUnderTest implements AsyncDisposable {
  /** All spans that were taken, in order; a span that was sent again is there again. */
  readonly spans: Array<ReceivedSpan> = []
  /** Everything that came, as text. */
  readonly bodies: Array<string> = []
  readonly headers: Array<IncomingMessage["headers"]> = []
  answer: Answer = answers.takes
  readonly #server: Server

  private constructor(server: Server) {
    this.#server = server
  }

  static async open(port = 0): Promise<CollectorUnderTest> {
    const server = createServer((request, response) => void collector.#take(request, response))
    const collector = new CollectorUnderTest(server)
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve))
    return collector
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Array<Buffer> = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks).toString()
    this.headers.push(request.headers)
    this.bodies.push(body)
    if (request.url !== "/v1/traces" || request.method !== "POST") return answers.failsWith(404)(response)
    if (this.answer === answers.takes) this.#keep(body)
    this.answer(response)
  }

  #keep(body: string): void {
    const { resourceSpans } = JSON.parse(body) as {
      resourceSpans: ReadonlyArray<{
        resource: { attributes: RawAttributes }
        scopeSpans: ReadonlyArray<{ spans: ReadonlyArray<RawSpan> }>
      }>
    }
    for (const { resource, scopeSpans } of resourceSpans)
      for (const { spans } of scopeSpans)
        for (const { attributes, events = [], ...span } of spans)
          this.spans.push({
            ...span,
            events,
            attributes: read(attributes),
            resource: read(resource.attributes),
          })
  }

  /** The spans of a trace. One that was sent again counts as it was last. */
  trace(traceId: string): ReadonlyArray<ReceivedSpan> {
    const spans = this.spans.filter((span) => span.traceId === traceId)
    return [...new Map(spans.map((span) => [span.spanId, span])).values()]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

/** What is wrong with a trace as a tree: more than one beginning, or a parent that is not there. `caller` is the partner's own span. */
export const treeProblems = (spans: ReadonlyArray<ReceivedSpan>, caller?: string): ReadonlyArray<string> => {
  const ids = new Set(spans.map(({ spanId }) => spanId))
  const roots = spans.filter(({ parentSpanId }) => parentSpanId === caller)
  const lost = spans.filter(
    ({ parentSpanId }) => parentSpanId !== undefined && parentSpanId !== caller && !ids.has(parentSpanId),
  )
  const attempts = spans
    .filter(({ name }) => name === "payout attempt")
    .map(({ attributes }) => `${attributes["atlaspay.item"]}-${attributes["atlaspay.attempt"]}`)
  return [
    ...(roots.length === 1 ? [] : [`it begins ${roots.length} times: ${roots.map(({ name }) => name)}`]),
    ...lost.map(({ name, parentSpanId }) => `${name} is within ${parentSpanId}, which is not there`),
    ...(new Set(attempts).size === attempts.length ? [] : [`attempts are there twice: ${attempts}`]),
  ]
}

/** The tree as lines: each span indented under its parent, in order of their beginnings. */
export const drawn = (spans: ReadonlyArray<ReceivedSpan>): string => {
  const ids = new Set(spans.map(({ spanId }) => spanId))
  const childrenOf = (parent: string | undefined) =>
    spans
      .filter(({ parentSpanId }) =>
        parent === undefined ? !ids.has(parentSpanId ?? "") : parentSpanId === parent,
      )
      .toSorted((one, other) => Number(BigInt(one.startTimeUnixNano) - BigInt(other.startTimeUnixNano)))
  const lines = (parent: string | undefined, depth: number): ReadonlyArray<string> =>
    childrenOf(parent).flatMap(({ spanId, name }) => [
      `${"  ".repeat(depth)}${name}`,
      ...lines(spanId, depth + 1),
    ])
  return lines(undefined, 0).join("\n")
}
