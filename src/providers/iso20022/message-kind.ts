import { type Element, unreadable } from "./xml-reader.ts"

export type MessageKind = "pain.002" | "camt.052" | "camt.053" | "camt.054"

/**
 * The name of a message within a namespace: that of ISO 20022 (urn:iso:std:iso:20022:tech:xsd:pain.002.001.10), of a country
 * that has a variant of its own (Germany's pain.002.003.03), or of a community that writes the name in another place
 * (http://www.six-interbank-clearing.com/de/pain.002.001.03.ch.02.xsd, ISO:pain.002.001.03:APC:STUZZA:payments:003).
 */
const family = /(?:^|[^a-z0-9.])(pain\.002|camt\.05[234])\.[0-9]{3}\.[0-9]{2}(?![0-9])/

/** How deep in an envelope a message may be: <Envelope><Body><Document>, with one more to spare. */
const ENVELOPES_MAX = 3

export interface Message {
  readonly kind: MessageKind
  readonly document: Element
}

/**
 * The message of a file, by its namespace. Every version and variant is accepted, because the elements that are read here have
 * kept their names. Some banks write `Xmlns`, which declares nothing, when they mean `xmlns`. A message may be in an envelope, beside
 * a header (ISO 20022's business application header, SWIFT's DataPDU); of several messages none is read.
 */
export const messageIn = (root: Element): Message => {
  const [found, ...others] = documentsIn(root, [], ENVELOPES_MAX)
  const kinds = new Set(found?.namespaces.flatMap((name) => family.exec(name)?.[1] ?? []))
  const [kind] = kinds
  if (found === undefined || others.length > 0 || kind === undefined || kinds.size > 1)
    return unreadable("Document", "not a message that is read here: pain.002, camt.052, camt.053 or camt.054")
  return { kind: kind as MessageKind, document: found.document }
}

interface Found {
  readonly document: Element
  /** Those that are declared in it and around it. */
  readonly namespaces: ReadonlyArray<string>
}

const documentsIn = (
  element: Element,
  around: ReadonlyArray<string>,
  envelopes: number,
): ReadonlyArray<Found> => {
  const declared = Object.entries(element.attributes).flatMap(([name, value]) =>
    /^xmlns(:|$)/i.test(name) ? [value] : [],
  )
  const namespaces = [...around, ...declared]
  if (element.name === "Document") return [{ document: element, namespaces }]
  return envelopes === 0
    ? []
    : element.children.flatMap((child) => documentsIn(child, namespaces, envelopes - 1))
}
