/** Connections with configured certificates: the authorities to trust, and the certificate to present. */
import { createSecureContext } from "node:tls"
import { Effect, Redacted } from "effect"
import type { AppConfig } from "../../config.ts"
import type { ProviderTls } from "./provider-access.ts"
import { below, InvalidProviderSetting, type Place } from "./provider-place.ts"
import { openSecret, type Secret } from "./secret-reference.ts"

export interface Connection {
  /** Makes requests. When certificates were replaced, new connections use the new ones. */
  readonly fetch: Effect.Effect<typeof fetch>
  readonly doubt: Effect.Effect<void>
}

/** Node's own connections. */
export const plainConnection: Connection = { fetch: Effect.succeed(fetch), doubt: Effect.void }

const pem = /-----BEGIN [A-Z ]+-----[\s\S]+-----END [A-Z ]+-----/
/** Idle connections are closed, so that none uses old certificates for long. */
const IDLE_MS_MAX = 30_000

/** Reads the certificates. Fails, with the place, if one is missing or they do not belong together. */
export const openConnection = Effect.fnUntraced(function* (
  { ca, cert, key, serverName }: ProviderTls,
  place: Place,
): Effect.fn.Return<Connection, InvalidProviderSetting, AppConfig> {
  const open = (field: string, reference: typeof ca) =>
    reference === undefined ? Effect.undefined : openSecret(reference, below(place, field), pem)
  const secrets = [yield* open("ca", ca), yield* open("cert", cert), yield* open("key", key)] as const
  const values = Effect.forEach(secrets, pemOf)
  // Loaded here, because most providers need no configured certificates.
  const { Agent, fetch: fetchBy } = yield* Effect.promise(() => import("undici"))
  const agentOf = ([ca, cert, key]: ReadonlyArray<string | undefined>) =>
    new Agent({
      keepAliveTimeout: IDLE_MS_MAX,
      connect: {
        ...(ca === undefined ? {} : { ca }),
        ...(cert === undefined ? {} : { cert }),
        ...(key === undefined ? {} : { key }),
        ...(serverName === undefined ? {} : { servername: serverName }),
      },
    })
  let made = yield* values
  if (!isUsable(made))
    return yield* new InvalidProviderSetting({
      setting: place.setting,
      reason: `${place.path}: these certificates and this key cannot be used together`,
    })
  let agent = agentOf(made)
  return {
    fetch: Effect.map(values, (now) => {
      if (now.some((value, at) => value !== made[at]) && isUsable(now)) {
        // Calls under way finish on the old connections.
        void agent.close()
        made = now
        agent = agentOf(now)
      }
      const by = agent
      return ((input: string, init: object) => fetchBy(input, { ...init, dispatcher: by })) as typeof fetch
    }),
    doubt: Effect.forEach(secrets, (secret) => secret?.doubt ?? Effect.void, { discard: true }),
  }
})

const pemOf = (secret: Secret | undefined): Effect.Effect<string | undefined> =>
  secret === undefined ? Effect.undefined : Effect.map(secret.current, Redacted.value)

/** Whether these can be used together: two files are never replaced at exactly the same moment. */
const isUsable = ([ca, cert, key]: ReadonlyArray<string | undefined>): boolean => {
  try {
    return createSecureContext({ ca, cert, key }) !== undefined
  } catch {
    return false
  }
}
