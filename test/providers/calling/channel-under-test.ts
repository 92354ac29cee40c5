/** A channel to a provider that behaves as a test says. */
import { Clock, Effect, Schema } from "effect"
import { afterAll, beforeAll, vi } from "vitest"
import { type PolicyFields, policyOf } from "../../../src/providers/calling/call-policy.ts"
import {
  type CallTerms,
  type ProviderChannel,
  ProviderChannels,
} from "../../../src/providers/calling/channel.ts"
import { callProvider, reading } from "../../../src/providers/calling/provider-http.ts"
import { freshMetrics } from "../../../src/telemetry/metrics.ts"
import { channels } from "../../settings.ts"
import { json, MisbehavingServer, PATIENT_MS } from "./misbehaving-server.ts"

/** Each file has one of its own, opened before its tests and closed after them: files share this module. */
export let server: MisbehavingServer
export const withServer = (): void => {
  beforeAll(async () => {
    server = await MisbehavingServer.open()
  })
  afterAll(() => server.close())
}

export const well = json(200, { said: "yes" })
export const ill = json(500, {})

/** A breaker that never opens, for what is not about it. */
export const noBreaker = { failurePercent: 100, calls: 1_000, callsMin: 1_000 }

export const openChannel = Effect.fnUntraced(function* (fields: PolicyFields) {
  const policy = policyOf(fields, { timeoutMs: PATIENT_MS, concurrency: 32 })
  return yield* (yield* ProviderChannels).open({ name: "north", kind: "instant" }, policy)
})

export const withChannels = Effect.provide([channels, freshMetrics])

export const terms = (own: Partial<CallTerms<string>> = {}): CallTerms<string> => ({
  step: "inquiry",
  repeatable: true,
  patienceMs: 0,
  outcomeOf: () => "Said",
  ...own,
})

export const asking = (url = server.url) =>
  callProvider(
    { name: "north", url, timeoutMs: PATIENT_MS },
    { step: "inquiry", method: "GET", path: "/" },
    {
      200: reading(Schema.Struct({ said: Schema.String }), ({ said }) => said),
      422: reading(Schema.Struct({}), () => "no"),
    },
  )

export const ask = (channel: ProviderChannel, own: Partial<CallTerms<string>> = {}) =>
  Effect.result(channel.call(terms(own), asking()))

/** Asks often enough to open a breaker that looks at four calls. */
export const askFour = (channel: ProviderChannel) =>
  Effect.forEach([1, 2, 3, 4], () => ask(channel), { discard: true })

export const quickBreaker = (openMs: number): PolicyFields => ({
  retries: { attemptsMax: 1 },
  breaker: { failurePercent: 50, calls: 4, callsMin: 4, openMs },
})

export const heard = (requests: number) =>
  Effect.promise(() => vi.waitUntil(() => server.asked.length === requests, { timeout: 10_000 }))

export const healthOf = (channel: ProviderChannel) =>
  Effect.map(Clock.currentTimeMillis, (now) => channel.report(now).breaker.health)
