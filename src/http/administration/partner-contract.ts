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
import { Instant } from "../routing/shapes.ts"

const Operates = Schema.Array(Schema.Literals(operates)).annotate({
  description: "What the partner may decide about its own batches, under keys with the scope for it.",
})

const Contract = Schema.Struct({
  operates: Operates.check(Schema.isMaxLength(operates.length)),
}).annotate({ identifier: "PartnerContract" })

const ShownPartner = Schema.Struct({
  id: PartnerId,
  name: Schema.String,
  state: Schema.Literals(["active", "suspended"]),
  operates: Operates,
  createdAt: Instant,
  createdBy: Schema.String,
})

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
      schema: ShownPartner,
      example: {
        id: "acme",
        name: "Acme Ltd",
        state: "active",
        operates: ["review"],
        createdAt: "2026-01-02T03:04:05.678Z",
        createdBy: "operator:alice",
      },
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
