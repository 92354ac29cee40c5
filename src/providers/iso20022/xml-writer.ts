/** Writes XML with one element per line, indented, so that people can read a file too. */

export interface Written {
  readonly name: string
  readonly attributes?: Readonly<Record<string, string>>
  readonly content: string | ReadonlyArray<Written | undefined>
}

/** An element with a text or with child elements; children that are `undefined` are left out. */
export const element = (
  name: string,
  content: string | ReadonlyArray<Written | undefined>,
  attributes: Readonly<Record<string, string>> = {},
): Written => ({ name, attributes, content })

/** A whole document. */
export const document = (root: Written): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n${lines(root, "")}`

const lines = ({ name, attributes = {}, content }: Written, indent: string): string => {
  const given = Object.entries(attributes).map(([key, value]) => ` ${key}="${escaped(value)}"`)
  const start = `${indent}<${name}${given.join("")}>`
  if (typeof content === "string") return `${start}${escaped(content)}</${name}>\n`
  const inner = content.map((child) => (child === undefined ? "" : lines(child, `${indent}  `)))
  return `${start}\n${inner.join("")}${indent}</${name}>\n`
}

const entities: Readonly<Record<string, string>> = { "<": "&lt;", ">": "&gt;", "&": "&amp;", '"': "&quot;" }

const escaped = (text: string): string => text.replace(/[<>&"]/g, (character) => entities[character] ?? "")
