/** Connections with configured certificates: the authorities to trust, and the certificate to present. */
import { createSecureContext } from "node:tls"
import { Effect, Redacted } from "effect"
import { Agent } from "undici"
import type { AppConfig } from "../../config.ts"
import { usualConnections } from "./http-exchange.ts"
import type { Connections, ProviderTls } from "./provider-access.ts"
import { below, InvalidProviderSetting, type Place } from "./provider-place.ts"
import { openSecret, type Secret } from "./secret-reference.ts"

export interface Connection {
  /** When certificates were replaced, new connections use the new ones. */
  readonly connections: Effect.Effect<Connections>
  readonly doubt: Effect.Effect<void>
}

/** Connections without configured certificates. */
export const plainConnection: Connection = {
  connections: Effect.succeed(usualConnections),
  doubt: Effect.void,
}

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
  const agentOf = ([ca, cert, key]: ReadonlyArray<string | undefined>) =>
    new Agent({
      allowH2: false,
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
    connections: Effect.map(values, (now) => {
      if (now.some((value, at) => value !== made[at]) && isUsable(now)) {
        // Calls under way finish on the old connections.
        void agent.close()
        made = now
        agent = agentOf(now)
      }
      return agent
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
