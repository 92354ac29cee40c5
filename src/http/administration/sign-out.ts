/** `POST /admin/people/:operator/sign-out`: refuses the tokens that a person has, when an account has to end at once. */
import { Effect, Schema } from "effect"
import { isOperatorName } from "../../domain/credential.ts"
import { AcceptedText } from "../../domain/outside-text.ts"
import { access } from "../../identity/access.ts"
import { Administration, type InvalidKeyTerms } from "../../identity/administration.ts"
import { InvalidBody } from "../edge/failures.ts"
import { fieldProblem } from "../edge/field-problem.ts"
import { jsonBody } from "../routing/bodies.ts"
import { operator } from "../routing/guards.ts"
import { named } from "../routing/parameters.ts"
import { reply } from "../routing/reply.ts"
import { route } from "../routing/route.ts"
import { Instant } from "../routing/shapes.ts"

const OperatorName = Schema.String.check(
  Schema.makeFilter((text: string) => isOperatorName(text), {
    toJsonSchema: () => ({ pattern: "^[a-z0-9][a-z0-9-]{0,62}$" }),
  }),
)

const SignOut = Schema.Struct({
  operator: Schema.String,
  signedOutAt: Instant,
}).annotate({ identifier: "SignOut" })

const Reason = Schema.Struct({ reason: Schema.optionalKey(AcceptedText(280)) }).annotate({
  identifier: "SignOutReason",
})

const example = { operator: "sso-abcdefghijklmnopqrstuvwxyzab", signedOutAt: "2027-02-03T04:05:06.789Z" }

export const signOutPerson = route({
  method: "POST",
  path: "/admin/people/:operator/sign-out",
  operationId: "signOutPerson",
  tag: "Administration",
  summary: "Sign a person out at once",
  description:
    "Refuses the tokens that the issuer of sign-ins gave the person until now: they work nowhere a few seconds later. Keys of the same name work on. End the account at the issuer first, or the person signs in again.",
  guard: operator(access.manageKeys.operator),
  parameters: {
    operator: named(OperatorName, {
      description: "The person as the audit trail names it, without `operator:`.",
      example: example.operator,
      what: "operator",
    }),
  },
  body: jsonBody(Reason, {
    kind: "endpoints",
    bytesMax: 64 * 1024,
    example: { reason: "Left the company." },
  }),
  answers: { 200: { description: "From when tokens have to be.", schema: SignOut, example } },
  failures: ["AccessConflict", "InvalidBody", "NoSuchSubject", "StoreUnavailable", "VaultUnavailable"],
}).handledBy(
  Effect.fnUntraced(function* ({ by, parameters, body }) {
    const { reason } = yield* body
    const { operator, atMs } = yield* (yield* Administration)
      .signOut(by, parameters.operator, reason)
      .pipe(Effect.catchTag("InvalidKeyTerms", inBody))
    return reply(200, { operator, signedOutAt: new Date(atMs).toISOString() })
  }),
)

const inBody = ({ field, reason }: InvalidKeyTerms) =>
  Effect.fail(new InvalidBody({ problems: [fieldProblem([field], reason)] }))
