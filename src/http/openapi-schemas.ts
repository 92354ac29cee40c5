/** The schemas that the OpenAPI document refers to. */

import { bankRemarkKinds } from "../domain/bank-remark.ts"
import { batchStates } from "../domain/batch.ts"
import { ADDRESS_LENGTHS_MAX } from "../domain/beneficiary.ts"
import { PayeeMatch, Verdict } from "../domain/clearance-answers.ts"
import { Failure } from "../domain/failure-codes.ts"
import { publicItemStates } from "../domain/item-state.ts"
import { REMARKS_MAX } from "../projections/batch-queries.ts"
import { publicEventTypes } from "../publisher/public-event.ts"
import { ITEMS_MAX } from "./payout-batches/payout-batch-request.ts"

export const text = (maxLength?: number) => ({
  type: "string",
  ...(maxLength === undefined ? {} : { minLength: 1, maxLength }),
})
const whole = { type: "integer", minimum: 0 }
export const instant = { type: "string", format: "date-time" }
const decimal = { type: "string", pattern: "^(0|[1-9][0-9]*)(\\.[0-9]+)?$", examples: ["12.34"] }
const next = (type: string) => ({
  type: [type, "null"],
  description: "The cursor of the next page; null at the end.",
})
export const list = (items: object) => ({ type: "array", items })
export const of = (name: string) => ({ $ref: `#/components/schemas/${name}` })
const byCurrency = (value: object) => ({ type: "object", additionalProperties: value })

/** An object with all these fields, of which only the optional ones may be missing. */
export const object = (
  required: Readonly<Record<string, object>>,
  optional: Readonly<Record<string, object>> = {},
) => ({
  type: "object",
  properties: { ...required, ...optional },
  required: Object.keys(required),
})

export const closedObject = (...fields: Parameters<typeof object>) => ({
  ...object(...fields),
  additionalProperties: false,
})

const account = (scheme: string, ...fields: Parameters<typeof object>) =>
  closedObject({ scheme: { const: scheme }, ...fields[0] }, fields[1])

/** An identifier as people write it, in groups. */
const grouped = (what: string) => ({
  ...text(),
  description: `${what}; spaces and lower case are read as well.`,
})

const endpoint = {
  id: text(),
  url: { type: "string", format: "uri" },
  enabled: { type: "boolean" },
  createdAt: instant,
}
const eventTypesNamed = {
  eventTypes: {
    ...list({ enum: Object.values(publicEventTypes) }),
    minItems: 1,
    description: "All types by default.",
  },
}
const eventTypes = { eventTypes: list({ enum: Object.values(publicEventTypes) }) }

const payee = {
  enum: PayeeMatch.literals,
  description: "Whether the beneficiary's name matches the name on the account.",
}

const cause = {
  type: "string",
  pattern: "^[a-z][a-z-]{0,39}$",
  description: "The subject of the decision, such as sanctions, which is also the default.",
}
const findingName = { cause, listVersion: text(255) }
const by = {
  ...text(128),
  description:
    "A note of who acts; the name of the key by default. The key itself decides what is permitted.",
}

export const schemas = {
  Amount: closedObject({ currency: { type: "string", pattern: "^[A-Z]{3}$" }, value: decimal }),
  BeneficiaryAccount: {
    oneOf: [
      account("iban", { iban: grouped("An IBAN") }, { bic: grouped("A BIC") }),
      account("sort-code", { sortCode: grouped("Six digits"), accountNumber: grouped("Eight digits") }),
      account(
        "aba",
        {
          routingNumber: grouped("Nine digits"),
          accountNumber: grouped("1 to 34 digits or letters"),
          accountType: { enum: ["checking", "savings"] },
        },
        { holderType: { enum: ["individual", "company"] } },
      ),
      account("bic", { bic: grouped("A BIC"), accountNumber: grouped("1 to 34 digits or letters") }),
    ],
  },
  Address: {
    ...closedObject(
      {
        town: text(ADDRESS_LENGTHS_MAX.town),
        country: { type: "string", pattern: "^[A-Z]{2}$", description: "ISO 3166-1 alpha-2." },
      },
      {
        street: text(ADDRESS_LENGTHS_MAX.street),
        buildingNumber: text(ADDRESS_LENGTHS_MAX.buildingNumber),
        postcode: text(ADDRESS_LENGTHS_MAX.postcode),
      },
    ),
    description:
      "Where the beneficiary lives or has its seat. Banks may require it for cross-border payments.",
  },
  NewPayoutBatch: closedObject(
    { items: { ...list(of("NewPayoutItem")), minItems: 1, maxItems: ITEMS_MAX } },
    {
      reference: text(64),
      mode: {
        enum: ["partial", "strict"],
        description:
          "Whether a refused item stops the others: strict pays nothing unless all items are approved.",
      },
      submittedBy: {
        ...text(128),
        description: "A note of who submits. The key, not this note, decides who may approve.",
      },
      requireApproval: {
        type: "boolean",
        description: "Whether the batch must be approved under another key.",
      },
      executeAt: {
        ...instant,
        description:
          "Nothing is paid before this time. It has to be near enough; the settings say how far ahead it may be.",
      },
      duplicates: {
        ...closedObject({ allowed: { const: true }, reason: text(280) }),
        description: "Pays items again that were accepted before, on purpose. The reason stays in the log.",
      },
    },
  ),
  NewPayoutItem: closedObject(
    {
      reference: { ...text(64), description: "Unique within the batch." },
      amount: of("Amount"),
      beneficiary: closedObject(
        { name: text(140), account: of("BeneficiaryAccount") },
        { address: of("Address") },
      ),
    },
    { remittance: { ...text(140), description: "For the beneficiary's statement." } },
  ),
  AcceptedPayoutBatch: object(
    {
      id: text(),
      state: { const: "received" },
      itemCount: whole,
      totals: byCurrency(decimal),
      receivedAt: instant,
    },
    {
      warnings: {
        ...list(of("Warning")),
        description: "What was accepted and should be looked at; absent if there is nothing.",
      },
    },
  ),
  Warning: {
    ...object(
      { type: text(), detail: text() },
      {
        count: { ...whole, description: "How many items it is about." },
        items: {
          ...list(object({ pointer: { type: "string" }, item: whole }, { duplicateOf: of("DuplicateOf") })),
          description: "The first 100 of them.",
        },
      },
    ),
    description: "type is duplicate-payouts, duplicates-unchecked or uk-modulus-check; there may be others.",
  },
  DuplicateOf: object({ batch: text(), item: whole }),
  Duplicates: object(
    {
      count: whole,
      items: {
        ...list(object({ item: whole, duplicateOf: of("DuplicateOf") })),
        description: "The first 100 of them.",
      },
    },
    {
      unchecked: { const: true, description: "Earlier payouts could not all be compared." },
      reason: { ...text(280), description: "Why the partner allowed duplicates." },
    },
  ),
  BatchState: { enum: batchStates },
  ItemState: { enum: publicItemStates },
  PayoutBatch: object(
    {
      id: text(),
      idempotencyKey: text(),
      state: of("BatchState"),
      itemCount: whole,
      totals: { ...byCurrency(decimal), description: "The accepted amount, per currency." },
      states: {
        ...byCurrency(byCurrency(object({ count: whole, amount: decimal }))),
        description: "Amounts per currency and item state; they add up to the totals.",
      },
      needsAttention: {
        type: "boolean",
        description:
          "Only a person can move the batch: it waits for approval, or all of its open items are held or parked.",
      },
      version: { ...whole, description: "The version of the log that the answer reflects." },
      receivedAt: instant,
      updatedAt: instant,
    },
    {
      reference: text(64),
      closedAt: instant,
      executeAt: { ...instant, description: "Nothing is paid before this time." },
      duplicates: {
        ...of("Duplicates"),
        description: "What was found, when the batch was accepted, of payouts that were accepted before.",
      },
    },
  ),
  PayoutBatchPage: object({ payoutBatches: list(of("PayoutBatch")), next: next("string") }),
  PayoutItem: object(
    {
      item: { ...whole, description: "The item's number in the batch, from 1." },
      reference: text(64),
      amount: of("Amount"),
      beneficiary: object({ name: text(140), account: { ...text(), examples: ["iban …3000"] } }),
      state: of("ItemState"),
      ledger: { enum: ["none", "held", "posted", "released", "reversed"] },
      version: whole,
      updatedAt: instant,
    },
    {
      bank: text(),
      transferReference: text(35),
      uetr: {
        type: "string",
        format: "uuid",
        description: "The transfer's unique end-to-end transaction reference, as banks know it.",
      },
      attempt: whole,
      reason: text(),
      failure: of("Failure"),
      clearance: of("Clearance"),
    },
  ),
  PayoutItemDetail: {
    allOf: [
      of("PayoutItem"),
      object({
        bankRemarks: {
          ...list(of("BankRemark")),
          description: `What banks reported in files of the item's attempts, beside their state: the first ${REMARKS_MAX}.`,
        },
      }),
    ],
  },
  BankRemark: {
    ...object(
      {
        bank: text(),
        attempt: whole,
        kind: { enum: bankRemarkKinds },
        text: { ...text(), description: "For people. Account numbers are masked." },
        seenAt: { ...instant, description: "When the service read it for the first time." },
      },
      {
        amount: { ...of("Amount"), description: "The charge." },
        instructed: { ...of("Amount"), description: "The amount that was ordered." },
        booked: { ...of("Amount"), description: "The amount that the bank booked for it." },
        rate: { ...text(), description: "The rate of exchange, as the bank writes it." },
      },
    ),
    description:
      "A reason, a charge or a rate. A charge has instructed and booked if it is their difference; a rate has both.",
  },
  Failure: {
    ...object({
      code: text(),
      category: { enum: Failure.fields.category.literals },
      retryable: {
        type: "boolean",
        description: "Whether the same payout may succeed in a new attempt without anyone changing it.",
      },
      nextAction: { enum: Failure.fields.nextAction.literals, description: "What to do next." },
      meaning: { ...text(), description: "An explanation for people. Its wording may change." },
    }),
    description:
      "What the bank's code in `reason` means, if the item failed or was returned; docs/FAILURE-CODES.md has all codes.",
  },
  Clearance: {
    ...object(
      { decision: { enum: Verdict.literals }, listVersion: text(255) },
      { payee, findings: list(of("Finding")) },
    ),
    description: "The strictest decision of the compliance engine, and the version of the lists behind it.",
  },
  Finding: {
    ...object(
      { ...findingName, decision: { enum: Verdict.literals }, released: { type: "boolean" } },
      { reason: text(200) },
    ),
    description: "A finding against the item, and whether a reviewer released it.",
  },
  PayoutItemPage: object({ items: list(of("PayoutItem")), next: next("string"), version: whole }),
  Approval: closedObject({ hash: text(128) }, { by }),
  Cancellation: closedObject(
    { reason: text(280) },
    { by, items: { ...list(whole), minItems: 1, description: "All items by default." } },
  ),
  Decline: closedObject({ hash: text(128), reason: text(280) }, { by }),
  Schedule: closedObject({ executeAt: instant }, { by }),
  Review: closedObject(
    { reason: text(280), decision: { enum: ["released", "rejected"] } },
    {
      by,
      findings: {
        ...list(closedObject(findingName, { reason: text(200) })),
        minItems: 1,
        maxItems: 64,
        description:
          "The findings to release, as `clearance.findings` shows them; all present findings by default.",
      },
    },
  ),
  Retry: closedObject(
    {},
    { by, attempt: { ...whole, description: "The attempt that failed; the last one by default." } },
  ),
  Resolution: closedObject(
    { outcome: { enum: ["settled", "failed"] }, evidence: of("Evidence") },
    {
      by,
      reason: text(280),
      attempt: { ...whole, description: "Required if several attempts of the item are in question." },
    },
  ),
  Evidence: {
    ...closedObject({ text: text(280), reference: text(128) }),
    description: "What proves the outcome, and where to find it again.",
  },
  Expected: object({ status: { const: "accepted" }, commandId: text(), expected: list(of("BatchEvent")) }),
  BatchEvent: { ...object({ version: whole, type: text(), at: instant }), additionalProperties: true },
  BatchEventPage: object({ events: list(of("BatchEvent")), next: next("integer") }),
  NewWebhookEndpoint: closedObject({ url: { type: "string", format: "uri" } }, eventTypesNamed),
  WebhookEndpoint: object(endpoint, eventTypes),
  CreatedWebhookEndpoint: object({ ...endpoint, secret: text() }, eventTypes),
  WebhookEndpointList: object({ webhookEndpoints: list(of("WebhookEndpoint")) }),
  BankCallback: object(
    {
      id: text(255),
      bank: text(255),
      reference: text(35),
      transferId: text(255),
      status: { enum: ["settled", "rejected", "returned"] },
      at: text(40),
    },
    { code: text(35) },
  ),
  ComplianceCallback: object({
    id: text(255),
    clearanceId: { ...text(64), description: "The clearanceId of the request." },
    listVersion: text(255),
    decisions: {
      ...list(
        object({ item: whole, decision: { enum: Verdict.literals } }, { reason: text(200), payee, cause }),
      ),
      minItems: 1,
      maxItems: 500,
    },
  }),
  ListAnnouncement: object(
    { id: text(255), listVersion: text(255) },
    {
      announcedAt: {
        ...instant,
        description: "When the engine announced the lists; the time of arrival by default.",
      },
    },
  ),
  Funding: object({ partner: text(), currency: { type: "string", pattern: "^[A-Z]{3}$" } }),
  Problem: object(
    { type: text(), title: text(), status: whole, instance: text() },
    {
      detail: text(),
      errors: list(of("FieldProblem")),
      batch: text(),
      reason: text(),
      scope: text(),
      attempts: list(whole),
      version: whole,
      count: whole,
    },
  ),
  FieldProblem: object(
    { pointer: { type: "string" }, detail: text() },
    { item: whole, field: text(), duplicateOf: of("DuplicateOf") },
  ),
} as const
