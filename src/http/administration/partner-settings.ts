/** `/admin/partners/:partner/settings`: what new batches of a partner are held to. */
import { Effect, Schema } from "effect"
import { PartnerId } from "../../domain/identifiers.ts"
import { PartnerSettings } from "../../domain/partner-settings.ts"
import { access } from "../../identity/access.ts"
import { Administration } from "../../identity/administration.ts"
import { shownSettings } from "../../identity/shown-access.ts"
import { jsonBody } from "../routing/bodies.ts"
import { operator } from "../routing/guards.ts"
import { named } from "../routing/parameters.ts"
import { reply } from "../routing/reply.ts"
import { route } from "../routing/route.ts"
import { Instant } from "../routing/shapes.ts"

const ShownSettings = Schema.Struct({
  partner: PartnerId,
  settings: PartnerSettings,
  setAt: Schema.NullOr(Instant).annotate({
    description: "When the settings were last set; null if never.",
  }),
}).annotate({ identifier: "ShownPartnerSettings" })

const example = {
  approvalAbove: { EUR: "50000.00" },
  currencies: ["EUR", "GBP"],
  dayMax: { EUR: "250000.00", GBP: "100000.00" },
  duplicates: "refuse:30",
} as const

const shown = { partner: PartnerId.make("acme"), settings: example, setAt: "2026-01-02T03:04:05.678Z" }

const parameters = {
  partner: named(PartnerId, { description: "The partner.", example: "acme", what: "partner" }),
}

const showPartnerSettings = route({
  method: "GET",
  path: "/admin/partners/:partner/settings",
  operationId: "showPartnerSettings",
  tag: "Administration",
  summary: "Show a partner's settings",
  description: "Only what is set for this partner. Everything else is as the settings of the service say.",
  guard: operator(access.manageKeys.operator),
  parameters,
  answers: { 200: { description: "The partner's own settings.", schema: ShownSettings, example: shown } },
  failures: ["NoSuchSubject", "StoreUnavailable"],
}).handledBy(
  Effect.fnUntraced(function* ({ parameters: { partner } }) {
    return reply(200, shownSettings(partner, yield* (yield* Administration).settings(partner)))
  }),
)

const setPartnerSettings = route({
  method: "POST",
  path: "/admin/partners/:partner/settings",
  operationId: "setPartnerSettings",
  tag: "Administration",
  summary: "Set a partner's settings",
  description:
    "The body is all that is set for the partner: what it leaves out is as the settings of the service say. A change counts for batches that come from then on, in every process within five seconds. Batches that were accepted keep the terms of their time.",
  guard: operator(access.manageKeys.operator),
  parameters,
  body: jsonBody(PartnerSettings, { kind: "endpoints", bytesMax: 64 * 1024, example }),
  answers: { 200: { description: "The settings from now on.", schema: ShownSettings, example: shown } },
  failures: ["AccessConflict", "GrantRefused", "NoSuchSubject", "StoreUnavailable"],
}).handledBy(
  Effect.fnUntraced(function* ({ by, parameters: { partner }, body }) {
    const settings = yield* body
    const stored = yield* (yield* Administration).changeSettings(by, partner, () => settings)
    return reply(200, shownSettings(partner, stored))
  }),
)

export const partnerSettingsRoutes = [showPartnerSettings, setPartnerSettings]
