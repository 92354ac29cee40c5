import { type Element, unreadable } from "./xml-reader.ts"

export type MessageKind = "pain.002" | "camt.052" | "camt.053" | "camt.054"

/**
 * The name of a message within a namespace: that of ISO 20022 (urn:iso:std:iso:20022:tech:xsd:pain.002.001.10), of a country
 * that has a variant of its own (Germany's pain.002.003.03), or of a community that writes the name in another place
 * (http://www.six-interbank-clearing.com/de/pain.002.001.03.ch.02.xsd, ISO:pain.002.001.03:APC:STUZZA:payments:003).
 */
const family = /(?:^|[^a-z0-9.])(pain\.002|camt\.05[234])\.[0-9]{3}\.[0-9]{2}(?![0-9])/

/**
 * The kind of message in a document, by its namespace. Every version and variant is accepted, because the elements that are
 * read here have kept their names. Some banks write `Xmlns`, which declares nothing, when they mean `xmlns`.
 */
export const kindOf = (document: Element): MessageKind => {
  const declared = Object.entries(document.attributes).flatMap(([name, value]) =>
    /^xmlns(:|$)/i.test(name) ? [family.exec(value)?.[1]] : [],
  )
  const [kind, ...others] = new Set(declared.filter((name) => name !== undefined))
  if (document.name !== "Document" || kind === undefined || others.length > 0)
    return unreadable("Document", "not a message that is read here: pain.002, camt.052, camt.053 or camt.054")
  return kind as MessageKind
}
