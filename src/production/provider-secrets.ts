/** The secrets that the settings of providers name: read once, to be judged, as those of the environment are. */
import { Effect, Result } from "effect"
import type { ProviderAuth } from "../providers/calling/provider-access.ts"
import { below, type Place } from "../providers/calling/provider-place.ts"
import { openSecret, type SecretReference } from "../providers/calling/secret-reference.ts"
import { providerSecretFindings } from "./key-checks.ts"

/** Any text: whether it has the right form is judged by who uses it. */
const anything = /./s

/** What is presented or signed with, and where its reference stands. */
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

/** What speaks against the secret of a provider. One that cannot be read is told by whoever calls the provider. */
export const secretFindings = Effect.fnUntraced(function* (name: string, auth: ProviderAuth, place: Place) {
  const [field, reference] = secretIn(auth)
  const at = below(below(place, "auth"), field)
  const secret = yield* Effect.result(openSecret(reference, at, anything))
  if (Result.isFailure(secret)) return []
  const named = { name, setting: at.path, secret: yield* secret.success.current }
  return providerSecretFindings(named, auth.kind === "hmac" ? "signs" : "presented")
})
