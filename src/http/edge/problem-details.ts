/** How a problem is written: problem details (RFC 9457) with an id, under which the service logs it. */
import { randomBytes } from "node:crypto"
import { base32 } from "./base32.ts"

/** A problem, and the id under which it is logged. */
export interface Problem {
  readonly instance: string
  readonly status: number
  readonly type: string
  readonly response: Response
}

/** Writes a problem of a type, with its other members, and headers. */
export const problem = (
  row: { readonly status: number; readonly slug: string; readonly title: string },
  members: Readonly<Record<string, unknown>> = {},
  headers: Readonly<Record<string, string>> = {},
): Problem => {
  const { status, title } = row
  const type = `/problems/${row.slug}`
  // In groups of four, because logs mask what looks like an IBAN or a long number.
  const instance = `urn:atlaspay:problem:${base32(randomBytes(10), 16).replace(/.{4}(?=.)/g, "$&-")}`
  const body = JSON.stringify({ type, title, status, ...members, instance })
  return {
    instance,
    status,
    type,
    response: new Response(body, {
      status,
      headers: {
        "content-type": "application/problem+json",
        "cache-control": "no-store",
        ...headers,
      },
    }),
  }
}
