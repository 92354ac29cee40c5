/** `?dryRun=true`: every check of a request for a batch, and where its payouts would go. Nothing is stored, and no key is used. */
import { Clock, Effect, Schema } from "effect"
import { visibleBeneficiaryOf } from "../../domain/beneficiary.ts"
import type { PartnerId } from "../../domain/identifiers.ts"
import { formatAmount } from "../../domain/money.ts"
import { arrivalOf, type Scheme, schemeOf, schemes } from "../../domain/scheme.ts"
import { inSlices, turn } from "../../parsing/turns.ts"
import { PayoutLimits } from "../../providers/banks/payout-limits.ts"
import { PartnerKeys } from "../../vault/partner-keys.ts"
import { warningsOf } from "../payout-batches/acceptance-warnings.ts"
import { batchIdOf, contentOf, REQUESTS } from "../payout-batches/batch-identity.ts"
import { acceptedAs, type BatchName, batchName } from "../payout-batches/batch-name.ts"
import { wouldNeedApproval } from "../payout-batches/day-allowance.ts"
import { lookInDay } from "../payout-batches/day-count.ts"
import { lookForDuplicates } from "../payout-batches/duplicate-check.ts"
import type { IdempotencyKey } from "../payout-batches/idempotency-key.ts"
import { partnerTerms } from "../payout-batches/partner-terms.ts"
import { payableNow } from "../payout-batches/payable-request.ts"
import type { Asked } from "../payout-batches/payout-batch-intake.ts"
import type { BatchRequest } from "../payout-batches/payout-batch-request.ts"
import { AcceptedPayoutBatch, ShownAmount } from "../payout-batches/shapes.ts"
import { reply } from "../routing/reply.ts"
import { Instant } from "../routing/shapes.ts"

/** Items that are routed before others get their turn. */
const ITEMS_PER_TURN = 500
/** The most ways that are shown, by the number of their payouts. */
const ROUTES_MAX = 100

const { itemCount, totals, warnings, rejected } = AcceptedPayoutBatch.fields

const PlannedRoute = Schema.Struct({
  scheme: Schema.Literals(schemes),
  currency: Schema.String,
  bank: Schema.optionalKey(Schema.String.annotate({ description: "Missing if no rule leads to a bank." })),
  rule: Schema.optionalKey(Schema.String),
  items: Schema.Int,
  total: ShownAmount.fields.value,
  expectedArrival: Schema.String.annotate({ format: "date" }),
}).annotate({ identifier: "PlannedRoute" })

/** What would become of a batch. */
export const BatchDryRun = Schema.Struct({
  dryRun: Schema.Literal(true),
  itemCount,
  totals,
  needsApproval: Schema.Boolean,
  executeAt: Schema.optionalKey(Instant),
  routes: Schema.Array(PlannedRoute).annotate({
    description: `Where the payouts would go by the rules of the moment: the first ${ROUTES_MAX} by the number of items.`,
  }),
  warnings,
  rejected,
}).annotate({ identifier: "BatchDryRun" })

export const exampleDryRun = {
  dryRun: true,
  itemCount: 1,
  totals: { EUR: "12.34" },
  needsApproval: false,
  routes: [
    {
      scheme: "sepa",
      currency: "EUR",
      bank: "north",
      rule: "sepa",
      items: 1,
      total: "12.34",
      expectedArrival: "2026-11-30",
    },
  ],
} as const

/** Checks a request, and answers what would become of it; fails with the problem that the request itself would get. */
export const dryRun = Effect.fnUntraced(function* <E, R>(
  partner: PartnerId,
  key: IdempotencyKey | undefined,
  asked: Asked<E, R>,
) {
  const read = yield* asked.read
  const now = yield* Clock.currentTimeMillis
  const terms = yield* partnerTerms(partner)
  const { payable: request, problems } = yield* payableNow(terms, partner, read, now, asked)
  if (request === undefined) return yield* Effect.fail(asked.unpayable(problems))
  const id = key === undefined ? batchIdOf(partner, "") : yield* batchUnder(batchName(partner, key))
  const digestKey = yield* (yield* PartnerKeys).current(REQUESTS)
  const duplicates = yield* lookForDuplicates({ id, partner, request, policy: terms.duplicates }, digestKey)
  // Without a key, the request is none that was counted before.
  const digest =
    key === undefined ? undefined : contentOf(yield* inSlices(asked.digest(digestKey)), request.rejectedRows)
  const looked = { id, partner, digest }
  yield* lookInDay(looked, terms, request)
  const { totals, modulusFailures, rejectedRows, items, requireApproval, executeAt } = request
  const needsApproval = requireApproval === true || (yield* wouldNeedApproval(looked, terms.policy, request))
  return reply(200, {
    dryRun: true,
    itemCount: items.length,
    totals,
    needsApproval,
    ...(executeAt === undefined ? {} : { executeAt: new Date(executeAt).toISOString() }),
    routes: yield* routesOf(partner, request, now),
    ...warningsOf({ duplicates, modulusFailures }),
    ...(rejectedRows === undefined ? {} : { rejected: asked.settingAside?.shown(rejectedRows) }),
  })
})

/** The batch that was accepted under a key, or would be. */
const batchUnder = (name: BatchName) => Effect.map(acceptedAs(name), (before) => before?.id ?? name.id)

interface Planned {
  readonly scheme: Scheme
  readonly currency: string
  /** Nothing, where no rule leads there. */
  readonly bank: string | undefined
  readonly rule: string | undefined
  items: number
  minor: bigint
}

/** Where the payouts would go if they were sent now, or when they are due, by the rules of the moment. */
const routesOf = Effect.fnUntraced(function* (
  partner: PartnerId,
  { items, executeAt = 0 }: BatchRequest,
  now: number,
) {
  const limits = yield* PayoutLimits
  const at = Math.max(now, executeAt)
  const ways = new Map<string, Planned>()
  for (const [index, { beneficiary, currency, minor }] of items.entries()) {
    if (index > 0 && index % ITEMS_PER_TURN === 0) yield* turn
    const visible = visibleBeneficiaryOf(beneficiary)
    const found = limits.destination({ beneficiary: visible, currency, minor }, partner, at)
    const scheme = schemeOf(visible.account, currency, at)
    const [bank, rule] = [found?.bank, found?.route.rule]
    const name = JSON.stringify([scheme, currency, bank, rule])
    const way = ways.get(name) ?? { scheme, currency, bank, rule, items: 0, minor: 0n }
    ways.set(name, way)
    way.items += 1
    way.minor += minor
  }
  return [...ways.values()]
    .sort((a, b) => b.items - a.items)
    .slice(0, ROUTES_MAX)
    .map(({ minor, scheme, currency, bank, rule, items }) => ({
      scheme,
      currency,
      ...(bank === undefined ? {} : { bank, rule }),
      items,
      total: formatAmount(minor, currency),
      expectedArrival: arrivalOf(scheme, at),
    }))
})
