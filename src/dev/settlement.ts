/** Waits until a batch is at rest everywhere: with us, in the ledger, at the banks, and with its partner. */
import { Effect, Result } from "effect"
import { openItems } from "../client/batch-lines.ts"
import type { ShownBatch, ShownEvent, ShownItem } from "../client/command-client.ts"
import type { LedgerState } from "../domain/batch.ts"
import { type ItemRest, isRest } from "../domain/item-state.ts"
import { parseAmount } from "../domain/money.ts"
import type { RequestedItem } from "../http/payout-batches/payout-batch-request.ts"
import type { CliFailure } from "../terminal/cli-failure.ts"
import { bankSums, outstandingAt } from "./bank-books.ts"
import type { Partner } from "./partner.ts"
import { type BankSums, disagreements, type ItemOutcome, sumsOf } from "./summary.ts"

export interface Settlement {
  readonly batch: ShownBatch
  readonly items: ReadonlyArray<ItemOutcome>
  readonly banks: BankSums
  /** The number of public events that follow from the log of the batch. */
  readonly eventsDue: number
  /** What is wrong, or did not come to rest in time; empty if nothing. */
  readonly problems: ReadonlyArray<string>
}

const POLL = "200 millis"
const REST_MS_MAX = 90_000
const DELIVERY_MS_MAX = 20_000

/**
 * Watches a posted batch, and calls `show` with each new version, until every item is at rest, the banks have nothing
 * outstanding and agree with us, the ledger has followed, and every event arrived on NATS and as a webhook. Each wait has
 * a limit; what is missing then is among the problems.
 */
export const awaitSettlement = Effect.fn("awaitSettlement")(function* (
  partner: Partner,
  submitted: ReadonlyArray<RequestedItem>,
  bankUrls: Readonly<Record<string, string>>,
  show: (batch: ShownBatch) => void,
): Effect.fn.Return<Settlement, CliFailure> {
  const restBy = Date.now() + REST_MS_MAX
  let rest = yield* look(partner, submitted, bankUrls, show)
  while (rest.problems.length > 0 && Date.now() < restBy) {
    yield* Effect.sleep(POLL)
    rest = yield* look(partner, submitted, bankUrls, show)
  }
  const eventsDue = publicEventCount(yield* partner.client.events(partner.batch, 0))
  const deliveredBy = Date.now() + DELIVERY_MS_MAX
  while (undelivered(partner, eventsDue).length > 0 && Date.now() < deliveredBy) {
    yield* Effect.sleep(POLL)
    show(rest.batch)
  }
  return { ...rest, eventsDue, problems: [...rest.problems, ...undelivered(partner, eventsDue)] }
})

/** Looks once at everything that has to come to rest, at the expensive parts only after the cheap ones have. */
const look = Effect.fnUntraced(function* (
  { client, batch: id }: Partner,
  submitted: ReadonlyArray<RequestedItem>,
  bankUrls: Readonly<Record<string, string>>,
  show: (batch: ShownBatch) => void,
) {
  const batch = yield* client.batch(id)
  show(batch)
  const open = openItems(batch)
  const outstanding = yield* outstandingAt(Object.values(bankUrls))
  const waiting = [
    ...(open === 0 ? [] : [`${open} items are not at rest`]),
    ...(outstanding === 0
      ? []
      : [`the banks still have ${outstanding} payments, returns or callbacks to make`]),
  ]
  const banks = yield* bankSums(bankUrls, id)
  if (waiting.length > 0) return { batch, items: [], banks, problems: waiting }
  const shown = yield* client.items(id)
  const items = shown.map(outcomeOf)
  const behind = shown.filter(
    ({ state, ledger }) => !(isRest(state) && ledgerStates[state].includes(ledger)),
  ).length
  return {
    batch,
    items,
    banks,
    problems: [
      ...disagreements(submitted, sumsOf(items), banks),
      ...(behind === 0 ? [] : [`the ledger has not followed for ${behind} items`]),
      ...(items.length === batch.itemCount ? [] : [`${items.length} items are shown of ${batch.itemCount}`]),
    ],
  }
})

const outcomeOf = ({ item, amount: { currency, value }, state }: ShownItem): ItemOutcome => ({
  item,
  currency,
  minor: Result.getOrThrow(parseAmount(value, currency)),
  state,
})

/** The ledger's state of an item for each of our states in which an item rests. */
const ledgerStates: Readonly<Record<ItemRest, ReadonlyArray<LedgerState>>> = {
  cancelled: ["none", "released"],
  held: ["none"],
  rejected: ["none"],
  parked: ["held", "posted", "released"],
  settled: ["posted"],
  failed: ["released"],
  returned: ["reversed"],
}

const undelivered = ({ webhooks, events }: Partner, due: number): ReadonlyArray<string> => [
  ...(webhooks.verified.size === due ? [] : [`${webhooks.verified.size} of ${due} webhooks were verified`]),
  ...(webhooks.refused === 0 ? [] : [`${webhooks.refused} webhooks were refused`]),
  ...(events.size === due ? [] : [`${events.size} of ${due} events were seen on NATS`]),
]

/** How many public events follow from a log; docs/EVENTS.md has the rules. */
const publicEventCount = (events: ReadonlyArray<ShownEvent>): number =>
  1 + events.reduce((count, event) => count + toldBy(event), 0)

const toldBy = (event: ShownEvent): number => {
  // A refusal is not published if the next bank of the rule gets the item.
  if (event.type === "RerouteRequested") return -1
  if (event.type === "TransfersSettled") return Array.isArray(event.transfers) ? event.transfers.length : 0
  return tellsOne.has(event.type) ? 1 : decisionsTold(event)
}

const tellsOne = new Set([
  "TransferSettled",
  "TransferFailed",
  "TransferReturned",
  "TransferParked",
  "BatchClosed",
])

/** The items of a screening that were neither approved nor released before. */
const decisionsTold = ({ decisions }: ShownEvent): number =>
  Array.isArray(decisions) ? new Set(decisions.filter(isTold).map(({ item }) => item)).size : 0

const isTold = ({
  decision,
  released,
}: {
  readonly decision?: unknown
  readonly released?: unknown
}): boolean => decision !== "approved" && released !== true
