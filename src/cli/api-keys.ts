import { Console, Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { KEYS_PER_PAGE_MAX, type KeyQuestion } from "../identity/access-register.ts"
import { Administration } from "../identity/administration.ts"
import { isApiKeyId } from "../identity/api-key.ts"
import { operatorRoles } from "../identity/roles.ts"
import { shownKey } from "../identity/shown-access.ts"
import { type KeyOwner, type StoredKey, stateOf } from "../identity/stored-key.ts"
import { CliFailure } from "../terminal/cli-failure.ts"
import { aligned } from "../terminal/text-table.ts"
import { administrator, partnerFlag, reasonFlag, withAccess } from "./access-stores.ts"
import { dataDir, json } from "./flags.ts"

const asJson = json("Print each key as one line of JSON")

const words = (name: string, description: string) =>
  Flag.String(name).pipe(
    Flag.withDescription(description),
    Flag.map((text) => text.split(",").map((word) => word.trim())),
  )

const time = (name: string, description: string) =>
  Flag.optional(
    Flag.String(name).pipe(
      Flag.withDescription(description),
      Flag.mapTryCatch(
        (text) => {
          const at = new Date(text)
          if (Number.isNaN(at.getTime())) throw new Error("no time")
          return at
        },
        () => "expected a time such as 2027-01-02T03:04:05Z",
      ),
    ),
  )

const keyId = Argument.String("KEY").pipe(
  Argument.withDescription("The id of the key: the 16 characters after ap_"),
  Argument.mapTryCatch(
    (text) => {
      if (!isApiKeyId(text)) throw new Error("no id")
      return text
    },
    () => "expected the 16 characters after ap_, and never the key itself",
  ),
)

const create = Command.make(
  "create",
  {
    partner: Flag.optional(partnerFlag("The partner whose key it is")),
    operator: Flag.optional(
      Flag.String("operator").pipe(Flag.withDescription("The operator whose key it is")),
    ),
    name: Flag.optional(
      Flag.String("name").pipe(
        Flag.withDescription("The name of a partner's key, which makes the credential"),
      ),
    ),
    scopes: Flag.optional(words("scopes", "What the key permits, with commas")),
    roles: Flag.optional(
      words("roles", `The roles of an operator, with commas: ${operatorRoles.join(", ")}`),
    ),
    networks: Flag.optional(words("networks", "The networks from which it works, such as 203.0.113.0/24")),
    expires: time("expires", "When it ends"),
    dataDir,
    json: asJson,
  },
  Effect.fn(function* ({ partner, operator, name, scopes, roles, networks, expires, dataDir, json }) {
    const owner = yield* ownerIn({ partner, operator, name })
    if (Option.isSome(roles) && owner.kind === "partner")
      return yield* new CliFailure({ reason: "Only operators have roles: use --scopes for a partner's key." })
    const asked = {
      owner,
      scopes: [roles, scopes].flatMap((list) => Option.getOrElse(list, () => [])),
      networks: Option.getOrElse(networks, () => []),
      expiresAt: Option.getOrUndefined(expires),
    }
    const { key, text } = yield* withAccess(
      dataDir,
      Effect.flatMap(Administration, ({ createKey }) => createKey(administrator(), asked)),
    )
    yield* Console.log(json ? JSON.stringify({ ...shownKey(key, Date.now()), key: text }) : onceShown(text))
  }),
).pipe(Command.withDescription("Create a key for a partner or an operator, and show it this once"))

const ownerIn = Effect.fnUntraced(function* ({
  partner,
  operator,
  name,
}: {
  readonly partner: Option.Option<string>
  readonly operator: Option.Option<string>
  readonly name: Option.Option<string>
}): Effect.fn.Return<KeyOwner, CliFailure> {
  if (Option.isSome(partner) && Option.isSome(name) && Option.isNone(operator))
    return { kind: "partner", partner: partner.value, name: name.value }
  if (Option.isSome(operator) && Option.isNone(partner) && Option.isNone(name))
    return { kind: "operator", name: operator.value }
  return yield* new CliFailure({
    reason: "Say whose key it is: --partner NAME and --name NAME, or --operator NAME.",
  })
})

const onceShown = (text: string): string =>
  [text, "Keep it now: it is stored nowhere, and is not shown again."].join("\n")

const list = Command.make(
  "list",
  {
    partner: Flag.optional(partnerFlag("Only the keys of this partner")),
    operators: Flag.Boolean("operators").pipe(
      Flag.withDescription("Only the keys of operators"),
      Flag.withDefault(false),
    ),
    dataDir,
    json: asJson,
  },
  Effect.fn(function* ({ partner, operators, dataDir, json }) {
    const of = operators ? "operators" : Option.getOrUndefined(partner)
    yield* print(yield* withAccess(dataDir, allKeys(of)), json)
  }),
).pipe(Command.withDescription("List keys, with what they permit and when they were last used"))

const allKeys = Effect.fnUntraced(function* (of: KeyQuestion["of"]) {
  const { keys } = yield* Administration
  const found: Array<StoredKey> = []
  for (;;) {
    const page = yield* keys({ of, after: found.at(-1)?.id, limit: KEYS_PER_PAGE_MAX })
    found.push(...page)
    if (page.length < KEYS_PER_PAGE_MAX) return found
  }
})

const print = Effect.fnUntraced(function* (keys: ReadonlyArray<StoredKey>, json: boolean) {
  const now = Date.now()
  const lines = json
    ? keys.map((key) => JSON.stringify(shownKey(key, now)))
    : aligned(keys.map((key) => cells(key, now)))
  for (const line of lines) yield* Console.log(line)
})

const cells = (key: StoredKey, now: number): ReadonlyArray<string> => {
  const { credential = "" } = shownKey(key, now)
  return [
    key.id,
    credential,
    stateOf(key, now),
    key.scopes.join(","),
    key.lastUsedAt === undefined ? "never used" : `used ${key.lastUsedAt.toISOString()}`,
  ]
}

const show = Command.make(
  "show",
  { key: keyId, dataDir },
  Effect.fn(function* ({ key, dataDir }) {
    const found = yield* withAccess(
      dataDir,
      Effect.flatMap(Administration, (administration) => administration.key(key)),
    )
    yield* Console.log(JSON.stringify(shownKey(found, Date.now()), null, 2))
  }),
).pipe(Command.withDescription("Show a key, never its secret"))

const SECONDS_PER_HOUR = 3_600

const rotate = Command.make(
  "rotate",
  {
    key: keyId,
    overlap: Flag.Int("overlap-hours").pipe(
      Flag.withDescription("For how long the old key still works, at most 720; 24 by default"),
      Flag.withDefault(24),
    ),
    expires: time("expires", "When the successor ends; as long after now as the old key had"),
    dataDir,
    json: asJson,
  },
  Effect.fn(function* ({ key: id, overlap, expires, dataDir, json }) {
    const asked = {
      overlapMs: overlap * SECONDS_PER_HOUR * 1_000,
      expiresAt: Option.getOrUndefined(expires),
    }
    const { key, text, replaced } = yield* withAccess(
      dataDir,
      Effect.flatMap(Administration, ({ rotateKey }) => rotateKey(administrator(), id, asked)),
    )
    const now = Date.now()
    yield* Console.log(
      json
        ? JSON.stringify({ ...shownKey(key, now), key: text, replaced: shownKey(replaced, now) })
        : `${onceShown(text)}\nThe old key works until ${replaced.endsAt?.toISOString()}.`,
    )
  }),
).pipe(Command.withDescription("Create the successor of a key; both work until the overlap ends"))

const revoke = Command.make(
  "revoke",
  { key: keyId, reason: reasonFlag, dataDir },
  Effect.fn(function* ({ key, reason, dataDir }) {
    yield* withAccess(
      dataDir,
      Effect.flatMap(Administration, ({ revokeKey }) =>
        revokeKey(administrator(), key, Option.getOrUndefined(reason)),
      ),
    )
    yield* Console.log(`Key ${key} is revoked; no process accepts it in five seconds.`)
  }),
).pipe(Command.withDescription("End a key at once"))

export const apiKeys = Command.make("api-keys").pipe(
  Command.withDescription("Manage the keys with which partners and operators call the API"),
  Command.withSubcommands([create, list, show, rotate, revoke]),
)
