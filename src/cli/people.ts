/** `atlaspay people`: what administrators do about people who sign in at an issuer. */
import { Console, Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { isOperatorName } from "../domain/credential.ts"
import { Administration } from "../identity/administration.ts"
import { administrator, reasonFlag, withAccess } from "./access-stores.ts"
import { dataDir } from "./flags.ts"

const signOut = Command.make(
  "sign-out",
  {
    operator: Flag.String("operator").pipe(
      Flag.withDescription("The person as the audit trail names it, without operator:"),
      Flag.filter(isOperatorName, () => "expected lower-case letters, digits and hyphens"),
    ),
    reason: reasonFlag,
    dataDir,
  },
  Effect.fn(function* ({ operator, reason, dataDir }) {
    const { atMs } = yield* withAccess(
      dataDir,
      Effect.flatMap(Administration, ({ signOut }) =>
        signOut(administrator(), operator, Option.getOrUndefined(reason)),
      ),
    )
    const at = new Date(atMs).toISOString()
    yield* Console.log(
      `${operator} is signed out: in five seconds, no process accepts a token from before ${at}.`,
    )
  }),
).pipe(Command.withDescription("Refuse the tokens that a person has; end the account at the issuer first"))

export const people = Command.make("people").pipe(
  Command.withDescription("Manage people who sign in at an issuer"),
  Command.withSubcommands([signOut]),
)
