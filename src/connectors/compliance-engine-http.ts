import { Effect, Layer, Schema } from "effect"
import { PlainText } from "../domain/beneficiary.ts"
import { ClearanceDecision } from "../domain/events.ts"
import { formatAmount } from "../domain/money.ts"
import { type Clearance, type ClearanceRequest, ComplianceEngine } from "./compliance-engine.ts"
import { Lanes } from "./lane.ts"
import { ProviderUnavailable } from "./provider-error.ts"
import { type Answers, callProvider, ProviderId, providerOf, reading } from "./provider-http.ts"
import { ProviderSettings } from "./provider-settings.ts"

const PROVIDER = "compliance-engine"
const STEP = "clearance"

const ClearanceBody = Schema.Struct({
  clearanceId: ProviderId,
  listVersion: ProviderId,
  decisions: Schema.Array(
    Schema.Struct({ ...ClearanceDecision.fields, reason: Schema.optionalKey(PlainText(200)) }),
  ),
})

const answers: Answers<Clearance> = { 200: reading(ClearanceBody, (clearance) => clearance) }

/** The engine keeps the ids of clearances: asked again, it is the same question. */
const terms = { step: STEP, repeatable: true, patienceMs: 0, outcomeOf: () => "Cleared" }

/** The compliance engine behind `POST {url}/clearance`. */
export const layer = Layer.effect(
  ComplianceEngine,
  Effect.gen(function* () {
    const { compliance } = yield* ProviderSettings
    const provider = providerOf(PROVIDER, compliance)
    const lane = yield* (yield* Lanes).open({ name: PROVIDER, kind: "compliance" }, compliance.policy)
    return {
      screen: Effect.fn("ComplianceEngine.screen")(function* (request) {
        const clearance = yield* lane.call(
          terms,
          callProvider(
            provider,
            {
              step: STEP,
              method: "POST",
              path: "/clearance",
              idempotencyKey: request.clearanceId,
              body: bodyOf(request),
            },
            answers,
          ),
        )
        if (decidesExactly(request, clearance)) return clearance
        return yield* new ProviderUnavailable({
          provider: PROVIDER,
          kind: "nonsense",
          reason: `${STEP}: did not decide exactly what was asked`,
        })
      }),
    }
  }),
)

const bodyOf = ({ clearanceId, partner, batch, items }: ClearanceRequest) => ({
  clearanceId,
  partner,
  batch,
  items: items.map(({ item, beneficiary: { name, account }, currency, minor }) => ({
    item,
    name,
    ...(account.country === undefined ? {} : { country: account.country }),
    amount: { currency, value: formatAmount(minor, currency) },
    account: { scheme: account.scheme, lastFour: account.lastFour },
  })),
})

/** The engine spoke of this clearance, and once of each item and of no other. */
const decidesExactly = ({ clearanceId, items }: ClearanceRequest, clearance: Clearance): boolean => {
  const undecided = new Set(items.map(({ item }) => item))
  return (
    clearance.clearanceId === clearanceId &&
    clearance.decisions.every(({ item }) => undecided.delete(item)) &&
    undecided.size === 0
  )
}
