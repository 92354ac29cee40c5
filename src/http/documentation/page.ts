/** An OpenAPI document as a page of HTML for people: one section for each group, with links to the schemas. */
import { hash } from "node:crypto"
import { Predicate } from "effect"
import type { OpenApiDocument } from "../routing/openapi.ts"

const style = `
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem; }
pre { overflow-x: auto; padding: .75rem; border: 1px solid #8886; border-radius: .3rem; }
code, pre { font: 14px/1.4 ui-monospace, monospace; }
summary { cursor: pointer; padding: .3rem 0; }
summary b { display: inline-block; min-width: 4.5rem; }
details { border-bottom: 1px solid #8884; }
details > div { padding: 0 0 1rem 1rem; }
table { border-collapse: collapse; }
td, th { text-align: left; vertical-align: top; padding: .2rem 1rem .2rem 0; }
`

/** The source of the page's style, for its Content-Security-Policy (CSP Level 3, hash-source). */
export const STYLE_SOURCE = `sha256-${hash("sha256", style, "base64")}`

/** The page, with links to the schemas of events. All that the document says is escaped. */
export const pageOf = (document: OpenApiDocument, eventNames: ReadonlyArray<string>): string => {
  const info = Object(document.info)
  const operations = operationsOf(document)
  const tags = (document.tags as ReadonlyArray<{ readonly name: string; readonly description: string }>).map(
    ({ name, description }) =>
      `<h2>${escaped(name)}</h2><p>${escaped(description)}</p>${operations
        .filter(({ tag }) => tag === name)
        .map(({ html }) => html)
        .join("")}`,
  )
  const schemas = Object.entries(document.components.schemas).map(
    ([name, schema]) => `<h3 id="schema-${escaped(name)}">${escaped(name)}</h3>${json(schema)}`,
  )
  return (
    `<!doctype html><html lang="en"><head><meta charset="utf-8">` +
    `<meta name="viewport" content="width=device-width, initial-scale=1">` +
    `<title>${escaped(info.title)}</title><style>${style}</style></head><body>` +
    `<h1>${escaped(info.title)}</h1><p>${escaped(info.description)}</p>` +
    `<p>For programs: <a href="/openapi.json">/openapi.json</a>. Events, on NATS and as webhooks: ` +
    `<a href="/asyncapi.json">/asyncapi.json</a>, and the schema of each: ${eventNames
      .map((name) => `<a href="/events/${escaped(name)}.json">${escaped(name)}</a>`)
      .join(", ")}.</p>` +
    `${tags.join("")}<h2>Schemas</h2>${schemas.join("")}</body></html>`
  )
}

interface Shown {
  readonly tag: string
  readonly html: string
}

const operationsOf = ({ paths }: OpenApiDocument): ReadonlyArray<Shown> =>
  Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).flatMap(([method, operation]) =>
      Predicate.isObject(operation) && "operationId" in operation
        ? [shownOperation(method, path, Object(operation))]
        : [],
    ),
  )

type Operation = Readonly<Record<string, unknown>>

const shownOperation = (method: string, path: string, operation: Operation): Shown => {
  const { operationId, summary, description, security, parameters, requestBody, responses } = operation
  const html =
    `<details id="${escaped(operationId)}"><summary><b>${escaped(method.toUpperCase())}</b> ` +
    `<code>${escaped(path)}</code> ${escaped(summary)}</summary><div>` +
    `<p>${escaped(description)}</p><p>${needed(security)}</p>` +
    `${parametersOf(parameters)}${requestBody === undefined ? "" : `<h4>Body</h4>${json(requestBody)}`}` +
    `<h4>Answers</h4>${Object.entries(Object(responses)).map(answer).join("")}</div></details>`
  return { tag: String(Object(operation.tags)[0]), html }
}

const needed = (security: unknown): string => {
  const ways = (security as ReadonlyArray<object>).flatMap((way) => Object.keys(way))
  return ways.length === 0 ? "Needs no key." : `Authenticated by ${ways.map(escaped).join(" or ")}.`
}

const parametersOf = (parameters: unknown): string => {
  if (!Array.isArray(parameters)) return ""
  const rows = parameters.map(
    ({ in: place, name, required, description, schema }) =>
      `<tr><td><code>${escaped(name)}</code></td><td>${escaped(place)}${required ? ", required" : ""}</td>` +
      `<td>${escaped(description)}</td><td><code>${linked(JSON.stringify(schema))}</code></td></tr>`,
  )
  return `<h4>Parameters</h4><table>${rows.join("")}</table>`
}

const answer = ([status, response]: readonly [string, unknown]): string =>
  `<details><summary><b>${escaped(status)}</b> ${escaped(Object(response).description)}</summary>` +
  `<div>${json(response)}</div></details>`

const json = (value: unknown): string => `<pre>${linked(JSON.stringify(value, null, 2))}</pre>`

/** JSON in HTML, in which references to schemas are links. */
const linked = (text: string): string =>
  escaped(text).replaceAll(
    /#\/components\/schemas\/([\w.-]+)/g,
    (whole, name) => `<a href="#schema-${name}">${whole}</a>`,
  )

const escaped = (text: unknown): string =>
  String(text)
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
