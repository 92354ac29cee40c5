/** Reads answers: bodies within a limit, problem documents, and how long to wait before another try. */
import type { ProblemDocument } from "./errors.ts"

/** Larger than every answer: a page of events has some ten thousand items at most. */
export const ANSWER_BYTES_MAX = 64 * 1024 * 1024
const PROBLEM_BYTES_MAX = 1024 * 1024
const TEXT_SHOWN_MAX = 200

/** An answer that cannot be what the API answers. */
export class Unusable extends Error {}

/** The text of a body of at most `bytesMax`. */
const textWithin = async (response: Response, bytesMax: number): Promise<string> => {
  const decoder = new TextDecoder()
  let [text, bytes] = ["", 0]
  // The body is read to its end, or cancelled, by the iterator.
  for await (const chunk of bytesOf(response)) {
    bytes += chunk.byteLength
    if (bytes > bytesMax) throw new Unusable(`the answer has more than ${bytesMax} bytes`)
    text += decoder.decode(chunk, { stream: true })
  }
  return text + decoder.decode()
}

/** The bytes of a body as they come. It is cancelled when nobody wants more of it. */
export async function* bytesOf(response: Response): AsyncGenerator<Uint8Array> {
  if (response.body === null) return
  const reader = response.body.getReader()
  let isOver = false
  try {
    for (;;) {
      const { done, value } = await reader.read()
      isOver = done
      if (done) return
      yield value
    }
  } finally {
    // A body that failed already cannot be cancelled again, and its failure is on its way to the caller.
    if (!isOver) await reader.cancel().catch(() => undefined)
  }
}

/** Any JSON object. */
export type Json = Readonly<Record<string, unknown>>

/** A text as a JSON object, or undefined. */
export const jsonObject = (text: string): Json | undefined => {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : undefined
  } catch {
    return undefined
  }
}

/** The body of an answer in JSON, with members of the given types. */
export const readJson = async (
  response: Response,
  essential: Readonly<Record<string, string>>,
): Promise<Json> => {
  const answer = jsonObject(await textWithin(response, ANSWER_BYTES_MAX))
  if (answer === undefined) throw new Unusable(`the answer with status ${response.status} is no JSON object`)
  for (const [member, type] of Object.entries(essential))
    if (kindOf(answer[member]) !== type)
      throw new Unusable(`the answer with status ${response.status} has no ${member}`)
  return answer
}

const kindOf = (value: unknown): string => {
  if (value === null) return "null"
  return Array.isArray(value) ? "array" : typeof value
}

/** The problem of a refusal, without the key that was sent, which something in between may repeat; its `isOfService` is false if it is not in the form in which the service answers. */
export const readProblem = async (
  response: Response,
  apiKey: string,
): Promise<{ readonly isOfService: boolean; readonly members: ProblemDocument }> => {
  const text = (await textWithin(response, PROBLEM_BYTES_MAX)).replaceAll(apiKey, "[the API key]")
  const members = jsonObject(text)
  return members !== undefined && typeof members.title === "string"
    ? { isOfService: true, members: withWellFormed(members, members.title) }
    : { isOfService: false, members: { title: text.slice(0, TEXT_SHOWN_MAX) } }
}

/** The members of a problem without those standard ones that are of another type than RFC 9457 says, which it has readers ignore. */
const withWellFormed = (members: Json, title: string): ProblemDocument => {
  const { type, detail, instance, errors, ...others } = members
  return {
    ...(typeof type === "string" ? { type } : {}),
    title,
    ...(typeof detail === "string" ? { detail } : {}),
    ...(typeof instance === "string" ? { instance } : {}),
    ...(Array.isArray(errors) ? { errors: errors.filter(hasDetail) } : {}),
    ...others,
  }
}

const hasDetail = (error: unknown): boolean =>
  typeof error === "object" && error !== null && "detail" in error && typeof error.detail === "string"

/** How long `Retry-After` (RFC 9110, 10.2.3: seconds or a date) asks to wait, in milliseconds; undefined without it. */
export const retryAfterMs = (response: Response, now: number): number | undefined => {
  const asked = response.headers.get("retry-after")
  if (asked === null) return undefined
  if (/^[0-9]{1,9}$/.test(asked)) return Number(asked) * 1_000
  const at = Date.parse(asked)
  return Number.isNaN(at) ? undefined : Math.max(0, at - now)
}
