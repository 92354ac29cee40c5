/**
 * Operators who sign in at an issuer of OpenID Connect, and send the access token that it gave them (RFC 9068, RFC 8725). The
 * person is the token's subject with its issuer, and never a name in the token. Roles follow from one claim of it.
 */
import { createHash } from "node:crypto"
import { Effect, Schema } from "effect"
import { decodeProtectedHeader, errors, type JWTPayload, jwtVerify } from "jose"
import type { Credential } from "../domain/credential.ts"
import { AcceptedText } from "../domain/outside-text.ts"
import type { StoreUnavailable } from "../platform/store-unavailable.ts"
import type { OperatorCaller } from "./caller.ts"
import { followIssuerKeys, type IssuerKeys, type IssuerTimes, issuerTimes } from "./issuer-keys.ts"
import { actsIn } from "./roles.ts"
import type { SignInTerms } from "./sign-in-settings.ts"

/** Why a token is refused, for the log and the metric. The answer does not show it. */
export const tokenRefusals = [
  "token-malformed",
  "token-algorithm",
  "token-key-unknown",
  "token-signature",
  "token-issuer",
  "token-audience",
  "token-expired",
  "token-not-yet",
  "token-claims",
  "token-signed-out",
] as const
export type TokenRefusal = (typeof tokenRefusals)[number]

export class TokenRefused extends Schema.TaggedError<TokenRefused>()("TokenRefused", {
  reason: Schema.Literals(tokenRefusals),
}) {}

/** Only asymmetric ones: a shared secret would let whoever verifies a token make one (RFC 8725, section 3.1). */
const ALGORITHMS = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519",
]
/** By how much the clocks of the issuer and of this machine may differ. */
const LEEWAY_S = 30
/** Values of the claim that are looked at. */
const CLAIM_VALUES_MAX = 1_000
const SUBJECT_LENGTH_MAX = 255

const form = /^[\w-]+\.[\w-]+\.[\w-]*$/

/** Whether a text is in the form of a signed token (RFC 7519). Keys of ours never are. */
export const isTokenForm = (text: string): boolean => form.test(text)

/** When any of some operators was last signed out, in milliseconds since 1970. */
export type LastSignOut = (
  operators: ReadonlyArray<string>,
) => Effect.Effect<number | undefined, StoreUnavailable>

/** Verifies tokens by the keys of the issuer, which are followed until the scope closes. */
export const makeSignIn = Effect.fnUntraced(function* (
  terms: SignInTerms,
  lastSignOut: LastSignOut,
  times: Omit<IssuerTimes, "outageMsMax"> = issuerTimes,
) {
  const keys = yield* followIssuerKeys(terms.issuer, { ...times, outageMsMax: terms.outageMsMax })
  return {
    /** The operator whose token it is. */
    callerOf: Effect.fnUntraced(function* (token: string) {
      const claims = yield* verifiedClaims(keys, terms, token)
      const { sub } = claims
      if (sub === undefined || sub.length === 0 || sub.length > SUBJECT_LENGTH_MAX)
        return yield* new TokenRefused({ reason: "token-claims" })
      yield* requireSignedIn(lastSignOut, terms, sub, claims.iat ?? 0)
      const name = nameIn(claims)
      const caller: OperatorCaller = {
        kind: "operator",
        credential: credentialOfSubject(terms, sub),
        acts: actsIn(valuesAt(claims, terms.rolesClaim).flatMap((value) => terms.rolesOf.get(value) ?? [])),
        ...(name === undefined ? {} : { name }),
      }
      return caller
    }),
  }
})

/**
 * Fails if the subject was signed out after its token was issued. The clock of the issuer may be ahead: a token counts as issued as
 * early as it may have been. The operator is looked for under the name of the settings, and under the one that it has without.
 */
const requireSignedIn = Effect.fnUntraced(function* (
  lastSignOut: LastSignOut,
  terms: SignInTerms,
  subject: string,
  issuedAt: number,
) {
  const unnamed = { ...terms, operatorOf: new Map<string, string>() }
  const names = [terms, unnamed].map((of) => credentialOfSubject(of, subject).slice("operator:".length))
  const at = yield* lastSignOut([...new Set(names)])
  if (at !== undefined && (issuedAt - LEEWAY_S) * 1_000 <= at)
    return yield* new TokenRefused({ reason: "token-signed-out" })
})

export type SignIn = Effect.Success<ReturnType<typeof makeSignIn>>

const verifiedClaims = Effect.fnUntraced(function* (keys: IssuerKeys, terms: SignInTerms, token: string) {
  const { alg, kid } = yield* Effect.try({
    try: () => decodeProtectedHeader(token),
    catch: () => new TokenRefused({ reason: "token-malformed" }),
  })
  // Before the issuer is asked: nobody makes us ask for a key that could not be used.
  if (alg === undefined || !ALGORITHMS.includes(alg))
    return yield* new TokenRefused({ reason: "token-algorithm" })
  if (kid === undefined) return yield* new TokenRefused({ reason: "token-key-unknown" })
  const known = yield* keys.withId(kid)
  if (known === undefined) return yield* new TokenRefused({ reason: "token-key-unknown" })
  return yield* Effect.tryPromise({
    try: async () => {
      const { payload } = await jwtVerify(token, known, {
        algorithms: ALGORITHMS,
        issuer: terms.issuer,
        audience: terms.audience,
        clockTolerance: LEEWAY_S,
        maxTokenAge: terms.tokenAgeMsMax / 1_000,
        requiredClaims: ["exp", "iat", "sub"],
      })
      return payload
    },
    catch: (error) => new TokenRefused({ reason: refusalOf(error) }),
  })
})

const refusalOf = (error: unknown): TokenRefusal => {
  if (error instanceof errors.JWTExpired) return "token-expired"
  if (error instanceof errors.JWTClaimValidationFailed) return refusalOfClaim[error.claim] ?? "token-claims"
  if (error instanceof errors.JOSEAlgNotAllowed) return "token-algorithm"
  if (error instanceof errors.JWKSNoMatchingKey) return "token-key-unknown"
  if (error instanceof errors.JWSSignatureVerificationFailed) return "token-signature"
  return "token-malformed"
}

const refusalOfClaim: Readonly<Record<string, TokenRefusal>> = {
  iss: "token-issuer",
  aud: "token-audience",
  nbf: "token-not-yet",
}

/**
 * The credential of a subject: the name that the settings give it, or else one of 28 letters, made of a hash of issuer and
 * subject. It is the same for ever, so that nobody becomes somebody else by another name, and it has no digits: no log takes it
 * for an account number.
 */
export const credentialOfSubject = (
  { issuer, operatorOf }: Pick<SignInTerms, "issuer" | "operatorOf">,
  subject: string,
): Credential => {
  const named = operatorOf.get(subject)
  if (named !== undefined) return `operator:${named}`
  const digest = createHash("sha256")
    .update(JSON.stringify([issuer, subject]))
    .digest("hex")
  let letters = ""
  for (let left = BigInt(`0x${digest}`); letters.length < 28; left /= 26n)
    letters += String.fromCharCode(97 + Number(left % 26n))
  return `operator:sso-${letters}`
}

/** The texts of a claim: a list, or one text with spaces (as `scope` has). A name with dots is looked for as it is, then as a path. */
const valuesAt = (claims: JWTPayload, name: string): ReadonlyArray<string> => {
  const value = Object.hasOwn(claims, name) ? claims[name] : at(claims, name.split("."))
  const list = typeof value === "string" ? value.split(" ") : Array.isArray(value) ? value : []
  return list.slice(0, CLAIM_VALUES_MAX).filter((one) => typeof one === "string")
}

const at = (value: unknown, [first, ...rest]: ReadonlyArray<string>): unknown => {
  if (first === undefined) return value
  return typeof value === "object" && value !== null && Object.hasOwn(value, first)
    ? at((value as Readonly<Record<string, unknown>>)[first], rest)
    : undefined
}

const isKeepable = Schema.is(AcceptedText(128))

/** A name for people, if the token has one that the log may keep. */
const nameIn = (claims: JWTPayload): string | undefined =>
  ["preferred_username", "email", "name"].map((claim) => claims[claim]).find((name) => isKeepable(name))
