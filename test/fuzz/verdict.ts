/** What is wrong with what came back for one request. */
import type { AnswerChecks, CheckedOperation } from "../http/answer-checks.ts"
import { accountsIn } from "./payouts.ts"
import type { FuzzRequest } from "./request.ts"
import type { Exchange, WireAnswer } from "./wire.ts"

/** A kind that stays the same while the request is shrunk, and what was seen. */
export interface Finding {
  readonly kind: string
  readonly detail: string
}

/** What signs webhooks. Answers that create a secret show it once; a private key never leaves the service. */
const secretOfWebhooks = /whsec_[A-Za-z0-9+/]{16,}/g
const privateKey = /whsk_[A-Za-z0-9+/]{16,}/g

/** All account numbers that were sent, and other texts that only their owner may see. */
export class Canaries {
  readonly #accounts = new Set<string>()
  readonly #secrets: ReadonlyArray<string>

  constructor(secrets: ReadonlyArray<string>) {
    this.#secrets = secrets
  }

  sent(body: Buffer | undefined): void {
    if (body === undefined) return
    for (const account of accountsIn(body.toString("latin1"))) this.#accounts.add(account)
  }

  /** Those and the secrets of webhooks that are in a line of a log, shortened. */
  inLine(line: string): ReadonlyArray<string> {
    return [...this.in(line), ...[...line.matchAll(secretOfWebhooks)].map(([found]) => `…${found.slice(-4)}`)]
  }

  /** What of it is in a text, shortened: a report must not repeat it. */
  in(text: string): ReadonlyArray<string> {
    return [
      ...accountsIn(text).filter((account) => this.#accounts.has(account)),
      ...this.#secrets.filter((secret) => text.includes(secret)),
      ...[...text.matchAll(privateKey)].map(([found]) => found),
    ].map((found) => `…${found.slice(-4)}`)
  }
}

export interface Judge {
  readonly checks: AnswerChecks
  readonly operationOf: (operationId: string) => CheckedOperation
  readonly canaries: Canaries
}

/** Longer than any route takes, also under load. */
export const ANSWER_MS_MAX = 20_000

export const findingsIn = (
  request: FuzzRequest,
  exchange: Exchange,
  judge: Judge,
): ReadonlyArray<Finding> => {
  const { answers, end } = exchange
  const [first] = answers
  if (end === "refused") return [{ kind: "refused", detail: "the service takes no connection" }]
  if (end === "timeout") return [{ kind: "late", detail: `no end after ${ANSWER_MS_MAX} ms` }]
  if (first === undefined)
    return request.expects === "any" || request.cutsOff
      ? []
      : [{ kind: "no answer", detail: "the connection was closed without an answer" }]
  return answers.flatMap((answer, at) => [
    ...ofAll(request, answer, judge),
    ...(at === 0 ? ofFirst(request, answer, judge) : []),
  ])
}

/** What holds for every answer, whatever it answers. */
const ofAll = (request: FuzzRequest, answer: WireAnswer, { canaries }: Judge): ReadonlyArray<Finding> => {
  const { status, headers, text } = answer
  const isHonest = status === 503 && headers.has("retry-after")
  const leaked = isFileOfRejects(request, answer) ? [] : canaries.in(`${text}\n${[...headers].join("\n")}`)
  return [
    ...(status >= 500 && !isHonest
      ? [{ kind: `status ${status}`, detail: `${status} ${text.slice(0, 300)}` }]
      : []),
    ...(status === 0 ? [{ kind: "no HTTP", detail: "the answer has no status line" }] : []),
    ...(leaked.length === 0 ? [] : [{ kind: "leak", detail: `the answer contains ${leaked.join(", ")}` }]),
  ]
}

/** The rejected rows are what the client sent, in the form that it sent. */
const isFileOfRejects = ({ query }: FuzzRequest, { status, headers }: WireAnswer): boolean =>
  status === 400 && headers.has("rejected-rows") && query.some((one) => one.startsWith("rejects="))

const ofFirst = (request: FuzzRequest, answer: WireAnswer, judge: Judge): ReadonlyArray<Finding> => {
  if (request.expects === "any") return []
  if (request.expects === "problem") return problemFindings(request, answer)
  const { method, operationId } = request
  // A stream of events is cut off by the client.
  const isStream = answer.headers.get("content-type")?.startsWith("text/event-stream") === true
  if (!answer.isComplete && !isStream) return [{ kind: "incomplete", detail: "the body ends too early" }]
  const wrong = judge.checks.problemsOf(judge.operationOf(operationId), answer, method === "HEAD")
  return wrong.map((detail) => ({ kind: `document ${answer.status}`, detail }))
}

/** An address or a method that no operation has is refused with a problem (RFC 9457). */
const problemFindings = ({ method }: FuzzRequest, answer: WireAnswer): ReadonlyArray<Finding> => {
  const { status, headers, text } = answer
  // The method may happen to be that of another operation.
  if (status < 400 || status >= 500) return []
  if (method === "HEAD" || text === "") return []
  const type = headers.get("content-type") ?? ""
  const isProblem = type.startsWith("application/problem+json") && Object(JSON.parse(text)).status === status
  return isProblem ? [] : [{ kind: `problem ${status}`, detail: `${status} ${type} is no problem` }]
}
