/** `atlaspay partners settings`: shows what new batches of a partner are held to, or changes some of it. */
import { Console, Effect, Option, Result, Schema } from "effect"
import { Command, Flag } from "effect/cli"
import { PartnerSettings } from "../domain/partner-settings.ts"
import { Administration } from "../identity/administration.ts"
import { shownSettings } from "../identity/shown-access.ts"
import { CliFailure } from "../terminal/cli-failure.ts"
import { aligned } from "../terminal/text-table.ts"
import { administrator, partnerFlag, withAccess } from "./access-stores.ts"
import { dataDir, json } from "./flags.ts"

type Name = keyof PartnerSettings

/** How the text of a flag becomes the JSON of a setting. */
type Reading = (text: string) => unknown

const list: Reading = (text) => text.split(",").map((one) => one.trim())
const text: Reading = (given) => given
const number: Reading = (given) => (/^\d{1,8}$/.test(given) ? Number(given) : given)

/** "EUR=100000.00,JPY=15000000"; "none" for no amount at all. A currency that comes twice is left to be refused as it is. */
const amounts: Reading = (given) => {
  if (given === "none") return {}
  const pairs = given.split(",").map((pair) => {
    const [currency = "", ...value] = pair.split("=")
    return [currency.trim(), value.join("=").trim()] as const
  })
  return new Set(pairs.map(([currency]) => currency)).size < pairs.length ? given : Object.fromEntries(pairs)
}

const readings: Readonly<Record<Name, Reading>> = {
  approvalAbove: amounts,
  modes: list,
  currencies: list,
  schemes: list,
  itemMax: amounts,
  batchMax: amounts,
  dayMax: amounts,
  backlogMax: number,
  duplicates: text,
}

const BY_DEFAULT = "default"

const setting = (name: string, metavar: string, description: string) =>
  Flag.optional(
    Flag.String(name).pipe(
      Flag.withMetavar(metavar),
      Flag.withDescription(`${description}; ${BY_DEFAULT} takes the setting back`),
    ),
  )

const AMOUNTS = "EUR=1000.00,…"
const flags = {
  approvalAbove: setting("approval-above", AMOUNTS, "Totals above which a second person approves, or none"),
  modes: setting("modes", "MODE,…", "Modes that a batch may have; the first is the default"),
  currencies: setting("currencies", "EUR,…", "Currencies that may be paid"),
  schemes: setting("schemes", "SCHEME,…", "Schemes that may be used"),
  itemMax: setting("item-max", AMOUNTS, "The most of one item"),
  batchMax: setting("batch-max", AMOUNTS, "The most of one batch"),
  dayMax: setting("day-max", AMOUNTS, "The most of what is accepted within 24 hours"),
  backlogMax: setting("backlog-max", "COUNT", "Open batches beyond which no more are accepted"),
  duplicates: setting("duplicates", "refuse:30", "What becomes of payouts that were accepted before"),
} satisfies Readonly<Record<Name, unknown>>

const decode = Schema.decodeUnknownResult(PartnerSettings, { errors: "all", onExcessProperty: "error" })

/** The settings with the changes that flags ask for, or what is wrong with them. */
export const withChanges = (
  stored: PartnerSettings,
  asked: Readonly<Partial<Record<Name, string>>>,
): Result.Result<PartnerSettings, string> => {
  const next: Record<string, unknown> = { ...stored }
  for (const [name, reading] of Object.entries(readings)) {
    const given = asked[name as Name]
    if (given === BY_DEFAULT) delete next[name]
    else if (given !== undefined) next[name] = reading(given)
  }
  return Result.mapError(decode(next), ({ message }) => message.replaceAll(/\s*\n\s*/g, " "))
}

export const settings = Command.make(
  "settings",
  {
    ...flags,
    partner: partnerFlag("The partner"),
    dataDir,
    json: json("Print the settings as one line of JSON"),
  },
  Effect.fn(function* ({ partner, dataDir, json, ...given }) {
    const asked = Object.fromEntries(
      Object.entries(given).flatMap(([name, value]) => (Option.isSome(value) ? [[name, value.value]] : [])),
    )
    // Checked before a store is opened; what is stored is in order by itself.
    const checked = withChanges({}, asked)
    if (Result.isFailure(checked)) return yield* new CliFailure({ reason: checked.failure })
    const stored = yield* withAccess(
      dataDir,
      Effect.flatMap(Administration, ({ settings, changeSettings }) =>
        Object.keys(asked).length === 0
          ? settings(partner)
          : changeSettings(administrator(), partner, (before) =>
              Result.getOrThrowWith(withChanges(before, asked), (problem) => new Error(problem)),
            ),
      ),
    )
    const shown = shownSettings(partner, stored)
    const lines = Object.entries(shown.settings).map(([name, value]) => [name, JSON.stringify(value)])
    for (const line of json ? [JSON.stringify(shown)] : aligned(lines)) yield* Console.log(line)
    if (!json && lines.length === 0) yield* Console.log(`${partner} has no settings of its own.`)
  }),
).pipe(
  Command.withDescription(
    "Show what new batches of a partner are held to, or change it; without a setting, that of the service holds",
  ),
)
