import { type Element, unreadable } from "./xml-reader.ts"

export type MessageKind = "pain.002" | "camt.053" | "camt.054"

const family = /^urn:iso:std:iso:20022:tech:xsd:(pain\.002|camt\.053|camt\.054)\.001\.[0-9]{2}$/

/**
 * The kind of message in a document, by its namespace. Every version is accepted, because the elements that are read here
 * have kept their names. Some banks write `Xmlns`, which declares nothing, when they mean `xmlns`.
 */
export const kindOf = (document: Element): MessageKind => {
  const declared = Object.entries(document.attributes).flatMap(([name, value]) =>
    /^xmlns(:|$)/i.test(name) ? [family.exec(value)?.[1]] : [],
  )
  const [kind, ...others] = declared.filter((name) => name !== undefined)
  if (document.name !== "Document" || kind === undefined || others.length > 0)
    return unreadable("Document", "not a message that is read here: pain.002, camt.053 or camt.054")
  return kind as MessageKind
}
