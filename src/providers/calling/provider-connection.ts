/** Connections with certificates of their own: which authorities are believed, and what is shown to a provider. */
import { createSecureContext } from "node:tls"
import { Effect, Redacted } from "effect"
import type { AppConfig } from "../../config.ts"
import type { ProviderTls } from "./provider-access.ts"
import { below, InvalidProviderSetting, type Place } from "./provider-place.ts"
import { openSecret, type Secret } from "./secret-reference.ts"

export interface Connection {
  /** Makes requests; with certificates that were replaced, new connections are made with those. */
  readonly fetch: Effect.Effect<typeof fetch>
  readonly doubt: Effect.Effect<void>
}

/** The connections that Node makes by itself. */
export const plainConnection: Connection = { fetch: Effect.succeed(fetch), doubt: Effect.void }

const pem = /-----BEGIN [A-Z ]+-----[\s\S]+-----END [A-Z ]+-----/
/** An idle connection ends by itself, so that one with old certificates does not live for ever. */
const IDLE_MS_MAX = 30_000

/** Reads the certificates, and fails with their place when they are not there or do not belong together. */
export const openConnection = Effect.fnUntraced(function* (
  { ca, cert, key, serverName }: ProviderTls,
  place: Place,
): Effect.fn.Return<Connection, InvalidProviderSetting, AppConfig> {
  const open = (field: string, reference: typeof ca) =>
    reference === undefined ? Effect.undefined : openSecret(reference, below(place, field), pem)
  const secrets = [yield* open("ca", ca), yield* open("cert", cert), yield* open("key", key)] as const
  const values = Effect.forEach(secrets, pemOf)
  // Loaded here, because most providers need no certificates of their own.
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
        // What is under way ends as it began.
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

/** Whether a connection could be made with these: two files are not replaced in one moment. */
const isUsable = ([ca, cert, key]: ReadonlyArray<string | undefined>): boolean => {
  try {
    return createSecureContext({ ca, cert, key }) !== undefined
  } catch {
    return false
  }
}
