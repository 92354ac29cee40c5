/**
 * The twin of yente, the matching API of OpenSanctions: `POST /match/{dataset}` and `GET /catalog`, as its own program describes them
 * (docs/providers/yente.md has the shapes and where they are from).
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { listServer, numberOf } from "./list-server.ts"
import type { Entry, SearchedBooks } from "./searched-books.ts"
import { type Refused, readJson, refusal, type SandboxServer } from "./server.ts"

/** Queries that one request may have. */
const queriesMax = 100
const algorithms = ["logic-v1", "logic-v2", "regression-v1", "name-based", "name-qualified", "best"]
/** The collection that is indexed, and a part of it. */
const [collection, part] = ["default", "sanctions"]

const Match = Schema.Struct({
  queries: Schema.Record(
    Schema.String,
    Schema.Struct({
      id: Schema.optionalKey(Schema.String),
      schema: Schema.Literals(["Person", "Company", "Organization", "LegalEntity"]),
      properties: Schema.Record(Schema.String, Schema.Union([Schema.String, Schema.Array(Schema.String)])),
    }),
  ),
})
const decodeMatch = Schema.decodeUnknownResult(Match)

const inYentesForm = ({ code, message }: Refused) => ({
  detail: typeof message === "string" ? message : code,
})

const malformed = (message: string) => refusal(400, { code: "malformed", message })

const stampOf = (ms: number): string => new Date(ms).toISOString().replaceAll(/\D/g, "").slice(0, 14)

const catalogOf = (books: SearchedBooks) => {
  const { isLoaded = true } = books.lists
  const version = `${stampOf(books.loadedAtMs)}-${books.hashOf(collection).slice(0, 3)}`
  const indexed = isLoaded ? { index_version: version, index_current: true } : { index_version: null }
  const updated = new Date(books.loadedAtMs).toISOString().slice(0, 19)
  return {
    datasets: [
      {
        name: collection,
        title: "Sandbox default",
        load: true,
        version,
        index_current: false,
        ...indexed,
        updated_at: updated,
        children: [part],
      },
      {
        name: part,
        title: "Sandbox sanctions",
        load: false,
        version,
        index_version: null,
        index_current: false,
        updated_at: updated,
        children: [],
      },
    ],
    current: isLoaded ? [collection] : [],
    outdated: [],
    index_stale: false,
  }
}

const shown = ({ name, id, list, score, programs = [] }: Entry, schema: string, threshold: number) => ({
  id,
  caption: name,
  schema,
  properties: { name: [name], topics: ["sanction"], programId: programs },
  datasets: [list],
  referents: [],
  target: true,
  score,
  features: {},
  explanations: {},
  match: score >= threshold,
})

export const yenteServer = (options: { readonly journalFile: string | undefined }): SandboxServer => {
  const { app, books, search, close } = listServer(options.journalFile, inYentesForm)

  app.get("/catalog", (c) => c.json(catalogOf(books)))

  app.post("/match/:dataset", async (c) => {
    if (![collection, part].includes(c.req.param("dataset")))
      return c.json({ detail: "No such dataset." }, 404)
    const limit = numberOf("limit", c.req.query("limit"), 5)
    const threshold = numberOf("threshold", c.req.query("threshold"), 0.7)
    const cutoff = Math.min(numberOf("cutoff", c.req.query("cutoff"), 0.5), threshold)
    if (!algorithms.includes(c.req.query("algorithm") ?? "best"))
      throw malformed("algorithm: there is no such")
    const asked = decodeMatch(await readJson(c))
    if (Result.isFailure(asked)) throw malformed(asked.failure.message)
    const queries = Object.entries(asked.success.queries)
    if (queries.length === 0) throw malformed("No queries provided.")
    if (queries.length > queriesMax) throw malformed(`Too many queries in one batch (limit: ${queriesMax})`)
    const responses = queries.map(([key, { schema, properties }]) => {
      const given = Object.entries(properties).map(([field, values]) => [field, [values].flat()] as const)
      const names = given.find(([field]) => field === "name")?.[1] ?? []
      const found = names.flatMap((name) => search({ name, type: schema, requestId: key }))
      const results = found.filter(({ score }) => score >= cutoff).map((one) => shown(one, schema, threshold))
      return [
        key,
        {
          status: 200,
          results: results.slice(0, limit),
          total: { value: results.length, relation: "eq" },
          query: { id: key, schema, properties: Object.fromEntries(given) },
        },
      ]
    })
    return c.json({ responses: Object.fromEntries(responses), matcher: {}, limit })
  })

  return { app, start() {}, close }
}
