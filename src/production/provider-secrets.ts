/** Reads the secrets that providers' settings refer to, to check them like those of the environment. */
import { Effect, Result } from "effect"
import type { ProviderAuth } from "../providers/calling/provider-access.ts"
import { below, type Place } from "../providers/calling/provider-place.ts"
import { openSecret, type SecretReference } from "../providers/calling/secret-reference.ts"
import type { ProviderSecret } from "./key-checks.ts"

/** Accepts any text. The code that uses a secret checks its form. */
const anything = /./s

/** The secret of an authentication, and the field with its reference. */
const secretIn = (auth: ProviderAuth): readonly [field: string, reference: SecretReference] => {
  switch (auth.kind) {
    case "bearer":
      return ["token", auth.token]
    case "basic":
      return ["password", auth.password]
    case "header":
      return ["value", auth.value]
    case "oauth2":
      return ["clientSecret", auth.clientSecret]
    case "hmac":
      return ["secret", auth.secret]
  }
}

/** A provider with its name and the place of its settings. */
interface Called {
  readonly name: string
  readonly place: Place
  readonly http: { readonly auth?: ProviderAuth }
}

/** The secrets that could be read, and the names of providers whose secret could not. */
export interface ProviderSecrets {
  readonly read: ReadonlyArray<ProviderSecret>
  readonly unread: ReadonlySet<string>
}

/**
 * The secrets of providers. One that cannot be read is not an error here: not every process calls every provider or needs
 * its secret. The process that calls the provider reports it.
 */
export const providerSecrets = Effect.fnUntraced(function* (called: ReadonlyArray<Called>) {
  const read: Array<ProviderSecret> = []
  const unread = new Set<string>()
  for (const { name, place, http } of called) {
    if (http.auth === undefined) continue
    const [field, reference] = secretIn(http.auth)
    const at = below(below(place, "auth"), field)
    const secret = yield* Effect.result(openSecret(reference, at, anything))
    if (Result.isFailure(secret)) unread.add(name)
    else
      read.push({
        name,
        party: name,
        setting: at.path,
        secret: yield* secret.success.current,
        use: http.auth.kind === "hmac" ? "signs" : "presented",
      })
  }
  return { read, unread } satisfies ProviderSecrets
})
