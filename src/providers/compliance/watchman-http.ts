/**
 * The kind `watchman`: Moov Watchman v2 (https://moov-io.github.io/watchman), which searches sanctions lists that it has in memory. A fresh
 * one that has not loaded them finds nobody, so what its lists are is asked before and after each clearance.
 */
import { createHash } from "node:crypto"
import { Effect, Schema } from "effect"
import type { FoundMatch } from "../../domain/list-match.ts"
import { type Answers, reading } from "../calling/provider-http.ts"
import { providerKind } from "../calling/provider-kind.ts"
import type { ClearanceRequest } from "./compliance-engine.ts"
import { ageProblem, byTheSameLists, type Subject, subjectsOf } from "./list-search.ts"
import { openListSearch } from "./list-search-http.ts"
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

const SEARCHES_AT_A_TIME = 8
/** Entries that one search may give. It gives the highest scores. */
const ENTRIES_MAX = 10

const ListName = Schema.String.check(
  Schema.isPattern(/^[A-Za-z0-9_-]{1,64}$/, { message: "expected a list such as us_ofac" }),
)

const WatchmanSettings = Schema.Struct({
  thresholds: Thresholds,
  /** Lists without which nobody is cleared. */
  lists: Schema.NonEmptyArray(ListName).check(Schema.isMaxLength(64)),
  listsAgeMsMax: ListsAge,
  searchesAtATime: Schema.optionalKey(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 64 }))),
  countries: CountryUse,
})
type WatchmanSettings = typeof WatchmanSettings.Type

/** Before the first download the maps are null, and the times are those of the year 1. */
const ListInfo = Schema.Struct({
  lists: Schema.NullOr(Schema.Record(Schema.String, Schema.Int)),
  listHashes: Schema.NullOr(Schema.Record(Schema.String, Schema.String)),
  endedAt: Schema.String,
  version: Schema.optionalKey(Schema.String),
})
type ListInfo = typeof ListInfo.Type

/** The types of entities that the document names. A match counts whatever its type. */
export const entityTypes = ["unknown", "person", "business", "organization", "aircraft", "vessel"] as const

const Entity = Schema.Struct({
  name: Schema.String,
  entityType: Schema.Literals(entityTypes),
  sourceList: Schema.String,
  sourceID: Schema.String,
  match: Score,
  sanctionsInfo: Schema.optionalKey(
    Schema.NullOr(
      Schema.Struct({ programs: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.String))) }),
    ),
  ),
})

/** `null` in place of an empty list is how Go writes it. */
const Found = Schema.Struct({
  query: Schema.Struct({ name: Schema.String, entityType: Schema.Literals(entityTypes) }),
  entities: Schema.NullOr(Schema.Array(Entity)),
})
type Found = typeof Found.Type

/** A type that a search asks for. */
type SearchedType = "person" | "business" | "organization"

/** A search sees the entries of one type alone, and a company may be listed as a business or as another organisation. */
const typesOf = (type: Subject["type"]): ReadonlyArray<SearchedType> => {
  switch (type) {
    case "person":
      return ["person"]
    case "company":
      return ["business", "organization"]
    case undefined:
      return ["person", "business", "organization"]
  }
}

const lists: Answers<ListInfo> = { 200: reading(ListInfo, (info) => info) }
const found: Answers<Found> = { 200: reading(Found, (answer) => answer) }

export const watchman: ScreeningKind = providerKind({
  name: "watchman",
  settings: WatchmanSettings,
  connect: Effect.fnUntraced(function* (engine) {
    const { own, name: provider } = engine
    const ask = yield* openListSearch(engine)
    const loaded = Effect.map(
      ask({ step: "lists", method: "GET", path: "/v2/listinfo" }, lists, (info, now) =>
        listProblem(info, now, own),
      ),
      (info) => ({ version: listVersionOf(info), loading: info.endedAt }),
    )
    const searched = (clearanceId: string, subject: Subject, type: SearchedType) =>
      Effect.map(
        ask(
          { step: "search", method: "GET", path: searchPath(clearanceId, subject, type, own) },
          found,
          (answer) => answerProblem(answer, subject, type),
        ),
        ({ entities }) => (entities ?? []).map(matchOf),
      )
    const screened = ({ clearanceId, items }: ClearanceRequest) =>
      Effect.forEach(
        subjectsOf(items, own.countries),
        (subject) =>
          isSearchable(subject.name)
            ? Effect.map(
                Effect.forEach(typesOf(subject.type), (type) => searched(clearanceId, subject, type)),
                (matches) => answerOn(subject.item, matches.flat(), own.thresholds),
              )
            : Effect.succeed(unsearchable(subject.item)),
        { concurrency: own.searchesAtATime ?? SEARCHES_AT_A_TIME },
      )
    return {
      screen: Effect.fn("ComplianceEngine.screen")(function* (request) {
        const { listVersion: version, found } = yield* byTheSameLists(provider, loaded, screened(request))
        return { clearanceId: request.clearanceId, listVersion: version, decisions: found }
      }),
    }
  }),
})

const searchPath = (
  clearanceId: string,
  { item, name, country }: Subject,
  type: SearchedType,
  { thresholds }: WatchmanSettings,
): string => {
  const query = new URLSearchParams({
    name,
    type,
    limit: String(ENTRIES_MAX),
    minMatch: String(thresholds.review),
    requestID: `${clearanceId}.${item}`,
  })
  if (country !== undefined) query.set("address", country)
  return `/v2/search?${query}`
}

/** What is wrong with the lists that are loaded. */
const listProblem = (
  { lists, listHashes, endedAt }: ListInfo,
  now: number,
  { lists: required, listsAgeMsMax = LISTS_AGE_MS_MAX }: WatchmanSettings,
): string | undefined => {
  const missing = required.find((list) => !((lists?.[list] ?? 0) > 0) || (listHashes?.[list] ?? "") === "")
  return missing === undefined
    ? ageProblem(Date.parse(endedAt), now, listsAgeMsMax)
    : `has not loaded the list ${missing}`
}

/** The same for the same lists searched by the same program, whenever they were loaded. */
const listVersionOf = ({ lists, listHashes, version = "" }: ListInfo): string => {
  const counts = new Map(Object.entries(lists ?? {}))
  const hashes = new Map(Object.entries(listHashes ?? {}))
  const names = [...new Set([...counts.keys(), ...hashes.keys()])].sort()
  const loaded = names.map((name) => [name, counts.get(name), hashes.get(name)])
  const digest = createHash("sha256")
    .update(JSON.stringify([version, loaded]))
    .digest("hex")
  return `watchman ${digest.slice(0, 32)}`
}

/** What is wrong with the answer to a search. */
const answerProblem = (
  { query, entities }: Found,
  { name }: Subject,
  type: SearchedType,
): string | undefined => {
  if (query.entityType !== type || !isSameName(query.name, name)) return "answered another search"
  return (entities?.length ?? 0) > ENTRIES_MAX ? "answered with more entries than were asked for" : undefined
}

const matchOf = ({ name, sourceList, sourceID, match, sanctionsInfo }: typeof Entity.Type): FoundMatch => ({
  name,
  lists: [sourceList],
  id: sourceID,
  score: match,
  programs: sanctionsInfo?.programs ?? [],
})
