import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { afterAll, beforeAll } from "vitest"
import { yente } from "../../../src/providers/compliance/yente-http.ts"
import { type Behaviour, canary, json, MisbehavingServer, misdeeds } from "../calling/misbehaving-server.ts"
import { listEngineContract, named, screenBy, thresholds } from "./list-engines.ts"

const own = { thresholds, dataset: "sanctions" }

listEngineContract(yente, "yente", own)

let server: MisbehavingServer
beforeAll(async () => {
  server = await MisbehavingServer.open()
})
afterAll(() => server.close())

const stamp = (ms: number): string => new Date(ms).toISOString().replaceAll(/\D/g, "").slice(0, 14)
const version = `${stamp(Date.now())}-abc`

const dataset = (name: string, more: object = {}) => ({ name, children: [], index_version: null, ...more })
const catalog = (more: object = {}, ...others: ReadonlyArray<object>) => ({
  datasets: [
    dataset("default", { children: ["regional"], index_version: version, ...more }),
    dataset("regional", { children: ["sanctions"] }),
    dataset("sanctions"),
    ...others,
  ],
})

interface Query {
  readonly schema: string
  readonly properties: Readonly<Record<string, ReadonlyArray<string>>>
}
type Queries = Readonly<Record<string, Query>>

const entity = (more: object = {}) => ({
  id: "NK-ada",
  caption: "Ada LOVELACE",
  schema: "Person",
  properties: { name: ["Ada LOVELACE"], topics: ["sanction"], address: [{ id: "x" }] },
  datasets: ["eu_fsf"],
  score: 0.9,
  match: true,
  ...more,
})

const responses = (queries: Queries, results: ReadonlyArray<object> = [], more: object = {}) =>
  Object.fromEntries(
    Object.entries(queries).map(([key, query]) => [key, { status: 200, results, query, ...more }]),
  )

const answering =
  (answer: (queries: Queries) => unknown, catalogue: () => unknown = catalog): Behaviour =>
  (response, asked) =>
    json(
      200,
      asked.url === "/catalog"
        ? catalogue()
        : answer((JSON.parse(asked.body) as { queries: Queries }).queries),
    )(response, asked)

const finding =
  (...results: ReadonlyArray<object>) =>
  (queries: Queries) => ({ responses: responses(queries, results), limit: 5 })

const ada = [named(1, "Ada Lovelace", { type: "person" })]
const screen = (items = ada, timeoutMs?: number) => screenBy(yente, server.url, own, items, timeoutMs)
const queriesAsked = () =>
  server.asked.flatMap(({ url, body }) =>
    url?.startsWith("/match/") === true ? [(JSON.parse(body) as { queries: Queries }).queries] : [],
  )

it.live("asks in batches, by what each beneficiary is", () =>
  Effect.gen(function* () {
    server.behaviour = answering(finding())
    server.asked.length = 0
    const items = Array.from({ length: 23 }, (_, index) => named(index + 1, `Ada ${index}`))
    const { decisions, listVersion } = yield* screen([
      ...items,
      named(24, "Two", { type: "company" }),
      named(25, "Three", { type: "person" }),
    ])
    assert.strictEqual(decisions.length, 25)
    assert.strictEqual(listVersion, `sanctions by logic-v1: default ${version}`)
    const asked = queriesAsked()
    assert.deepStrictEqual(asked.map((queries) => Object.keys(queries).length).toSorted(), [10, 10, 5])
    const all = Object.assign({}, ...asked) as Queries
    assert.deepStrictEqual<unknown>(all["item-1"], { schema: "LegalEntity", properties: { name: ["Ada 0"] } })
    assert.strictEqual(all["item-24"]?.schema, "Organization")
    assert.strictEqual(all["item-25"]?.schema, "Person")
    const { url = "" } = server.asked.find(({ url }) => url?.startsWith("/match/") === true) ?? {}
    assert.strictEqual(url, "/match/sanctions?algorithm=logic-v1&limit=5&threshold=0.8&cutoff=0.8")
  }),
)

it.live("asks about fewer at a time if an answer is too long", () =>
  Effect.gen(function* () {
    server.behaviour = answering((queries) => {
      const padding = "x".repeat(300_000 * Object.keys(queries).length)
      return { responses: responses(queries), padding }
    })
    const items = Array.from({ length: 10 }, (_, index) => named(index + 1, `Ada ${index}`))
    const { decisions } = yield* screen(items)
    assert.deepStrictEqual(
      decisions.map(({ item }) => item),
      items.map(({ item }) => item),
    )
  }),
)

it.live("says what it found, and under which topics", () =>
  Effect.gen(function* () {
    server.behaviour = answering(finding(entity()))
    const [answer] = (yield* screen()).decisions
    assert.deepInclude(answer as object, {
      decision: "review",
      matches: [
        { name: "Ada LOVELACE", lists: ["eu_fsf"], id: "NK-ada", score: 0.9, programs: ["sanction"] },
      ],
    })
  }),
)

describe("clears nobody", () => {
  const answers: ReadonlyArray<readonly [string, Behaviour]> = [
    ["a score above 1", answering(finding(entity({ score: 1.5 })))],
    ["a score below 0", answering(finding(entity({ score: -1 })))],
    ["no score", answering(finding(entity({ score: undefined })))],
    ["a score that is null", answering(finding(entity({ score: null })))],
    ["a match below the threshold", answering(finding(entity({ score: 0.1, match: true })))],
    ["more than was asked for", answering(finding(...Array.from({ length: 6 }, () => entity())))],
    ["no responses", answering(() => ({}))],
    ["no response about one", answering(() => ({ responses: {} }))],
    [
      "a response too many",
      answering((queries) => ({ responses: { ...responses(queries), more: responses(queries)["item-1"] } })),
    ],
    [
      "a response that failed",
      answering((queries) => ({ responses: responses(queries, [], { status: 500 }) })),
    ],
    [
      "a response about somebody else",
      answering((queries) => ({
        responses: responses(queries, [], { query: { schema: "Person", properties: { name: ["Grace"] } } }),
      })),
    ],
    [
      "a response about nobody",
      answering((queries) => ({
        responses: responses(queries, [], { query: { schema: "Person", properties: {} } }),
      })),
    ],
    [
      "a response about another kind of thing",
      answering((queries) => ({
        responses: responses(queries, [], {
          query: { schema: "Vessel", properties: { name: ["Ada Lovelace"] } },
        }),
      })),
    ],
    ["no data set of that name", answering(finding(), () => ({ datasets: [dataset("default")] }))],
    ["nothing indexed", answering(finding(), () => catalog({ index_version: null }))],
    ["an empty index", answering(finding(), () => catalog({ entity_count: 0 }))],
    ["old data", answering(finding(), () => catalog({ index_version: "20260101000000-abc" }))],
    [
      "data of no time",
      answering(finding(), () => catalog({ index_version: "latest", index_current: true })),
    ],
    [
      "data of a time that is another version's",
      answering(finding(), () =>
        catalog({ index_version: "latest", index_current: false, updated_at: new Date().toISOString() }),
      ),
    ],
    [
      "old data beside new",
      answering(finding(), () =>
        catalog({}, dataset("other", { children: ["sanctions"], index_version: "20260101000000-abc" })),
      ),
    ],
  ]
  it.live.each(answers)("after %s", ([, behaviour]) =>
    Effect.gen(function* () {
      server.behaviour = behaviour
      const error = yield* Effect.flip(screen())
      assert.strictEqual(error._tag, "ProviderUnavailable")
      assert.notInclude(JSON.stringify(error), "Lovelace")
    }),
  )

  it.live("while the data change under it", () =>
    Effect.gen(function* () {
      let times = 0
      server.behaviour = answering(finding(), () => {
        times += 1
        return catalog({ index_version: `${version}${times}` })
      })
      assert.match((yield* Effect.flip(screen())).message, /they changed while they were searched/)
    }),
  )

  it.live.each(misdeeds)("when the engine $does", ({ behaviour, problem, timeoutMs }) =>
    Effect.gen(function* () {
      server.behaviour = (response, asked) =>
        (asked.url === "/catalog" ? answering(finding()) : behaviour)(response, asked)
      const error = yield* Effect.flip(screen(ada, timeoutMs))
      assert.match(
        `${error._tag} ${JSON.stringify(error)}`,
        new RegExp(`ProviderUnavailable.*search: .*${problem}`),
      )
      assert.notInclude(JSON.stringify(error), canary)
    }),
  )
})

it.live("reads the time of data without a version of that form", () =>
  Effect.gen(function* () {
    const updated_at = new Date().toISOString().slice(0, 19)
    server.behaviour = answering(finding(), () =>
      catalog({ index_version: "latest", index_current: true, updated_at }),
    )
    assert.strictEqual((yield* screen()).listVersion, "sanctions by logic-v1: default latest")
  }),
)
