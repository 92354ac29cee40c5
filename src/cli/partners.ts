import { Console, Effect, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { isOperates, type Operates, operates } from "../identity/access.ts"
import { PARTNERS_PER_PAGE_MAX } from "../identity/access-register.ts"
import { Administration } from "../identity/administration.ts"
import { shownPartner } from "../identity/shown-access.ts"
import type { Partner } from "../identity/stored-key.ts"
import { aligned } from "../terminal/text-table.ts"
import { administrator, partnerFlag, reasonFlag, titleFlag, withAccess } from "./access-stores.ts"
import { dataDir, json } from "./flags.ts"
import { settings } from "./partner-settings.ts"

const asJson = json("Print each partner as one line of JSON")

const create = Command.make(
  "create",
  {
    partner: partnerFlag("The partner's name in credentials: lower-case letters, digits and hyphens"),
    title: titleFlag,
    dataDir,
    json: asJson,
  },
  Effect.fn(function* ({ partner, title, dataDir, json }) {
    const name = Option.getOrElse(title, () => partner)
    const created = yield* withAccess(
      dataDir,
      Effect.flatMap(Administration, ({ createPartner }) =>
        createPartner(administrator(), { id: partner, name }),
      ),
    )
    yield* Console.log(json ? JSON.stringify(shownPartner(created)) : `Created: ${partner}`)
  }),
).pipe(Command.withDescription("Create a partner, so that it can have keys"))

const list = Command.make(
  "list",
  { dataDir, json: asJson },
  Effect.fn(function* ({ dataDir, json }) {
    const partners = yield* withAccess(dataDir, allPartners)
    const lines = json
      ? partners.map((partner) => JSON.stringify(shownPartner(partner)))
      : aligned(partners.map(({ id, state, name, createdAt }) => [id, state, createdAt.toISOString(), name]))
    for (const line of lines) yield* Console.log(line)
  }),
).pipe(Command.withDescription("List the partners that were created"))

const allPartners = Effect.gen(function* () {
  const { partners } = yield* Administration
  const found: Array<Partner> = []
  for (;;) {
    const page = yield* partners(found.at(-1)?.id, PARTNERS_PER_PAGE_MAX)
    found.push(...page)
    if (page.length < PARTNERS_PER_PAGE_MAX) return found
  }
})

const stateCommand = (name: "suspend" | "resume", description: string, done: string) =>
  Command.make(
    name,
    { partner: partnerFlag("The partner"), reason: reasonFlag, dataDir },
    Effect.fn(function* ({ partner, reason, dataDir }) {
      yield* withAccess(
        dataDir,
        Effect.flatMap(Administration, ({ suspendPartner, resumePartner }) =>
          (name === "suspend" ? suspendPartner : resumePartner)(
            administrator(),
            partner,
            Option.getOrUndefined(reason),
          ),
        ),
      )
      yield* Console.log(`${partner} ${done} in every process within five seconds.`)
    }),
  ).pipe(Command.withDescription(description))

const contract = Command.make(
  "contract",
  {
    partner: partnerFlag("The partner"),
    operates: Flag.String("operates").pipe(
      Flag.withDescription(`What it may decide about its own batches: ${operates.join(",")}, or none`),
      Flag.mapTryCatch(
        (text): ReadonlyArray<Operates> => {
          const asked = text === "none" ? [] : text.split(",").map((one) => one.trim())
          if (!asked.every(isOperates)) throw new Error("no such decision")
          return asked
        },
        () => `expected some of ${operates.join(",")} with commas, or none`,
      ),
    ),
    dataDir,
    json: asJson,
  },
  Effect.fn(function* ({ partner, operates, dataDir, json }) {
    const changed = yield* withAccess(
      dataDir,
      Effect.flatMap(Administration, ({ setOperates }) => setOperates(administrator(), partner, operates)),
    )
    const allowed = changed.operates.length === 0 ? "nothing" : changed.operates.join(", ")
    yield* Console.log(
      json ? JSON.stringify(shownPartner(changed)) : `${partner} may decide about its batches: ${allowed}`,
    )
  }),
).pipe(
  Command.withDescription(
    "Set what a partner's contract lets it decide about its own batches; its keys need the scope as well",
  ),
)

export const partners = Command.make("partners").pipe(
  Command.withDescription("Manage the partners that may have keys"),
  Command.withSubcommands([
    create,
    list,
    contract,
    settings,
    stateCommand(
      "suspend",
      "Refuse all keys of a partner; what was accepted is paid all the same",
      "is suspended",
    ),
    stateCommand("resume", "Accept the keys of a suspended partner again", "is accepted again"),
  ]),
)
