import { readFile } from "node:fs/promises"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { afterAll, beforeAll } from "vitest"
import { parse } from "yaml"
import { entityTypes, watchman } from "../../../src/providers/compliance/watchman-http.ts"
import { isPublishedDataThere, publishedFile } from "../../published-data.ts"
import { type Behaviour, canary, json, MisbehavingServer, misdeeds } from "../calling/misbehaving-server.ts"
import { listEngineContract, named, screenBy, thresholds } from "./list-engines.ts"

const own = { thresholds, lists: ["us_ofac", "us_csl"] }

listEngineContract(watchman, "watchman", own)

let server: MisbehavingServer
beforeAll(async () => {
  server = await MisbehavingServer.open()
})
afterAll(() => server.close())

const loadedAt = new Date().toISOString()
const listInfo = (more: object = {}) => ({
  lists: { us_ofac: 10, us_csl: 5 },
  listHashes: { us_ofac: "a1", us_csl: "b2" },
  startedAt: loadedAt,
  endedAt: loadedAt,
  version: "v0.69.0",
  ...more,
})

const entity = (more: object = {}) => ({
  name: "LOVELACE, Ada",
  entityType: "person",
  sourceList: "us_ofac",
  sourceID: "17",
  match: 0.9,
  ...more,
})

/** Answers searches and questions about the lists. `found` gets the name and the type that were searched. */
const answering =
  (found: (name: string, type: string) => unknown, lists: () => unknown = listInfo): Behaviour =>
  (response, asked) => {
    const { pathname, searchParams } = new URL(asked.url ?? "", "http://localhost")
    const [name = "", type = ""] = [searchParams.get("name") ?? "", searchParams.get("type") ?? ""]
    return json(200, pathname === "/v2/listinfo" ? lists() : found(name, type))(response, asked)
  }

const finding =
  (...entities: ReadonlyArray<object>) =>
  (name: string, entityType: string) => ({ query: { name, entityType }, entities })

const ada = [named(1, "Ada Lovelace", { type: "person" })]
const screen = (items = ada, timeoutMs?: number) => screenBy(watchman, server.url, own, items, timeoutMs)

it.live(
  "searches as every type that the beneficiary may be listed as, because a search sees one type alone",
  () =>
    Effect.gen(function* () {
      server.behaviour = answering(finding())
      server.asked.length = 0
      yield* screen([
        named(1, "One", { type: "person" }),
        named(2, "Two", { type: "company" }),
        named(3, "Three"),
      ])
      const searches = server.asked.flatMap(({ url }) => {
        const { searchParams } = new URL(url ?? "", "http://localhost")
        return searchParams.has("name") ? [`${searchParams.get("name")} ${searchParams.get("type")}`] : []
      })
      assert.deepStrictEqual(searches.toSorted(), [
        "One person",
        "Three business",
        "Three organization",
        "Three person",
        "Two business",
        "Two organization",
      ])
    }),
)

it.live("takes the strictest of what it finds, in whatever order it comes", () =>
  Effect.gen(function* () {
    const [low, high] = [entity({ sourceID: "1", match: 0.81 }), entity({ sourceID: "2", match: 0.96 })]
    for (const entities of [
      [low, high],
      [high, low],
    ]) {
      server.behaviour = answering(finding(...entities, entity({ sourceID: "3", match: 0.1 })))
      const { decisions } = yield* screen()
      const [answer] = decisions
      assert.strictEqual(answer?.decision, "rejected")
      const matches = answer !== undefined && "matches" in answer ? answer.matches : undefined
      assert.deepStrictEqual(
        matches?.map(({ id, score }) => [`${id}`, score]),
        [
          ["2", 0.96],
          ["1", 0.81],
        ],
      )
    }
  }),
)

it.live("finds nobody where Go writes null for an empty list", () =>
  Effect.gen(function* () {
    server.behaviour = answering((name, entityType) => ({ query: { name, entityType }, entities: null }))
    assert.deepStrictEqual<unknown>((yield* screen()).decisions, [{ item: 1, decision: "approved" }])
  }),
)

it.live("keeps bounded and clean texts of what it finds", () =>
  Effect.gen(function* () {
    const found = entity({
      name: `LOVE\u202eLACE ${canary} ${"x".repeat(900)}`,
      sanctionsInfo: { programs: Array.from({ length: 90 }, (_, index) => `P${index}\n`) },
    })
    server.behaviour = answering(
      finding(...Array.from({ length: 10 }, (_, index) => ({ ...found, sourceID: `${index}` }))),
    )
    const { decisions } = yield* screen()
    const [answer] = decisions
    assert.strictEqual((answer !== undefined && "matches" in answer ? answer.matches : [])?.length, 5)
    const text = JSON.stringify(decisions)
    assert.isBelow(text.length, 2_500)
    assert.notMatch(text, /\u202e|\\n/)
    assert.notInclude(text, canary)
  }),
)

describe("clears nobody", () => {
  const answers: ReadonlyArray<readonly [string, Behaviour]> = [
    ["a score above 1", answering(finding(entity({ match: 1.01 })))],
    ["a score below 0", answering(finding(entity({ match: -0.01 })))],
    ["no score", answering(finding(entity({ match: undefined })))],
    ["a score that is no number", answering(finding(entity({ match: "0.2" })))],
    ["a score that is null", answering(finding(entity({ match: null })))],
    ["no entities", answering((name, entityType) => ({ query: { name, entityType } }))],
    ["no query", answering(() => ({ entities: [] }))],
    ["the answer about somebody else", answering((_, type) => finding()("Grace Hopper", type))],
    ["the answer about another type", answering((name) => finding()(name, "vessel"))],
    ["more than was asked for", answering(finding(...Array.from({ length: 11 }, () => entity())))],
    ["an entity of a type that nobody knows", answering(finding(entity({ entityType: "ghost" })))],
    ["a list that is missing", answering(finding(), () => listInfo({ lists: { us_ofac: 10 } }))],
    ["a list that is empty", answering(finding(), () => listInfo({ lists: { us_ofac: 10, us_csl: 0 } }))],
    ["a list without a hash", answering(finding(), () => listInfo({ listHashes: { us_ofac: "a1" } }))],
    ["no lists yet", answering(finding(), () => listInfo({ lists: null, listHashes: null }))],
    ["lists of no time", answering(finding(), () => listInfo({ endedAt: "soon" }))],
    ["lists of the year 1", answering(finding(), () => listInfo({ endedAt: "0001-01-01T00:00:00Z" }))],
  ]
  it.live.each(answers)("after %s", ([, behaviour]) =>
    Effect.gen(function* () {
      server.behaviour = behaviour
      const error = yield* Effect.flip(screen())
      assert.strictEqual(error._tag, "ProviderUnavailable")
      assert.notInclude(JSON.stringify(error), "Lovelace")
    }),
  )

  it.live("when one search of many has no answer", () =>
    Effect.gen(function* () {
      server.behaviour = (response, asked) =>
        asked.url?.includes("Nobody") === true
          ? json(500, {})(response, asked)
          : answering(finding())(response, asked)
      const items = Array.from({ length: 40 }, (_, index) =>
        named(index + 1, index === 33 ? "Nobody" : "Ada Lovelace", { type: "person" }),
      )
      const error = yield* Effect.flip(screen(items))
      assert.strictEqual(error._tag, "ProviderUnavailable")
    }),
  )

  it.live("while the lists change under it; by the lists before and after otherwise", () =>
    Effect.gen(function* () {
      let version = 0
      const changing = (until: number) => () => {
        version = Math.min(version + 1, until)
        return listInfo({ listHashes: { us_ofac: `${version}`, us_csl: "b2" } })
      }
      server.behaviour = answering(finding(), changing(100))
      const error = yield* Effect.flip(screen())
      assert.match(error.message, /lists: they changed while they were searched/)
      version = 0
      server.behaviour = answering(finding(), changing(2))
      assert.strictEqual((yield* screen()).decisions.length, 1)
      assert.strictEqual(version, 2)
    }),
  )

  it.live("by searches while it had loaded nothing, although it has the same lists before and after", () =>
    Effect.gen(function* () {
      // It is started again after the first question about its lists, and has loaded the same ones before the second.
      let times = 0
      const started = Date.now()
      const again = () => listInfo({ endedAt: new Date(started + Math.min(times++, 1)).toISOString() })
      server.behaviour = answering(
        (name, type) => finding(...(times > 1 ? [entity({ match: 1 })] : []))(name, type),
        again,
      )
      const { decisions } = yield* screen()
      assert.strictEqual(decisions[0]?.decision, "rejected")
    }),
  )

  it.live.each(misdeeds)("when the engine $does", ({ behaviour, problem, timeoutMs }) =>
    Effect.gen(function* () {
      server.behaviour = (response, asked) =>
        (asked.url?.startsWith("/v2/search") === true ? behaviour : answering(finding()))(response, asked)
      const error = yield* Effect.flip(screen(ada, timeoutMs))
      assert.match(
        `${error._tag} ${JSON.stringify(error)}`,
        new RegExp(`ProviderUnavailable.*search: .*${problem}`),
      )
      assert.notInclude(JSON.stringify(error), canary)
    }),
  )
})

interface Described {
  readonly enum?: ReadonlyArray<string>
}

/** Every list of words in a document, by where it is. */
const enumsIn = (value: unknown, at = ""): ReadonlyArray<readonly [string, ReadonlyArray<string>]> => {
  if (typeof value !== "object" || value === null) return []
  const { enum: words } = value as Described
  return [
    ...(Array.isArray(words) ? [[at, words] as const] : []),
    ...Object.entries(value).flatMap(([key, part]) => enumsIn(part, `${at}/${key}`)),
  ]
}

describe.skipIf(!isPublishedDataThere)("the words of the document", () => {
  it("are all read, or parked where docs/providers/watchman.md says why", async () => {
    const page = await readFile("docs/providers/watchman.md", "utf8")
    const document: unknown = parse(await readFile(publishedFile("openapi/moov.watchman-v2.yaml"), "utf8"))
    const enums = enumsIn(document)
    assert.isAbove(enums.length, 5)
    for (const [at, words] of enums)
      for (const word of words)
        if (!page.includes(`\`${word}\``)) assert.fail(`${at}: ${word} is not in docs/providers/watchman.md`)
    const types = enums.find(([at]) => at.endsWith("/Entity/properties/entityType"))?.[1]
    assert.deepStrictEqual(types?.toSorted(), [...entityTypes].sort())
  })
})
