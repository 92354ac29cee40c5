/** `webhooks secrets`: an operator replaces what signs the webhooks of a partner's endpoint, as when it has leaked. */
import { Console, Effect } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { CliFailure } from "../terminal/cli-failure.ts"
import { EndpointSecrets, OVERLAP_MS_MAX } from "../webhooks/endpoint-secrets.ts"
import { administrator, withAccess } from "./access-stores.ts"
import { dataDir, json } from "./flags.ts"

const MS_PER_HOUR = 3_600_000
const OVERLAP_HOURS_MAX = OVERLAP_MS_MAX / MS_PER_HOUR

const endpoint = Argument.String("ENDPOINT").pipe(
  Argument.withDescription("The id of the endpoint: we_ and 32 characters"),
  Argument.mapTryCatch(
    (text) => {
      if (!/^we_[0-9a-f]{32}$/.test(text)) throw new Error("no id")
      return text
    },
    () => "expected the id of an endpoint: we_ and 32 hexadecimal digits",
  ),
)

const rotate = Command.make(
  "rotate",
  {
    endpoint,
    overlap: Flag.Int("overlap-hours").pipe(
      Flag.withDescription(
        `For how long the old one signs as well, at most ${OVERLAP_HOURS_MAX}; 0 by default: it ends at once`,
      ),
      Flag.withDefault(0),
    ),
    signingKey: Flag.Boolean("signing-key").pipe(
      Flag.withDescription("Replace the key for asymmetric signatures, not the secret"),
      Flag.withDefault(false),
    ),
    dataDir,
    json: json("Print what was done as one line of JSON"),
  },
  Effect.fn(function* ({ endpoint, overlap, signingKey, dataDir, json }) {
    if (overlap < 0 || overlap > OVERLAP_HOURS_MAX)
      return yield* new CliFailure({ reason: `--overlap-hours: expected 0 to ${OVERLAP_HOURS_MAX}` })
    const rotation = { overlapMs: overlap * MS_PER_HOUR }
    const done = yield* withAccess(dataDir, rotated(endpoint, rotation, signingKey))
    yield* Console.log(json ? JSON.stringify(done) : lines(done).join("\n"))
  }),
).pipe(Command.withDescription("Replace the secret of an endpoint at once, and show the new one this once"))

export const webhookSecrets = Command.make("secrets").pipe(
  Command.withDescription("Manage what signs the webhooks of an endpoint"),
  Command.withSubcommands([rotate]),
)

interface Done {
  readonly endpoint: string
  readonly partner: string
  readonly secret?: string
  readonly publicKey?: string
  readonly previousUntil?: string
}

const rotated = Effect.fnUntraced(
  function* (endpoint: string, rotation: { readonly overlapMs: number }, signingKey: boolean) {
    const secrets = yield* EndpointSecrets
    const partner = yield* secrets.partnerOf(endpoint)
    const [of, by] = [{ partner, endpoint }, administrator()]
    if (!signingKey) {
      const { secret, previousUntil } = yield* secrets.rotateSecret(of, rotation, by)
      return { endpoint, partner, secret, ...untilIn(previousUntil) }
    }
    const { previousUntil } = yield* secrets.rotateSigningKey(of, rotation, by)
    const [key] = (yield* secrets.signatures(of)).publicKeys
    return { endpoint, partner, ...(key && { publicKey: key.text }), ...untilIn(previousUntil) }
  },
  Effect.catchTags({
    NoSuchEndpoint: () => new CliFailure({ reason: "There is no such endpoint." }),
    NoSigningKey: () => new CliFailure({ reason: "The endpoint has no key for asymmetric signatures." }),
    RotationUnderWay: ({ until }) =>
      new CliFailure({
        reason: `Refused: the previous one signs until ${until.toISOString()}. Without --overlap-hours both end at once.`,
      }),
  }),
)

const untilIn = (until: Date | undefined) =>
  until === undefined ? {} : { previousUntil: until.toISOString() }

const lines = ({ partner, secret, publicKey, previousUntil }: Done): ReadonlyArray<string> => [
  ...(secret === undefined ? [] : [secret, `Give it to ${partner} now: it is not shown again.`]),
  ...(publicKey === undefined ? [] : [publicKey]),
  previousUntil === undefined
    ? "The old one signs no attempt that begins five seconds from now or later."
    : `The old one signs as well until ${previousUntil}.`,
]
