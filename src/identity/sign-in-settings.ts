/** The settings by which operators sign in at an issuer of OpenID Connect, checked together. */
import { Effect, Option } from "effect"
import type { Settings } from "../config.ts"
import { isOperatorName } from "../domain/credential.ts"
import { isSafeUrl } from "./issuer-url.ts"
import { InvalidKeys } from "./key-list.ts"
import { isOperatorRole, type Role } from "./roles.ts"

export interface SignInTerms {
  /** As tokens name it in `iss`, letter for letter. */
  readonly issuer: string
  readonly audience: string
  /** The claim that lists what the roles follow from. */
  readonly rolesClaim: string
  /** The roles that each value of the claim gives. */
  readonly rolesOf: ReadonlyMap<string, ReadonlyArray<Role>>
  /** The names of operators whose subjects are known, so that they are the same people under their keys. */
  readonly operatorOf: ReadonlyMap<string, string>
  readonly tokenAgeMsMax: number
  readonly outageMsMax: number
}

/** The terms of signing in; `undefined` if there is no issuer. Fails if settings contradict each other. */
export const signInTerms = Effect.fnUntraced(function* (given: Settings["signIn"]) {
  const { issuer, audience, roles, operators, ...times } = given
  if (Option.isNone(issuer)) {
    if (Option.isSome(audience) || roles.length > 0 || operators.length > 0)
      return yield* invalid("OIDC_ISSUER", "is missing, and other settings of the issuer are there")
    return undefined
  }
  if (!isSafeUrl(issuer.value))
    return yield* invalid("OIDC_ISSUER", "expected an https URL, or an http one of this machine")
  if (Option.isNone(audience)) return yield* invalid("OIDC_AUDIENCE", "is missing, and OIDC_ISSUER is there")
  if (roles.length === 0) return yield* invalid("OIDC_ROLES", "is missing, and OIDC_ISSUER is there")
  const rolesOf = new Map<string, ReadonlyArray<Role>>()
  for (const [index, [value, list]] of roles.entries()) {
    const given = list.split("+")
    if (value === "" || rolesOf.has(value) || !given.every(isOperatorRole))
      return yield* invalid("OIDC_ROLES", `entry ${index + 1} is not of the form value=reviewer+approver`)
    rolesOf.set(value, given)
  }
  const operatorOf = new Map<string, string>()
  for (const [index, [name, subject]] of operators.entries()) {
    if (!isOperatorName(name) || subject === "" || operatorOf.has(subject))
      return yield* invalid("OIDC_OPERATORS", `entry ${index + 1} is not of the form alice=subject`)
    operatorOf.set(subject, name)
  }
  const terms: SignInTerms = { ...times, issuer: issuer.value, audience: audience.value, rolesOf, operatorOf }
  return terms
})

const invalid = (setting: string, reason: string) => new InvalidKeys({ setting, reason })
