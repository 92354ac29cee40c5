import { Effect, Layer, Redacted } from "effect"
import { newSigningKey, publicKeyOf } from "../../src/platform/webhook-signing-key.ts"
import {
  type EndpointOf,
  EndpointSecrets,
  type LivePublicKey,
  NoSigningKey,
  RotationUnderWay,
} from "../../src/webhooks/endpoint-secrets.ts"
import { NoSuchEndpoint, WebhookEndpoints } from "../../src/webhooks/endpoints.ts"

/** As long as a store takes, so that requests overlap. */
const READ_MS = 20

interface State {
  secretUntil: Date | undefined
  keys: ReadonlyArray<LivePublicKey>
}

const newPublicKey = (): LivePublicKey => ({
  ...publicKeyOf(Redacted.make(newSigningKey())),
  until: undefined,
})

/** What signs the webhooks of endpoints that are forgotten with the test. */
export const endpointSecretsInMemory = Layer.effect(
  EndpointSecrets,
  Effect.gen(function* () {
    const { list } = yield* WebhookEndpoints
    const states = new Map<string, State>()
    const stateOf = Effect.fnUntraced(function* ({ partner, endpoint }: EndpointOf) {
      const own = yield* list(partner)
      if (!own.some(({ id }) => id === endpoint)) return yield* new NoSuchEndpoint({ endpoint })
      const state = states.get(endpoint) ?? { secretUntil: undefined, keys: [] }
      states.set(endpoint, state)
      return state
    })
    const after = (overlapMs: number) => (overlapMs === 0 ? undefined : new Date(Date.now() + overlapMs))
    return EndpointSecrets.of({
      rotateSecret: Effect.fnUntraced(function* (of, { overlapMs, restart }) {
        const state = yield* stateOf(of)
        if (state.secretUntil !== undefined && overlapMs > 0 && !restart)
          return yield* new RotationUnderWay({ until: state.secretUntil })
        state.secretUntil = after(overlapMs)
        return { secret: "whsec_bmV3IHNlY3JldA==", previousUntil: state.secretUntil }
      }),
      endPrevious: Effect.fnUntraced(function* (signer, of) {
        const state = yield* stateOf(of)
        if (signer === "secret") state.secretUntil = undefined
        else state.keys = state.keys.slice(0, 1)
      }),
      addSigningKey: Effect.fnUntraced(function* (of) {
        const state = yield* stateOf(of)
        if (state.keys.length === 0) state.keys = [newPublicKey()]
      }),
      rotateSigningKey: Effect.fnUntraced(function* (of, { overlapMs }) {
        const state = yield* stateOf(of)
        const [current, previous] = state.keys
        if (current === undefined) return yield* new NoSigningKey({ endpoint: of.endpoint })
        if (previous?.until !== undefined && overlapMs > 0)
          return yield* new RotationUnderWay({ until: previous.until })
        const until = after(overlapMs)
        state.keys = [newPublicKey(), ...(until === undefined ? [] : [{ ...current, until }])]
        return { previousUntil: until }
      }),
      removeSigningKey: Effect.fnUntraced(function* (of) {
        const state = yield* stateOf(of)
        state.keys = []
      }),
      signatures: (of) =>
        Effect.map(stateOf(of), ({ secretUntil, keys }) => ({
          previousSecretUntil: secretUntil,
          publicKeys: keys,
        })),
      publicKeys: (endpoint) =>
        Effect.delay(
          Effect.sync(() => states.get(endpoint)?.keys ?? []),
          READ_MS,
        ),
      partnerOf: (endpoint) => Effect.fail(new NoSuchEndpoint({ endpoint })),
      forgetExpired: Effect.succeed(0),
    })
  }),
)
