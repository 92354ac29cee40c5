/** A signed root as it is published: a CloudEvent, on its own stream and as a line of a file. */
import { Schema } from "effect"
import type { SignedRoot } from "./proof-roots.ts"

const text = (description: string) => Schema.String.annotate({ description })

/** The contract of the event: what {@link rootBody} makes. */
const ProofRootSigned = Schema.Struct({
  specversion: Schema.Literal("1.0"),
  id: text(
    "Derived from the origin and the number: the same for the same root, however often it is published.",
  ),
  source: Schema.Literal("/atlaspay"),
  type: Schema.Literal("com.atlaspay.proof.root-signed.v1"),
  subject: text("The origin of the tree."),
  time: Schema.String.annotate({ description: "When it was signed.", format: "date-time" }),
  datacontenttype: Schema.Literal("application/json"),
  data: Schema.Struct({
    number: Schema.Int.annotate({ description: "Roots are numbered from 1 without gaps." }),
    size: Schema.Int.annotate({ description: "How many leaves the tree had." }),
    root: text("The root of these leaves, in base64."),
    keyId: text("The key that signed it, as `/.well-known/atlaspay-proof-keys.json` names it."),
    note: text("The signed checkpoint (https://c2sp.org/tlog-checkpoint): all that counts is in it."),
  }),
}).annotate({
  title: "ProofRootSigned",
  description:
    "A root of the proof tree was signed. Whoever keeps it can later prove that nothing before it was changed.",
})

export const proofContracts = { ProofRootSigned }

/** The stream of roots, beside the stream of public events. */
export const rootsStreamOf = (stream: string): string => `${stream}_PROOFS`

/** The one subject of roots: `atlaspay.proofs.roots`. */
export const rootsSubjectOf = (stream: string): string => `${stream.toLowerCase()}.proofs.roots`

/** The id of the event of a root. */
export const rootEventId = ({ origin, number }: Pick<SignedRoot, "origin" | "number">): string =>
  `root-${origin}-${number}`

/** The event of a root, as text. */
export const rootBody = ({ origin, number, size, root, keyId, at, note }: SignedRoot): string => {
  const event: typeof ProofRootSigned.Type = {
    specversion: "1.0",
    id: rootEventId({ origin, number }),
    source: "/atlaspay",
    type: "com.atlaspay.proof.root-signed.v1",
    subject: origin,
    time: new Date(at).toISOString(),
    datacontenttype: "application/json",
    data: { number, size, root: root.toString("base64"), keyId, note },
  }
  return JSON.stringify(event)
}

/** A root that was published: whose it is, its number and its note. */
export interface PublishedRoot {
  readonly origin: string
  readonly number: number
  readonly note: string
}

const isEvent = Schema.is(ProofRootSigned)

/** Reads what {@link rootBody} wrote. Nothing if it is something else. */
export const readRootBody = (body: string): PublishedRoot | undefined => {
  try {
    const event: unknown = JSON.parse(body)
    return isEvent(event)
      ? { origin: event.subject, number: event.data.number, note: event.data.note }
      : undefined
  } catch {
    return undefined
  }
}
