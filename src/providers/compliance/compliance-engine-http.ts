/** The kind `clearance`: a compliance engine behind `POST {url}/clearance?callbackUrl=…`. */
import { Effect, Option, Schema } from "effect"
import { AppConfig } from "../../config.ts"
import type { VisibleBeneficiary } from "../../domain/beneficiary.ts"
import { listVersionOf, RawClearanceAnswer, RawListVersion } from "../../domain/clearance-answers.ts"
import { ItemNumber } from "../../domain/identifiers.ts"
import { formatAmount } from "../../domain/money.ts"
import { callbackUrl } from "../calling/callback-url.ts"
import { ProviderChannels } from "../calling/channel.ts"
import { providerOf } from "../calling/provider-access-http.ts"
import { ProviderUnavailable } from "../calling/provider-error.ts"
import { type Answers, callProvider, ProviderId, reading } from "../calling/provider-http.ts"
import { providerKind } from "../calling/provider-kind.ts"
import type { Clearance, ClearanceRequest } from "./compliance-engine.ts"
import type { ScreeningKind } from "./screening-kind.ts"

const STEP = "clearance"

const ClearanceBody = Schema.Struct({
  clearanceId: ProviderId,
  listVersion: RawListVersion,
  decisions: Schema.Array(
    Schema.Union([
      RawClearanceAnswer,
      Schema.Struct({ item: ItemNumber, decision: Schema.Literal("pending") }),
    ]),
  ),
})

const answers: Answers<Clearance> = {
  200: reading(ClearanceBody, (clearance) => ({
    ...clearance,
    listVersion: listVersionOf(clearance.listVersion),
  })),
}

/** The engine keeps the ids of clearances, so a repetition is the same request. */
const terms = { step: STEP, repeatable: true, patienceMs: 0, outcomeOf: () => "Cleared" }

export const clearance: ScreeningKind = providerKind({
  name: "clearance",
  settings: Schema.Struct({}),
  connect: Effect.fnUntraced(function* (engine) {
    const { providers, http } = yield* AppConfig
    // The callback URL is not part of the body, which must be the same wherever it is repeated.
    const path = Option.isSome(providers.complianceCallbackSecret)
      ? `/clearance?callbackUrl=${encodeURIComponent(callbackUrl(http, "/compliance-callbacks"))}`
      : "/clearance"
    const provider = yield* providerOf(engine)
    const channel = yield* (yield* ProviderChannels).open(
      { name: engine.name, kind: "compliance" },
      engine.policy,
    )
    const ask = Effect.fnUntraced(function* (request: ClearanceRequest) {
      const { clearanceId: idempotencyKey } = request
      const call = { step: STEP, method: "POST", path, idempotencyKey, body: bodyOf(request) } as const
      const clearance = yield* callProvider(provider, call, answers)
      if (decidesExactly(request, clearance)) return clearance
      return yield* new ProviderUnavailable({
        provider: engine.name,
        kind: "nonsense",
        reason: `${STEP}: did not decide exactly the items of the request`,
      })
    })
    return {
      screen: Effect.fn("ComplianceEngine.screen")((request) => channel.call(terms, ask(request))),
    }
  }),
})

const bodyOf = ({ clearanceId, partner, batch, items }: ClearanceRequest) => ({
  clearanceId,
  partner,
  batch,
  items: items.map(({ item, beneficiary, currency, minor }) => {
    const { name, account } = beneficiary
    return {
      item,
      name,
      ...whoIs(beneficiary),
      ...(account.country === undefined ? {} : { country: account.country }),
      amount: { currency, value: formatAmount(minor, currency) },
      account: { scheme: account.scheme, lastFour: account.lastFour },
    }
  }),
})

/**
 * Whether a person or a company is screened, and where it lives: of an address, the rest is sealed. What came in before there were types
 * has none, and is asked about as it was then: under the same key, an engine refuses another body.
 */
const whoIs = ({ type, addressCountry }: VisibleBeneficiary) => {
  if (type === undefined) return {}
  return { type, ...(addressCountry === undefined ? {} : { address: { country: addressCountry } }) }
}

/** Whether the answer is to this clearance, and decides each of its items exactly once and no others. */
const decidesExactly = ({ clearanceId, items }: ClearanceRequest, clearance: Clearance): boolean => {
  const undecided = new Set(items.map(({ item }) => item))
  return (
    clearance.clearanceId === clearanceId &&
    clearance.decisions.every(({ item }) => undecided.delete(item)) &&
    undecided.size === 0
  )
}
