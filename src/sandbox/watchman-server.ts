/** The twin of Moov Watchman v2: searches lists with only the magic beneficiaries, until it gets others. */
import { listServer, numberOf } from "./list-server.ts"
import type { Entry, SearchedBooks } from "./searched-books.ts"
import { type Refused, refusal, type SandboxServer } from "./server.ts"

const types = ["person", "business", "organization", "aircraft", "vessel"]

/** Entries of each list, besides those that are given. */
const counts = { us_ofac: 17_646, us_csl: 442 }

const inWatchmansForm = ({ code, message }: Refused) => ({
  error: typeof message === "string" ? message : code,
})

const detailsOf = (type: string, name: string) =>
  ["person", "business", "organization"].includes(type) ? { [type]: { name } } : {}

const shown = ({ name, list, id, score, programs = [] }: Entry, type: string) => ({
  name,
  entityType: type,
  ...detailsOf(type, name),
  sourceList: list,
  sourceID: id,
  sanctionsInfo: { programs, secondary: false },
  match: score,
})

const listInfo = (books: SearchedBooks) => {
  const { isLoaded = true } = books.lists
  const never = "0001-01-01T00:00:00Z"
  const version = "v0.69.0"
  if (!isLoaded) return { lists: {}, listHashes: {}, startedAt: never, endedAt: never, version }
  const { loadedAtMs } = books
  const hashes = Object.keys(counts).map((list) => [list, books.hashOf(list)])
  return {
    lists: counts,
    listHashes: Object.fromEntries(hashes),
    startedAt: new Date(loadedAtMs - 30_000).toISOString(),
    endedAt: new Date(loadedAtMs).toISOString(),
    version,
  }
}

/** A search sees the entries of its type alone; who is listed here is listed as every type. */
export const watchmanServer = (options: { readonly journalFile: string | undefined }): SandboxServer => {
  const { app, books, search, close } = listServer(options.journalFile, inWatchmansForm)

  app.get("/v2/listinfo", (c) => c.json(listInfo(books)))

  app.get("/v2/search", (c) => {
    const { name = "", type, requestID } = c.req.query()
    if (type !== undefined && !types.includes(type))
      throw refusal(400, { code: "malformed", message: "type: there is no such type" })
    const limit = numberOf("limit", c.req.query("limit"), 10)
    const minMatch = numberOf("minMatch", c.req.query("minMatch"), 0)
    const found = search({ name, ...(type && { type }), ...(requestID && { requestId: requestID }) })
    const entityType = type ?? "person"
    return c.json({
      query: { name, entityType: type ?? "unknown", ...detailsOf(type ?? "", name) },
      entities: found
        .filter(({ score }) => score >= minMatch)
        .slice(0, limit)
        .map((entry) => shown(entry, entityType)),
    })
  })

  return {
    app,
    published: {
      document: "moov.watchman-v2.yaml",
      refusing: (problems) => [400, { error: problems.join("; ") }],
    },
    start() {},
    close,
  }
}
