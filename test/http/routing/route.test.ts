import { Effect, Schema } from "effect"
import { expect, it } from "vitest"
import type { EdgeContext } from "../../../src/http/edge/edge.ts"
import { NotFound, NotJson } from "../../../src/http/edge/failures.ts"
import { open } from "../../../src/http/routing/guards.ts"
import { openApiOf } from "../../../src/http/routing/openapi.ts"
import { readQuery, someOf } from "../../../src/http/routing/parameters.ts"
import { reply } from "../../../src/http/routing/reply.ts"
import { type Route, route } from "../../../src/http/routing/route.ts"

const about = {
  method: "GET",
  path: "/things",
  operationId: "listThings",
  tag: "Operations",
  summary: "List things",
  description: "All of them.",
  guard: open,
  answers: {
    200: { description: "Things.", schema: Schema.Struct({ things: Schema.Array(Schema.String) }) },
  },
} as const

const good = route({ ...about, failures: ["NotFound"] }).handledBy(
  Effect.fnUntraced(function* ({ c }) {
    if (c.req.path !== "/things") return yield* new NotFound({ what: "thing" })
    return reply(200, { things: ["one"] })
  }),
)

// What follows is checked by the compiler: without the error it does not pass.

// @ts-expect-error it can fail in a way that it does not name
route({ ...about, failures: [] }).handledBy(() => Effect.fail(new NotFound({ what: "thing" })))

const neverNotJson = route({ ...about, failures: ["NotFound", "NotJson"] }).handledBy(() =>
  Effect.fail(new NotFound({ what: "thing" })),
)
// @ts-expect-error it names a failure that cannot happen, so it is no route
const noRoute: Route<never> = neverNotJson

// @ts-expect-error it replies something else than its schema says
route({ ...about, failures: [] }).handledBy(() => Effect.succeed(reply(200, { things: [1] })))

// @ts-expect-error it replies with a status that it does not define
route({ ...about, failures: [] }).handledBy(() => Effect.succeed(reply(201, { things: [] })))

it("describes the failures that a route names, and those that every route has", () => {
  const { paths } = openApiOf([good.definition])
  const { responses } = Object(paths["/things"]).get
  expect(Object.keys(responses)).toEqual(["200", "400", "404", "406", "500"])
  expect(responses["404"].content["application/problem+json"].schema).toEqual({
    $ref: "#/components/schemas/NotFoundProblem",
  })
})

it("adds the failures of a check of keys to those of the handler", () => {
  const failing = route({ ...about, failures: ["NotJson"] }).handledBy(() => Effect.fail(new NotJson()))
  const guard = { access: { partner: "batches:read" }, failures: ["Unauthorized", "Forbidden"] } as const
  const { paths } = openApiOf([{ ...failing.definition, guard }])
  const { responses, security } = Object(paths["/things"]).get
  expect(Object.keys(responses)).toEqual(["200", "400", "401", "403", "406", "415", "500"])
  expect(security).toEqual([{ partnerKey: [] }])
})

it("describes entity tags of a route that is conditional, and words that are separated", () => {
  const words = someOf(Schema.Literals(["new", "old"]), { description: "Only those." })
  const { paths } = openApiOf([{ ...good.definition, conditional: true, query: { words } }])
  const { parameters, responses } = Object(paths["/things"]).get
  expect(parameters.map(({ name }: { readonly name: string }) => name)).toEqual(["words", "If-None-Match"])
  expect(parameters[0].explode).toBe(false)
  expect(responses["200"].headers.etag.required).toBe(true)
  expect([responses["304"].headers.etag.required, responses["304"].content]).toEqual([true, undefined])
})

it("reads words in their own order, each once, and refuses others", () => {
  const { read } = someOf(Schema.Literals(["new", "old"]), { description: "Only those." })
  expect(read("old,new,old")).toEqual({ value: ["new", "old"] })
  expect(read(undefined)).toEqual({ value: undefined })
  for (const text of ["", "new,", "New", "new old"]) expect(read(text)).toHaveProperty("expected")
})

const queryOf = (target: string) => {
  const parameters = { state: someOf(Schema.Literals(["new", "old"]), { description: "Only those." }) }
  const queries = (): Record<string, Array<string>> => {
    const given: Record<string, Array<string>> = Object.create(null)
    for (const [name, value] of new URLSearchParams(target)) given[name] = [value]
    return given
  }
  return readQuery({ req: { queries } } as unknown as Pick<EdgeContext, "req">, parameters)
}

it("refuses parameters that it does not have by their names, masked, and at most five", () => {
  expect(queryOf("state=new")).toEqual({ state: ["new"] })
  expect(queryOf("constructor=1")).toMatchObject({ detail: expect.stringContaining('"constructor". Known') })
  expect(queryOf("__proto__=1")).toMatchObject({ detail: expect.stringContaining('"__proto__"') })
  expect(queryOf("DE89370400440532013000=1")).toMatchObject({
    detail: expect.not.stringContaining("370400440532013000"),
  })
  const many = Array.from({ length: 900 }, (_, index) => `p${index}=`).join("&")
  expect(queryOf(many)).toMatchObject({
    detail: expect.stringMatching(/"p4" and 895 more\. Known are state\.$/),
  })
})

it("is described by what was defined, whatever the compiler says of it", () => {
  expect(noRoute.definition.failures).toEqual(["NotFound", "NotJson"])
})
