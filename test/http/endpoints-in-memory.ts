import { Effect, Layer } from "effect"
import {
  type Endpoint,
  EndpointChanged,
  EndpointExists,
  EndpointRefused,
  NoSuchEndpoint,
  TestedTooOften,
  WebhookEndpoints,
} from "../../src/webhooks/endpoints.ts"

/** Endpoints that are forgotten with the test; those on plain HTTP are refused, and tests of those that are described as `busy`.
 * One that is described as `with a signing key` has one. */
export const endpointsInMemory: Layer.Layer<WebhookEndpoints> = Layer.sync(WebhookEndpoints, () => {
  const endpoints = new Map<string, Endpoint>()
  const of = (partner: string) => [...endpoints.values()].filter((endpoint) => endpoint.partner === partner)
  const find = Effect.fnUntraced(function* (partner: string, id: string, version?: number) {
    const endpoint = of(partner).find((one) => one.id === id)
    if (endpoint === undefined) return yield* new NoSuchEndpoint({ endpoint: id })
    return endpoint.version === (version ?? endpoint.version)
      ? endpoint
      : yield* Effect.fail(new EndpointChanged({ version: endpoint.version }))
  })
  const check = (partner: string, url = "", but = "") => {
    if (url.startsWith("http:"))
      return Effect.fail(new EndpointRefused({ field: "url", reason: "expected https" }))
    const same = of(partner).find((one) => one.url === url && one.id !== but)
    return same === undefined ? Effect.void : Effect.fail(new EndpointExists({ endpoint: same.id }))
  }
  const put = (endpoint: Endpoint) => {
    endpoints.set(endpoint.id, endpoint)
    return endpoint
  }
  return WebhookEndpoints.of({
    create: Effect.fnUntraced(function* (asked) {
      yield* check(asked.partner, asked.url)
      const id = `we_${"a".repeat(21)}${"abcdefgh"[endpoints.size]}`
      const at = new Date()
      const endpoint = put({
        id,
        ordered: false,
        ...asked,
        state: "active",
        since: at,
        createdAt: at,
        version: 1,
        hasSigningKey: asked.description === "with a signing key",
      })
      return { endpoint, secret: "whsec_c2VjcmV0" }
    }),
    list: (partner) => Effect.sync(() => of(partner)),
    find: (partner, id) => Effect.catchTag(find(partner, id), "EndpointChanged", Effect.die),
    update: Effect.fnUntraced(function* (partner, id, changes, { version } = {}) {
      const before = yield* find(partner, id, version)
      yield* check(partner, changes.url, id)
      const set = Object.entries({ ...before, ...changes, version: before.version + 1 })
      return put(Object.fromEntries(set.filter(([, value]) => value !== null)) as unknown as Endpoint)
    }),
    setState: Effect.fnUntraced(function* (partner, id, state, { version } = {}) {
      const before = yield* find(partner, id, version)
      return put({ ...before, state, version: before.version + 1 })
    }),
    test: Effect.fnUntraced(function* (partner, id) {
      const { description } = yield* Effect.catchTag(find(partner, id), "EndpointChanged", Effect.die)
      if (description === "busy") return yield* new TestedTooOften({ retryAfterSeconds: 5 })
      return { event: `${id}:test:0123456789abcdef` }
    }),
    remove: Effect.fnUntraced(function* (partner, id) {
      yield* Effect.catchTag(find(partner, id), "EndpointChanged", Effect.die)
      endpoints.delete(id)
    }),
  })
})
