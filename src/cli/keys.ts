import { Console, Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { PartnerId } from "../domain/identifiers.ts"
import { CliFailure } from "../terminal/cli-failure.ts"
import { type KeyRing, KeysForgotten, PartnerKeys, type VaultUnavailable } from "../vault/partner-keys.ts"
import { makePartnerKeys } from "../vault/partner-keys-redis.ts"
import { mastersOf, withAccess } from "./access-stores.ts"
import { audited } from "./audited.ts"
import { dataDir, json } from "./flags.ts"
import { openRedis } from "./redis-connection.ts"

const partner = Flag.String("partner").pipe(
  Flag.withMetavar("NAME"),
  Flag.withDescription("The partner whose keys to use"),
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
).pipe(Command.withDescription("List the keys, and the master key that wraps each; never shows a key itself"))

const ringLine = ({ partner, keys, forgotten }: KeyRing): string => {
  const wrapped = keys.map(({ id, master }) => `${id} (wrapped by ${master})`)
  return `${partner}: ${[...(forgotten ? ["forgotten"] : []), ...wrapped].join(", ")}`
}

const rotate = Command.make(
  "rotate",
  {
    partner,
    anew: Flag.Boolean("anew").pipe(
      Flag.withDescription("Create a key even if the partner's keys were forgotten"),
      Flag.withDefault(false),
    ),
    dataDir,
  },
  Effect.fn(function* ({ partner, anew, dataDir }) {
    const id = yield* changing(dataDir, "rotate", partner, ({ rotate }) =>
      rotate(partner, anew ? "anew" : undefined),
    )
    yield* Console.log(
      `Key ${id} seals the accounts of ${partner} from now on; every process uses it within a minute.`,
    )
  }),
).pipe(
  Command.withDescription("Create a new sealing key for a partner; older keys still open what they sealed"),
)

const forget = Command.make(
  "forget",
  {
    partner,
    yes: Flag.Boolean("yes").pipe(
      Flag.withDescription("Confirm: these details can never be read again"),
      Flag.withDefault(false),
    ),
    dataDir,
  },
  Effect.fn(function* ({ partner, yes, dataDir }) {
    if (!yes) return yield* new CliFailure({ reason: whatForgettingMeans(partner) })
    yield* changing(dataDir, "forget", partner, ({ forget }) => forget(partner))
    yield* Console.log(`The keys of ${partner} are destroyed; every process drops them within a minute.`)
  }),
).pipe(
  Command.withDescription("Destroy a partner's keys: its beneficiaries' accounts can never be read again"),
)

const whatForgettingMeans = (partner: string): string =>
  [
    `This makes the accounts in all batches of ${partner} unreadable permanently. Logs and states stay.`,
    "Payouts that are not yet sent will be parked, also those that wait for a file, and new batches will be refused.",
    "To confirm, add: --yes",
  ].join("\n")

const rewrap = Command.make(
  "rewrap",
  { partner: Flag.optional(partner), dataDir },
  Effect.fn(function* ({ partner, dataDir }) {
    const counts = yield* withAccess(
      dataDir,
      Effect.gen(function* () {
        const keys = yield* PartnerKeys
        const partners = Option.isSome(partner)
          ? [partner.value]
          : (yield* keys.list).map((ring) => ring.partner)
        return yield* Effect.forEach(partners, (one) =>
          auditedChange("rewrap", one, ({ rewrap }) => rewrap(one)),
        )
      }),
    )
    const count = counts.reduce((sum, one) => sum + one, 0)
    yield* Console.log(`${count} keys of ${counts.length} key rings were rewrapped.`)
  }),
).pipe(
  Command.withDescription("Wrap keys with the first key of MASTER_KEYS; the keys of all partners by default"),
)

export const keys = Command.make("keys").pipe(
  Command.withDescription("Manage the keys that seal beneficiaries' accounts"),
  Command.withSubcommands([list, rotate, forget, rewrap]),
)

/** Changes a partner's keys, with entries in the audit trail that name keys and their master keys, and no key itself. */
const changing = <A>(
  dataDir: string,
  act: "forget" | "rotate",
  partner: PartnerId,
  change: Change<A>,
): Effect.Effect<A, CliFailure> =>
  withAccess(dataDir, Effect.mapError(auditedChange(act, partner, change), failureOf))

type Change<A> = (keys: PartnerKeys["Service"]) => Effect.Effect<A, KeysForgotten | VaultUnavailable>

const auditedChange = Effect.fnUntraced(function* <A>(
  act: "forget" | "rewrap" | "rotate",
  partner: string,
  change: Change<A>,
) {
  const keys = yield* PartnerKeys
  const ringNow = Effect.map(keys.list, (rings) => rings.find((ring) => ring.partner === partner) ?? null)
  const command = { act: `vault-keys.${act}`, subject: `vault-keys:${partner}`, before: yield* ringNow }
  const changed = Effect.flatMap(change(keys), (done) => Effect.map(ringNow, (ring) => ({ done, ring })))
  return (yield* audited(command, changed, ({ ring }) => ring)).done
})

/** Uses the keys in the Redis of REDIS_URL, or else of the local stack, with MASTER_KEYS or the data folder's own key. */
const withKeys = <E extends Reported>(
  dataDir: string,
  use: (keys: PartnerKeys["Service"]) => Effect.Effect<void, E>,
): Effect.Effect<void, CliFailure> =>
  Effect.scoped(
    Effect.gen(function* () {
      const redis = yield* openRedis(dataDir)
      const prefix = process.env.STREAM_PREFIX || "ap"
      return yield* use(yield* makePartnerKeys(redis, prefix, yield* mastersOf(dataDir)))
    }),
  ).pipe(Effect.mapError(failureOf))

/** Errors of the vault have a field with the reason; errors of the settings have it in the message. */
interface Reported {
  readonly _tag: string
  readonly message: string
  readonly reason?: string
}

const failureOf = (error: Reported): CliFailure => {
  if (error instanceof CliFailure) return error
  if (error instanceof KeysForgotten)
    return new CliFailure({
      reason: `The keys of ${error.partner} were forgotten; add --anew to create a new one.`,
    })
  return new CliFailure({ reason: `${error._tag}: ${error.reason ?? error.message}` })
}
