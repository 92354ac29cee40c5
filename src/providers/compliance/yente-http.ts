/**
 * The kind `yente`: the matching API of OpenSanctions (https://www.opensanctions.org/docs/yente), run by oneself or as a service. Several
 * people are asked for in one request.
 */
import { Effect, Schema } from "effect"
import type { FoundMatch } from "../../domain/list-match.ts"
import type { ProviderUnavailable } from "../calling/provider-error.ts"
import { type Answers, reading } from "../calling/provider-http.ts"
import { providerKind } from "../calling/provider-kind.ts"
import type { ClearanceRequest } from "./compliance-engine.ts"
import { byTheSameLists, type Subject, subjectsOf } from "./list-search.ts"
import { type AskLists, openListSearch } from "./list-search-http.ts"
import {
  answerOn,
  CountryUse,
  isSameName,
  isSearchable,
  LISTS_AGE_MS_MAX,
  ListsAge,
  Score,
  Thresholds,
  unsearchable,
} from "./scored-answers.ts"
import type { ScreeningKind } from "./screening-kind.ts"
import { Catalog, catalogProblem, dataVersionOf } from "./yente-catalog.ts"

/** Queries of one request: an entry may have tens of kilobytes, and an answer may have a megabyte. yente takes 100. */
const QUERIES_PER_REQUEST = 10
/** Requests of one clearance at a time. */
const REQUESTS_AT_A_TIME = 4
/** Entries that one query may give. It gives the highest scores. */
const ENTRIES_MAX = 5

const Word = (expected: string) =>
  Schema.String.check(Schema.isPattern(/^[a-z0-9_-]{1,64}$/, { message: expected }))

const YenteSettings = Schema.Struct({
  thresholds: Thresholds,
  dataset: Word("expected a data set such as sanctions"),
  /** How yente scores. Its default changes with its releases. */
  algorithm: Schema.optionalKey(Word("expected an algorithm such as logic-v1")),
  listsAgeMsMax: ListsAge,
  queriesPerRequest: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 100 }))),
  countries: CountryUse,
})
type YenteSettings = typeof YenteSettings.Type

const ALGORITHM = "logic-v1"

/** Words of an entry may be entries themselves, where one mentions another. */
const Properties = Schema.Record(Schema.String, Schema.Array(Schema.Unknown))

const Result = Schema.Struct({
  id: Schema.String,
  caption: Schema.String,
  schema: Schema.String,
  properties: Properties,
  datasets: Schema.Array(Schema.String),
  score: Score,
  match: Schema.Boolean,
})

const Matches = Schema.Struct({
  responses: Schema.Record(
    Schema.String,
    Schema.Struct({
      status: Schema.Literal(200),
      results: Schema.Array(Result),
      query: Schema.Struct({ schema: Schema.String, properties: Properties }),
    }),
  ),
})
type Matches = typeof Matches.Type

const catalog: Answers<Catalog> = { 200: reading(Catalog, (answer) => answer) }
const matches: Answers<Matches> = { 200: reading(Matches, (answer) => answer) }

export const yente: ScreeningKind = providerKind({
  name: "yente",
  settings: YenteSettings,
  connect: Effect.fnUntraced(function* (engine) {
    const { own, name: provider } = engine
    const { dataset, algorithm = ALGORITHM, listsAgeMsMax = LISTS_AGE_MS_MAX } = own
    const ask = yield* openListSearch(engine)
    const loaded = Effect.map(
      ask({ step: "lists", method: "GET", path: "/catalog" }, catalog, (answer, now) =>
        catalogProblem(answer, dataset, now, listsAgeMsMax),
      ),
      (answer) => ({ version: dataVersionOf(answer, dataset, algorithm) }),
    )
    const screened = ({ items }: ClearanceRequest) => {
      const subjects = subjectsOf(items, own.countries)
      const asked = subjects.filter(({ name }) => isSearchable(name))
      const others = subjects.filter(({ name }) => !isSearchable(name))
      return Effect.map(
        Effect.forEach(
          chunksOf(asked, own.queriesPerRequest ?? QUERIES_PER_REQUEST),
          (together) => matched(ask, together, own),
          { concurrency: REQUESTS_AT_A_TIME },
        ),
        (answers) => [...others.map(({ item }) => unsearchable(item)), ...answers.flat()],
      )
    }
    return {
      screen: Effect.fn("ComplianceEngine.screen")(function* (request) {
        const { listVersion: version, found } = yield* byTheSameLists(provider, loaded, screened(request))
        return { clearanceId: request.clearanceId, listVersion: version, decisions: found }
      }),
    }
  }),
})

const chunksOf = (subjects: ReadonlyArray<Subject>, size: number): ReadonlyArray<ReadonlyArray<Subject>> =>
  Array.from({ length: Math.ceil(subjects.length / size) }, (_, index) =>
    subjects.slice(index * size, (index + 1) * size),
  )

/** The answers about some subjects. If theirs together cannot be read, as it is too long, each half of them is asked about alone. */
const matched = (
  ask: AskLists,
  subjects: ReadonlyArray<Subject>,
  own: YenteSettings,
): Effect.Effect<ReadonlyArray<ReturnType<typeof answerOn>>, ProviderUnavailable> => {
  const call = { step: "search", method: "POST", path: matchPath(own), body: bodyOf(subjects) } as const
  const answered = Effect.map(
    ask(call, matches, (answer) => answerProblem(answer, subjects, own.thresholds)),
    ({ responses }) =>
      subjects.map(({ item }) =>
        answerOn(item, (responses[keyOf(item)]?.results ?? []).map(matchOf), own.thresholds),
      ),
  )
  if (subjects.length === 1) return answered
  const half = Math.ceil(subjects.length / 2)
  return Effect.catchTag(answered, "ProviderUnavailable", (failure) =>
    failure.kind === "nonsense"
      ? Effect.zipWith(
          matched(ask, subjects.slice(0, half), own),
          matched(ask, subjects.slice(half), own),
          (one, other) => [...one, ...other],
        )
      : Effect.fail(failure),
  )
}

const matchPath = ({ dataset, algorithm = ALGORITHM, thresholds }: YenteSettings): string => {
  const [limit, review] = [String(ENTRIES_MAX), String(thresholds.review)]
  return `/match/${dataset}?${new URLSearchParams({ algorithm, limit, threshold: review, cutoff: review })}`
}

const keyOf = (item: number): string => `item-${item}`

/** What FollowTheMoney calls them. An organisation may be a company, and a legal entity may be either. */
const schemas = { person: "Person", company: "Organization" } as const
const schemaOf = (type: Subject["type"]) => (type === undefined ? "LegalEntity" : schemas[type])

const bodyOf = (subjects: ReadonlyArray<Subject>) => ({
  queries: Object.fromEntries(
    subjects.map(({ item, name, type, country }) => [
      keyOf(item),
      {
        schema: schemaOf(type),
        properties: { name: [name], ...(country === undefined ? {} : { country: [country.toLowerCase()] }) },
      },
    ]),
  ),
})

/** What is wrong with an answer: it must be to exactly these questions, and not contradict itself. */
const answerProblem = (
  { responses }: Matches,
  subjects: ReadonlyArray<Subject>,
  { review }: YenteSettings["thresholds"],
): string | undefined => {
  if (Object.keys(responses).length !== subjects.length) return "did not answer exactly what was asked"
  for (const { item, name, type } of subjects) {
    const answer = Object.hasOwn(responses, keyOf(item)) ? responses[keyOf(item)] : undefined
    if (answer === undefined) return "did not answer exactly what was asked"
    const { query, results } = answer
    const isRepeated = textsOf(query.properties, "name").some((one) => isSameName(one, name))
    if (query.schema !== schemaOf(type) || !isRepeated) return "answered another search"
    if (results.length > ENTRIES_MAX) return "answered with more entries than were asked for"
    if (results.some(({ match, score }) => match && score < review)) return "has a match below the threshold"
  }
  return undefined
}

const textsOf = (properties: typeof Properties.Type, name: string): ReadonlyArray<string> =>
  (Object.hasOwn(properties, name) ? (properties[name] ?? []) : []).filter((one) => typeof one === "string")

const matchOf = ({ id, caption, properties, datasets, score }: typeof Result.Type): FoundMatch => ({
  name: caption,
  lists: datasets,
  id,
  score,
  programs: [...textsOf(properties, "programId"), ...textsOf(properties, "topics")],
})
