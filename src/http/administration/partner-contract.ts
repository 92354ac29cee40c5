/** `/admin/partners/:partner/contract`: what a partner may decide about its own batches. */
import { Effect, Schema } from "effect"
import { PartnerId } from "../../domain/identifiers.ts"
import { access, operates } from "../../identity/access.ts"
import { Administration } from "../../identity/administration.ts"
import { shownPartner } from "../../identity/shown-access.ts"
import { jsonBody } from "../routing/bodies.ts"
import { operator } from "../routing/guards.ts"
import { named } from "../routing/parameters.ts"
import { reply } from "../routing/reply.ts"
import { route } from "../routing/route.ts"
import { examplePartner, Operates, Partner } from "./shapes.ts"

const Contract = Schema.Struct({
  operates: Operates.check(Schema.isMaxLength(operates.length)),
}).annotate({ identifier: "PartnerContract" })

/** The body is the whole of what the contract allows. */
export const setPartnerContract = route({
  method: "POST",
  path: "/admin/partners/:partner/contract",
  operationId: "setPartnerContract",
  tag: "Administration",
  summary: "Set what a partner may decide about its own batches",
  description:
    "Review and resolve belong to operators, unless the contract of a partner says otherwise. What is not listed is taken back, and the next request counts as the contract then says.",
  guard: operator(access.manageKeys.operator),
  parameters: {
    partner: named(PartnerId, { description: "The partner.", example: "acme", what: "partner" }),
  },
  body: jsonBody(Contract, { kind: "endpoints", bytesMax: 64 * 1024, example: { operates: ["review"] } }),
  answers: {
    200: {
      description: "The partner, with its contract from now on.",
      schema: Partner,
      example: { ...examplePartner, operates: ["review"] },
    },
  },
  failures: ["AccessConflict", "NoSuchSubject", "StoreUnavailable"],
}).handledBy(
  Effect.fnUntraced(function* ({ by, parameters, body }) {
    const { operates } = yield* body
    const partner = yield* (yield* Administration).setOperates(by, parameters.partner, operates)
    return reply(200, shownPartner(partner))
  }),
)
