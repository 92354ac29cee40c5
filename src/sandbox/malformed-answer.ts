import type { MalformedKind } from "./weather.ts"

const paddingBytes = 1_536 * 1_024
const page = "<!doctype html><html><body><h1>We will be back soon</h1></body></html>"

/** The answer as a bad gateway or a faulty server would send it. Only a redirect has another status. */
export const spoiled = async (answer: Response, kind: MalformedKind): Promise<Response> => {
  const { status } = answer
  const text = await answer.text()
  switch (kind) {
    case "html":
      return new Response(page, { status, headers: { "content-type": "text/html" } })
    case "wrong-types":
      return Response.json(withWrongTypes(JSON.parse(text)), { status })
    case "huge":
      return Response.json({ ...JSON.parse(text), padding: "x".repeat(paddingBytes) }, { status })
    case "redirect":
      return new Response(null, { status: 302, headers: { location: "/elsewhere" } })
    case "truncated":
      return new Response(text.slice(0, text.length / 2), {
        status,
        headers: { "content-type": "application/json" },
      })
  }
}

/** The same fields, with numbers for texts and texts for everything else. */
const withWrongTypes = (json: unknown): unknown => {
  if (Array.isArray(json)) return json.map(withWrongTypes)
  if (typeof json === "string") return json.length
  if (json === null || typeof json !== "object") return String(json)
  return Object.fromEntries(Object.entries(json).map(([field, value]) => [field, withWrongTypes(value)]))
}
