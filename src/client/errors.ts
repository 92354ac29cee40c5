/** What can become of a call, besides its answer. Each class is one case, and all are an `AtlasPayError`. */

/** What an error says of its call. No field has the API key. */
export interface CallDetails {
  /** The method and the path: "POST /payout-batches". */
  readonly call: string
  /** The key that the call was sent under, if it had one: with it the call can be repeated, and does nothing twice. */
  readonly idempotencyKey: string | undefined
  /** How often the request was sent. */
  readonly tries: number
  /**
   * Whether nobody knows if the request was carried out: a try of it ended without an answer, or with an error of the service itself. Then
   * repeat it under the same `idempotencyKey`, and never under another one.
   */
  readonly mayBeDone: boolean
}

/** A call that did not end with the answer that it is for. */
export class AtlasPayError extends Error implements CallDetails {
  override readonly name: string = "AtlasPayError"
  readonly call: string
  readonly idempotencyKey: string | undefined
  readonly tries: number
  readonly mayBeDone: boolean

  constructor(reason: string, details: CallDetails, cause?: unknown) {
    super(`${details.call}: ${reason}`, cause === undefined ? undefined : { cause })
    this.call = details.call
    this.idempotencyKey = details.idempotencyKey
    this.tries = details.tries
    this.mayBeDone = details.mayBeDone
  }
}

/** A problem of one place of a request: a field of a body, or a row of a file. */
export interface PlaceProblem {
  /** JSON Pointer into the body (RFC 6901). */
  readonly pointer?: string
  /** From 1. */
  readonly item?: number
  readonly field?: string
  /** Of a file, from 1. */
  readonly line?: number
  readonly column?: string
  readonly detail: string
}

/** The members of a problem document (RFC 9457, section 3.1), and those that its type adds. */
export interface ProblemDocument {
  readonly type?: string
  readonly title: string
  readonly detail?: string
  readonly instance?: string
  readonly errors?: ReadonlyArray<PlaceProblem>
  readonly [member: string]: unknown
}

/** The service answered that it did not do what was asked (RFC 9457). docs/API.md says what to do about each type. */
export class Problem extends AtlasPayError {
  override readonly name: string = "Problem"
  /** The status code of HTTP, from 400 to 599. */
  readonly status: number
  /** "/problems/invalid-body", or "about:blank" if what answered was not the service but something before it. */
  readonly type: string
  readonly title: string
  readonly detail: string | undefined
  /** The id of this problem in the log of the service: give it to support. */
  readonly instance: string | undefined
  /** All members of the problem document. */
  readonly members: ProblemDocument
  /** How long the service asks to wait before another try; undefined if it does not. */
  readonly retryAfterMs: number | undefined

  constructor(
    status: number,
    members: ProblemDocument,
    details: CallDetails,
    retryAfterMs: number | undefined = undefined,
  ) {
    super(`${status} ${problemText(members)}`, details)
    this.status = status
    this.type = members.type ?? "about:blank"
    this.title = members.title
    this.detail = members.detail
    this.instance = members.instance
    this.members = members
    this.retryAfterMs = retryAfterMs
  }

  /** What is wrong, place by place: a hundred at most. */
  get errors(): ReadonlyArray<PlaceProblem> {
    return this.members.errors ?? []
  }
}

/**
 * The idempotency key was used before with another request. Read the batch in `batch` first: what is in it is paid by it. Never send
 * that under another key.
 */
export class KeyReused extends Problem {
  override readonly name = "KeyReused"
  /** The batch that was accepted under the key, or whose act was. */
  readonly batch: string

  constructor(batch: string, status: number, members: ProblemDocument, details: CallDetails) {
    super(status, members, details)
    this.batch = batch
  }
}

/** Nothing answered: the connection failed or broke off. */
export class NoAnswer extends AtlasPayError {
  override readonly name = "NoAnswer"
}

/** The answer, or the end of what was waited for, did not come in time. */
export class Timeout extends AtlasPayError {
  override readonly name = "Timeout"
}

/** What answered is not what the API answers: a proxy's page, another service, or more bytes than are read. */
export class UnusableAnswer extends AtlasPayError {
  override readonly name = "UnusableAnswer"
}

/** An export that was cut off, or has not as many items as it should: discard what came of it. */
export class IncompleteExport extends AtlasPayError {
  override readonly name = "IncompleteExport"
}

/** The caller's own `signal` ended the call. `cause` is its reason. */
export class Aborted extends AtlasPayError {
  override readonly name = "Aborted"
}

const PROBLEMS_SHOWN_MAX = 20

/** "The request body is invalid: Nothing was stored. …", and a line for each of the first places. */
const problemText = ({ title, detail, errors = [] }: ProblemDocument): string => {
  const lines = errors.slice(0, PROBLEMS_SHOWN_MAX).map((error) => `\n  ${placeOf(error)}: ${error.detail}`)
  return [title, ...(detail === undefined ? [] : [`: ${detail}`]), ...lines].join("")
}

const placeOf = ({ pointer, line, item, column }: PlaceProblem): string =>
  pointer ??
  [
    ...(line === undefined ? [] : [`line ${line}`]),
    ...(item === undefined ? [] : [`item ${item}`]),
    ...(column === undefined ? [] : [column]),
  ].join(", ")
