/** What a run prints about a wrong answer. */
import { bytesOf, type FuzzRequest } from "./request.ts"
import type { Finding } from "./verdict.ts"
import type { Exchange } from "./wire.ts"

/** What is wrong, with the request as it was drawn, the smallest one that gets the same, and the answer to that. */
export const failureReport = (
  request: FuzzRequest,
  smallest: FuzzRequest,
  { kind, detail }: Finding,
  came: Exchange,
): string => {
  const [answer] = came.answers
  return [
    `${kind}: ${detail}`,
    `  ${summaryOf(request)}`,
    "  the smallest request:",
    indented(shownBytes(bytesOf(smallest, "127.0.0.1", masked))),
    "  the answer:",
    indented(
      answer === undefined
        ? `none (${came.end})`
        : `${answer.status} ${answer.headers.get("content-type") ?? ""}\n${answer.text.slice(0, ANSWER_SHOWN_MAX)}`,
    ),
  ].join("\n")
}

const ANSWER_SHOWN_MAX = 600

/** A report shows names in double braces as they are: keys are none of its business. */
const masked = {
  resolve: (name: string) => `{{${name}}}`,
  sign: () => [["webhook-signature", "{{signature}}"]] as const,
}

const SHOWN_MAX = 1_500

/** Bytes as text in which everything but printable ASCII and line ends is escaped. */
const shownBytes = (bytes: Buffer): string =>
  bytes
    .subarray(0, SHOWN_MAX)
    .toString("latin1")
    .replaceAll("\r\n", "\n")
    .replaceAll(
      /[^\n\x20-\x7e]/g,
      (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`,
    )
    .concat(bytes.length > SHOWN_MAX ? `… (${bytes.length} bytes)` : "")

const indented = (text: string): string => text.replaceAll(/^/gm, "    ")

/** Which request it is, in a line. */
export const summaryOf = ({
  number,
  operationId,
  method,
  path,
  query,
  credential,
  kind,
  changes,
}: FuzzRequest): string =>
  `#${number} ${operationId} (${kind}${changes.length === 0 ? "" : `: ${changes.join("; ")}`}) as ${credential}: ${method} ${path.slice(0, 120)}${query.length === 0 ? "" : `?${query.join("&").slice(0, 120)}`}`
