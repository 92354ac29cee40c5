import { ConfigProvider, Console, Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { masterKeys } from "../config.ts"
import { localMasterKeys } from "../dev/local-master-keys.ts"
import { PartnerId } from "../domain/identifiers.ts"
import { CliFailure } from "../terminal/cli-failure.ts"
import { type KeyRing, KeysForgotten, type PartnerKeys } from "../vault/partner-keys.ts"
import { makePartnerKeys } from "../vault/partner-keys-redis.ts"
import { dataDir, json } from "./flags.ts"
import { openRedis } from "./redis-connection.ts"

const partner = Flag.String("partner").pipe(
  Flag.withMetavar("NAME"),
  Flag.withDescription("The partner whose keys are meant"),
  Flag.mapTryCatch(
    (text) => PartnerId.make(text),
    () => "expected a partner's name: lower-case letters, digits and hyphens",
  ),
)

const list = Command.make(
  "list",
  { partner: Flag.optional(partner), dataDir, json: json("Print each partner as one line of JSON") },
  Effect.fn(function* ({ partner, dataDir, json }) {
    yield* withKeys(dataDir, (keys) =>
      Effect.gen(function* () {
        const rings = yield* keys.list
        for (const ring of rings.filter(
          (ring) => Option.getOrElse(partner, () => ring.partner) === ring.partner,
        ))
          yield* Console.log(json ? JSON.stringify(ring) : ringLine(ring))
      }),
    )
  }),
).pipe(
  Command.withDescription("Show which keys there are, and which master key wraps each; never a key itself"),
)

const ringLine = ({ partner, keys, forgotten }: KeyRing): string => {
  const held = keys.map(({ id, master }) => `${id} (wrapped by ${master})`)
  return `${partner}: ${[...(forgotten ? ["forgotten"] : []), ...held].join(", ")}`
}

const rotate = Command.make(
  "rotate",
  {
    partner,
    anew: Flag.Boolean("anew").pipe(
      Flag.withDescription("Also for a partner whose keys were forgotten"),
      Flag.withDefault(false),
    ),
    dataDir,
  },
  Effect.fn(function* ({ partner, anew, dataDir }) {
    yield* withKeys(dataDir, (keys) =>
      Effect.flatMap(keys.rotate(partner, anew ? "anew" : undefined), (id) =>
        Console.log(`Key ${id} seals for ${partner} from now on, in every process within a minute.`),
      ),
    )
  }),
).pipe(Command.withDescription("Make a new key for a partner; the older ones go on opening"))

const forget = Command.make(
  "forget",
  {
    partner,
    yes: Flag.Boolean("yes").pipe(
      Flag.withDescription("Really: nobody can ever read these details again"),
      Flag.withDefault(false),
    ),
    dataDir,
  },
  Effect.fn(function* ({ partner, yes, dataDir }) {
    if (!yes) return yield* new CliFailure({ reason: whatForgettingMeans(partner) })
    yield* withKeys(dataDir, (keys) =>
      Effect.andThen(
        keys.forget(partner),
        Console.log(`The keys of ${partner} are gone; every process forgets them within a minute.`),
      ),
    )
  }),
).pipe(
  Command.withDescription("Destroy a partner's keys: its beneficiaries' accounts can never be read again"),
)

const whatForgettingMeans = (partner: string): string =>
  [
    `This makes the accounts in all batches of ${partner} unreadable for ever. Logs and states stay.`,
    "Payouts that are not yet sent will be parked, also those that wait for their file, and no new batches are taken.",
    "If that is what you want: --yes",
  ].join("\n")

const rewrap = Command.make(
  "rewrap",
  { partner: Flag.optional(partner), dataDir },
  Effect.fn(function* ({ partner, dataDir }) {
    yield* withKeys(dataDir, (keys) =>
      Effect.gen(function* () {
        const partners = Option.isSome(partner)
          ? [partner.value]
          : (yield* keys.list).map((ring) => ring.partner)
        const counts = yield* Effect.forEach(partners, keys.rewrap)
        const count = counts.reduce((sum, one) => sum + one, 0)
        yield* Console.log(`${count} keys in ${partners.length} places were wrapped anew.`)
      }),
    )
  }),
).pipe(
  Command.withDescription("Wrap keys with the first master key of MASTER_KEYS; all partners' by default"),
)

export const keys = Command.make("keys").pipe(
  Command.withDescription("Look after the keys that seal beneficiaries' accounts"),
  Command.withSubcommands([list, rotate, forget, rewrap]),
)

/** Uses the keys in the Redis of REDIS_URL, else of the local stack, with MASTER_KEYS or the data folder's own. */
const withKeys = <E extends Told>(
  dataDir: string,
  use: (keys: PartnerKeys["Service"]) => Effect.Effect<void, E>,
): Effect.Effect<void, CliFailure> =>
  Effect.scoped(
    Effect.gen(function* () {
      const redis = yield* openRedis(dataDir)
      const prefix = process.env.STREAM_PREFIX || "ap"
      return yield* use(yield* makePartnerKeys(redis, prefix, yield* mastersOf(dataDir)))
    }),
  ).pipe(Effect.mapError(told))

const mastersOf = (dataDir: string) => {
  const given = process.env.MASTER_KEYS || (process.env.REDIS_URL ? "" : localMasterKeys(dataDir))
  return masterKeys.parse(ConfigProvider.fromEnvRecord({ MASTER_KEYS: given }))
}

/** An error of the vault tells its reason in a field, one of the settings in its message. */
interface Told {
  readonly _tag: string
  readonly message: string
  readonly reason?: string
}

const told = (error: Told): CliFailure => {
  if (error instanceof CliFailure) return error
  if (error instanceof KeysForgotten)
    return new CliFailure({ reason: `The keys of ${error.partner} were forgotten; --anew makes new ones.` })
  return new CliFailure({ reason: `${error._tag}: ${error.reason ?? error.message}` })
}
