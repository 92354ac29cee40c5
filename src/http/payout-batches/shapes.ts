/** Batches, items and events as the API shows them. */
import { Schema } from "effect"
import { bankRemarkKinds } from "../../domain/bank-remark.ts"
import { batchStates } from "../../domain/batch.ts"
import { PayeeMatch, Verdict } from "../../domain/clearance-answers.ts"
import { Failure } from "../../domain/failure-codes.ts"
import { BatchId, ItemNumber } from "../../domain/identifiers.ts"
import { publicItemStates } from "../../domain/item-state.ts"
import { REMARKS_MAX } from "../../projections/batch-queries.ts"
import { named } from "../routing/parameters.ts"
import { Instant, Next } from "../routing/shapes.ts"

const Whole = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))
const Version = Whole.annotate({ description: "The version of the log that the answer reflects." })
const AsOf = Schema.Struct({
  version: Whole,
  at: Instant.annotate({ description: "When the event with this version was logged." }),
}).annotate({
  identifier: "AsOf",
  description: "Only in answers to a request with asOf: the version of the log that the state is of.",
})
const Decimal = Schema.String.check(Schema.isPattern(/^(0|[1-9][0-9]*)(\.[0-9]+)?$/)).annotate({
  identifier: "Decimal",
  description: "An amount with the decimals of its currency, such as 12.34.",
})
const ByCurrency = <S extends Schema.Constraint>(value: S) => Schema.Record(Schema.String, value)

export const BatchState = Schema.Literals(batchStates).annotate({ identifier: "BatchState" })
export const ItemState = Schema.Literals(publicItemStates).annotate({ identifier: "ItemState" })

export const ShownAmount = Schema.Struct({ currency: Schema.String, value: Decimal }).annotate({
  identifier: "ShownAmount",
})

const DuplicateOf = Schema.Struct({ batch: Schema.String, item: Whole }).annotate({
  identifier: "DuplicateOf",
})

const Warning = Schema.Struct({
  type: Schema.String,
  detail: Schema.String,
  count: Schema.optionalKey(Whole),
  items: Schema.optionalKey(
    Schema.Array(
      Schema.Struct({
        pointer: Schema.String,
        item: Schema.optionalKey(Whole),
        field: Schema.optionalKey(Schema.String),
        detail: Schema.optionalKey(Schema.String),
        duplicateOf: Schema.optionalKey(DuplicateOf),
      }),
    ).annotate({ description: "The first 100 of them." }),
  ),
}).annotate({
  identifier: "Warning",
  description: "type is duplicate-payouts, duplicates-unchecked or uk-modulus-check; there may be others.",
})

const RejectedRow = Schema.Struct({
  line: Schema.optionalKey(Whole),
  column: Schema.optionalKey(Schema.String),
  detail: Schema.String,
}).annotate({ identifier: "RejectedRow" })

export const AcceptedPayoutBatch = Schema.Struct({
  id: Schema.String,
  state: Schema.Literal("received"),
  itemCount: Whole,
  totals: ByCurrency(Decimal),
  receivedAt: Instant,
  warnings: Schema.optionalKey(
    Schema.Array(Warning).annotate({ description: "What was accepted and should be looked at." }),
  ),
  rejected: Schema.optionalKey(
    Schema.Struct({
      count: Whole,
      errors: Schema.Array(RejectedRow).annotate({ description: "The first 100 problems." }),
    }).annotate({
      identifier: "RejectedRows",
      description: "With rows=good: the rows of the file that are not in the batch.",
    }),
  ),
}).annotate({ identifier: "AcceptedPayoutBatch" })

const ShownDuplicates = Schema.Struct({
  count: Whole,
  items: Schema.Array(Schema.Struct({ item: Whole, duplicateOf: DuplicateOf })),
  unchecked: Schema.optionalKey(Schema.Literal(true)),
  reason: Schema.optionalKey(Schema.String),
}).annotate({
  identifier: "Duplicates",
  description: "What was found, when the batch was accepted, of payouts that were accepted before.",
})

const ShownApproval = Schema.Struct({
  state: Schema.Literals(["pending", "approved", "expired"]),
  reason: Schema.Literals(["asked", "threshold"]).annotate({ description: "Why it is needed." }),
  hash: Schema.String,
  expiresAt: Instant,
  by: Schema.optionalKey(Schema.String),
  credential: Schema.optionalKey(Schema.String),
  approvedAt: Schema.optionalKey(Instant),
}).annotate({
  identifier: "ShownApproval",
  description:
    "Present if the batch needs an approval. `credential` is who approved, `by` the name that the event shows.",
})

const Arrival = Schema.Struct({
  scheme: Schema.String,
  on: Schema.String.annotate({ format: "date", description: "A day (ISO 8601)." }),
}).annotate({ identifier: "Arrival" })

export const PayoutBatch = Schema.Struct({
  id: Schema.String,
  reference: Schema.optionalKey(Schema.String),
  idempotencyKey: Schema.String,
  state: BatchState,
  itemCount: Whole,
  totals: ByCurrency(Decimal).annotate({ description: "The accepted amount, per currency." }),
  states: ByCurrency(ByCurrency(Schema.Struct({ count: Whole, amount: Decimal }))).annotate({
    description: "Amounts per currency and item state; they add up to the totals.",
  }),
  needsAttention: Schema.Boolean.annotate({
    description:
      "Only a person can move the batch: it waits for approval, or all of its open items are held or parked.",
  }),
  duplicates: Schema.optionalKey(ShownDuplicates),
  rejectedRows: Schema.optionalKey(
    Whole.annotate({
      description: "Of a file that was posted with rows=good: how many of its rows are not in the batch.",
    }),
  ),
  version: Version,
  asOf: Schema.optionalKey(AsOf),
  receivedAt: Instant,
  updatedAt: Instant,
  closedAt: Schema.optionalKey(Instant),
  executeAt: Schema.optionalKey(Instant.annotate({ description: "Nothing is paid before this time." })),
  approval: Schema.optionalKey(ShownApproval),
  expectedArrivals: Schema.optionalKey(
    Schema.Array(Arrival).annotate({
      description:
        "The day on which the payouts of each scheme should arrive, once the batch started to pay.",
    }),
  ),
}).annotate({ identifier: "PayoutBatch" })

export const PayoutBatchPage = Schema.Struct({
  payoutBatches: Schema.Array(PayoutBatch),
  next: Next,
}).annotate({ identifier: "PayoutBatchPage" })

const Finding = Schema.Struct({
  cause: Schema.String,
  listVersion: Schema.String,
  reason: Schema.optionalKey(Schema.String),
  decision: Verdict,
  released: Schema.Boolean,
}).annotate({ identifier: "Finding" })

const Clearance = Schema.Struct({
  decision: Verdict,
  listVersion: Schema.String,
  payee: Schema.optionalKey(PayeeMatch),
  findings: Schema.optionalKey(Schema.Array(Finding)),
}).annotate({
  identifier: "Clearance",
  description: "The strictest decision of the compliance engine, and the version of the lists behind it.",
})

const Attempt = Schema.Struct({
  attempt: Whole,
  bank: Schema.String,
  reference: Schema.String.annotate({ description: "Our reference of the transfer." }),
  uetr: Schema.optionalKey(Schema.String),
  transferId: Schema.optionalKey(Schema.String.annotate({ description: "The bank's own id." })),
  state: Schema.Literals(["transferring", "unknown", "pending", "parked", "settled", "failed", "returned"]),
  code: Schema.optionalKey(
    Schema.String.annotate({ description: "The bank's code for a failure or a return." }),
  ),
  category: Schema.optionalKey(Failure.fields.category),
  requestedAt: Instant,
  concludedAt: Schema.optionalKey(Instant),
}).annotate({ identifier: "Attempt", description: "An attempt to pay an item, with a reference of its own." })

const attempts = Schema.Array(Attempt).annotate({
  description: "The attempts to pay the item, in their order.",
})

export const PayoutItem = Schema.Struct({
  item: Whole,
  reference: Schema.String,
  amount: ShownAmount,
  beneficiary: Schema.Struct({
    name: Schema.String,
    account: Schema.String.annotate({ description: "The scheme and the last four characters." }),
  }),
  state: ItemState,
  ledger: Schema.Literals(["none", "held", "posted", "released", "reversed"]),
  bank: Schema.optionalKey(Schema.String),
  transferReference: Schema.optionalKey(Schema.String),
  transferId: Schema.optionalKey(
    Schema.String.annotate({ description: "The bank's own id of the last attempt." }),
  ),
  uetr: Schema.optionalKey(
    Schema.String.annotate({ description: "The transfer's unique end-to-end transaction reference." }),
  ),
  attempt: Schema.optionalKey(Whole),
  reason: Schema.optionalKey(Schema.String),
  failure: Schema.optionalKey(
    Failure.annotate({
      identifier: "Failure",
      description: "What the code in `reason` means; docs/FAILURE-CODES.md has all codes.",
    }),
  ),
  clearance: Schema.optionalKey(Clearance),
  version: Whole,
  updatedAt: Instant,
  attempts: Schema.optionalKey(attempts),
}).annotate({ identifier: "PayoutItem" })

const BankRemark = Schema.Struct({
  bank: Schema.String,
  attempt: Whole,
  kind: Schema.Literals(bankRemarkKinds),
  text: Schema.String,
  seenAt: Instant,
  amount: Schema.optionalKey(ShownAmount),
  instructed: Schema.optionalKey(ShownAmount),
  booked: Schema.optionalKey(ShownAmount),
  rate: Schema.optionalKey(Schema.String),
}).annotate({
  identifier: "BankRemark",
  description:
    "A reason, a charge or a rate. A charge has instructed and booked if it is their difference; a rate has both.",
})

export const PayoutItemDetail = Schema.Struct({
  ...PayoutItem.fields,
  attempts,
  bankRemarks: Schema.Array(BankRemark).annotate({
    description: `What banks reported of the item's attempts, beside their state: the first ${REMARKS_MAX}.`,
  }),
  asOf: Schema.optionalKey(AsOf),
}).annotate({ identifier: "PayoutItemDetail" })

export const PayoutItemPage = Schema.Struct({
  items: Schema.Array(PayoutItem),
  next: Next,
  version: Whole,
  asOf: Schema.optionalKey(AsOf),
}).annotate({ identifier: "PayoutItemPage" })

export const FoundItemPage = Schema.Struct({
  items: Schema.Array(
    Schema.Struct({
      batch: Schema.String,
      ...PayoutItem.fields,
      receivedAt: Instant.annotate({ description: "When the batch was received." }),
    }).annotate({ identifier: "FoundItem" }),
  ),
  next: Next,
}).annotate({ identifier: "FoundItemPage" })

export const ShownEvent = Schema.StructWithRest(
  Schema.Struct({ version: Whole, type: Schema.String, at: Instant }),
  [Schema.Record(Schema.String, Schema.Unknown)],
).annotate({
  identifier: "BatchEvent",
  description: "An event of the log; docs/EVENTS.md describes the events that partners are notified of.",
})

export const BatchEventPage = Schema.Struct({
  events: Schema.Array(ShownEvent),
  next: Schema.NullOr(Schema.Int),
}).annotate({ identifier: "BatchEventPage" })

export const Expected = Schema.Struct({
  status: Schema.Literal("accepted"),
  commandId: Schema.String.annotate({
    description: "Names the command in a command-refused event, if the batch refuses it later.",
  }),
  expected: Schema.Array(ShownEvent),
}).annotate({ identifier: "Expected" })

const id = BatchId.make("pb_7qfdkz5nhm2rj3wtxay4eb")
const at = "2027-01-02T03:04:05.678Z"

export const batchInPath = {
  id: named(BatchId, { description: "The payout batch.", example: id, what: "payout batch" }),
}
/** The number of an item in a path, as a text without a leading zero. */
export const itemInPath = {
  schema: ItemNumber,
  description: "The item's number in the batch, from 1.",
  example: 1,
}

export const exampleAccepted = {
  id,
  state: "received",
  itemCount: 1,
  totals: { EUR: "12.34" },
  receivedAt: at,
} as const

export const exampleBatch = {
  id,
  reference: "week 12",
  idempotencyKey: "week-12",
  state: "settled",
  itemCount: 1,
  totals: { EUR: "12.34" },
  states: { EUR: { settled: { count: 1, amount: "12.34" } } },
  needsAttention: false,
  version: 12,
  receivedAt: at,
  updatedAt: at,
  closedAt: at,
} as const

export const exampleItem = {
  item: 1,
  reference: "invoice-4711",
  amount: { currency: "EUR", value: "12.34" },
  beneficiary: { name: "Erika Mustermann", account: "iban …3000" },
  state: "settled",
  ledger: "posted",
  bank: "north",
  attempt: 1,
  version: 11,
  updatedAt: at,
} as const

export const exampleAttempt = {
  attempt: 1,
  bank: "north",
  reference: "PB7QFDKZ5NHM2RJ3WTXAY4EB-1-1",
  transferId: "N-4711",
  state: "settled",
  requestedAt: at,
  concludedAt: at,
} as const

export const exampleFoundItem = { batch: id, ...exampleItem, receivedAt: at } as const

export const exampleEvent = { version: 1, type: "BatchReceived", at } as const
