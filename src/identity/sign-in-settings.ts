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

/** The terms of signing in; `undefined` if there is no issuer. Fails if settings contradict each other, with all that do. */
export const signInTerms = Effect.fnUntraced(function* (given: Settings["signIn"]) {
  const problems = signInProblems(given)
  const [first] = problems
  if (first !== undefined)
    return yield* new InvalidKeys({
      setting: first.setting,
      reason: [first.reason, ...problems.slice(1).map(({ setting, reason }) => `${setting}: ${reason}`)].join(
        "; ",
      ),
    })
  const { issuer, audience, roles, operators, ...times } = given
  if (Option.isNone(issuer) || Option.isNone(audience)) return undefined
  const terms: SignInTerms = {
    ...times,
    issuer: issuer.value,
    audience: audience.value,
    rolesOf: new Map(roles.map(([value, list]) => [value, list.split("+").filter(isOperatorRole)])),
    operatorOf: new Map(operators.map(([name, subject]) => [subject, name])),
  }
  return terms
})

/** What is wrong with the settings of the issuer. */
export const signInProblems = ({
  issuer,
  audience,
  roles,
  operators,
}: Settings["signIn"]): ReadonlyArray<{ readonly setting: string; readonly reason: string }> => {
  const problem = (setting: string, reason: string) => ({ setting, reason })
  if (Option.isNone(issuer))
    return Option.isSome(audience) || roles.length > 0 || operators.length > 0
      ? [problem("OIDC_ISSUER", "is missing, and other settings of the issuer are there")]
      : []
  const missing = "is missing, and OIDC_ISSUER is there"
  return [
    ...(isSafeUrl(issuer.value)
      ? []
      : [problem("OIDC_ISSUER", "expected an https URL, or an http one of this machine")]),
    ...(Option.isNone(audience) ? [problem("OIDC_AUDIENCE", missing)] : []),
    ...(roles.length === 0 ? [problem("OIDC_ROLES", missing)] : []),
    ...roles.flatMap(([value, list], index) =>
      value !== "" &&
      roles.findIndex(([other]) => other === value) === index &&
      list.split("+").every(isOperatorRole)
        ? []
        : [problem("OIDC_ROLES", `entry ${index + 1} is not of the form value=reviewer+approver`)],
    ),
    ...operators.flatMap(([name, subject], index) =>
      isOperatorName(name) &&
      subject !== "" &&
      operators.findIndex(([, other]) => other === subject) === index
        ? []
        : [problem("OIDC_OPERATORS", `entry ${index + 1} is not of the form alice=subject`)],
    ),
  ]
}
