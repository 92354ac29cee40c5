import { Effect, Layer } from "effect"
import {
  type Endpoint,
  EndpointRefused,
  NoSuchEndpoint,
  WebhookEndpoints,
} from "../../src/webhooks/endpoints.ts"

/** Endpoints that are forgotten with the test; those on plain HTTP are refused. */
export const endpointsInMemory: Layer.Layer<WebhookEndpoints> = Layer.sync(WebhookEndpoints, () => {
  const endpoints = new Map<string, Endpoint>()
  const of = (partner: string) => [...endpoints.values()].filter((endpoint) => endpoint.partner === partner)
  return {
    create: (asked) =>
      Effect.suspend(() => {
        if (asked.url.startsWith("http:"))
          return Effect.fail(new EndpointRefused({ field: "url", reason: "expected https" }))
        const id = `we_${"a".repeat(21)}${"abcdefgh"[endpoints.size]}`
        const endpoint: Endpoint = { id, ...asked, enabled: true, createdAt: new Date() }
        endpoints.set(id, endpoint)
        return Effect.succeed({ endpoint, secret: "whsec_c2VjcmV0" })
      }),
    list: (partner) => Effect.sync(() => of(partner)),
    remove: (partner, id) =>
      Effect.suspend(() => {
        if (!of(partner).some((endpoint) => endpoint.id === id))
          return Effect.fail(new NoSuchEndpoint({ endpoint: id }))
        endpoints.delete(id)
        return Effect.void
      }),
  }
})
