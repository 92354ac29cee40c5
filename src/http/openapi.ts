/** The API as an OpenAPI 3.1 document. A test compares its paths with the existing routes. */
import { administrationPaths, administrationSchemas } from "./openapi-administration.ts"
import { schemas } from "./openapi-schemas.ts"

const schema = (name: keyof typeof schemas) => ({ $ref: `#/components/schemas/${name}` })
const json = (name: keyof typeof schemas) => ({ "application/json": { schema: schema(name) } })

const problem = (description: string) => ({
  description,
  content: { "application/problem+json": { schema: schema("Problem") } },
})

const unauthorized = { "401": problem("The API key is missing or does not work.") }
const forbidden = { "403": problem("The key does not permit this; detail says which kind of key does.") }
const absent = { "404": problem("The resource does not exist, or belongs to another partner.") }
const unavailable = { "503": problem("Temporarily unavailable. Retry after Retry-After seconds.") }
const tooMany = {
  "429": problem("You are sending too many requests. Retry after Retry-After seconds."),
}
const unreadable = {
  "415": problem("The body is not JSON in UTF-8, or has a Content-Encoding that is not read here."),
}
const tooSlow = { "408": problem("The body was sent too slowly.") }

const parameter = (
  place: "path" | "query" | "header",
  name: string,
  of: object,
  description: string,
  required = place !== "query",
) => ({
  in: place,
  name,
  required,
  schema: of,
  description,
})

const batchId = parameter("path", "id", { type: "string", pattern: "^pb_[a-z2-7]{22}$" }, "The payout batch.")
const cursor = parameter("query", "cursor", { type: "string" }, "`next` of the previous page.")
const limit = parameter(
  "query",
  "limit",
  { type: "integer", minimum: 1 },
  "Maximum number of entries per page.",
)
const state = (name: "BatchState" | "ItemState") =>
  parameter("query", "state", schema(name), "Return only those in this state.")

const webhookHeaders = ["webhook-id", "webhook-timestamp", "webhook-signature"].map((name) =>
  parameter("header", name, { type: "string" }, "As defined by Standard Webhooks."),
)

const itemNumber = parameter(
  "path",
  "item",
  { type: "integer", minimum: 1 },
  "The item's number in the batch.",
)

const idempotencyKey = { type: "string", minLength: 1, maxLength: 255, pattern: "^[ -~]+$" }

const mayBeRepeated = parameter(
  "header",
  "Idempotency-Key",
  idempotencyKey,
  "For a day, the batch processes the same key and body on this path once. Repetitions are answered with Idempotent-Replayed: true.",
  false,
)

/** A person's command to a batch. */
const intervention = (
  operationId: string,
  summary: string,
  body: keyof typeof schemas,
  parameters: ReadonlyArray<object>,
) => ({
  operationId,
  summary,
  parameters: [...parameters, mayBeRepeated],
  requestBody: { required: true, content: json(body) },
  responses: {
    "202": {
      description: "The request is in the batch's mailbox. expected lists the events that it should cause.",
      content: json("Expected"),
    },
    "400": problem("The body is invalid; the problem names the field."),
    ...unauthorized,
    ...forbidden,
    ...absent,
    "409": problem("The batch refuses the request in its present state; reason says why."),
    ...tooSlow,
    ...unreadable,
    "422": problem("The idempotency key was used before with another body."),
    ...tooMany,
    ...unavailable,
  },
})

const forAnyone: ReadonlyArray<never> = []

export const openApiDocument = {
  openapi: "3.1.0",
  info: {
    title: "AtlasPay",
    version: "0.1.0",
    description:
      "Pays batches of payouts, each item exactly once, and records every step in an append-only log.",
    license: { name: "Apache-2.0", identifier: "Apache-2.0" },
  },
  security: [{ apiKey: [] }],
  paths: {
    "/payout-batches": {
      post: {
        operationId: "acceptPayoutBatch",
        summary: "Accept a payout batch",
        parameters: [
          parameter(
            "header",
            "Idempotency-Key",
            idempotencyKey,
            "Names the batch permanently: the same key and body get the same answer, with Idempotent-Replayed: true.",
          ),
        ],
        requestBody: { required: true, content: json("NewPayoutBatch") },
        responses: {
          "202": {
            description: "The batch is in the log and will be paid.",
            content: json("AcceptedPayoutBatch"),
          },
          "400": problem("A header or field is invalid; errors names each. Nothing was stored."),
          ...unauthorized,
          "403": problem(
            "The key is not a partner's, or the keys that seal the partner's accounts were destroyed.",
          ),
          ...tooSlow,
          "409": problem(
            "Items were accepted before, and the service refuses such for this partner; errors names the first 100 of count.",
          ),
          "413": problem("The body is larger than 48 MiB."),
          ...unreadable,
          "422": problem(
            "The idempotency key was used before with another body; batch names the existing batch.",
          ),
          "429": problem(
            "You have too many open batches or concurrent request bodies. Retry after Retry-After seconds.",
          ),
          ...unavailable,
        },
      },
      get: {
        operationId: "listPayoutBatches",
        summary: "List payout batches, newest first",
        parameters: [
          state("BatchState"),
          cursor,
          limit,
          parameter(
            "query",
            "partner",
            { type: "string" },
            "Required for operators: the partner whose batches to list.",
          ),
        ],
        responses: {
          "200": { description: "One page.", content: json("PayoutBatchPage") },
          "400": problem("A parameter is invalid."),
          ...unauthorized,
          ...tooMany,
          ...unavailable,
        },
      },
    },
    "/payout-batches/{id}": {
      get: {
        operationId: "showPayoutBatch",
        summary: "Show a payout batch",
        parameters: [
          batchId,
          parameter(
            "query",
            "atLeast",
            { type: "integer", minimum: 0 },
            "The answer must reflect at least this version of the log.",
          ),
        ],
        responses: {
          "200": { description: "The batch.", content: json("PayoutBatch") },
          "400": problem("A parameter is invalid."),
          ...unauthorized,
          ...absent,
          "409": problem("The log ends before the version in atLeast; version is its last."),
          ...tooMany,
          ...unavailable,
        },
      },
    },
    "/payout-batches/{id}/items": {
      get: {
        operationId: "listPayoutItems",
        summary: "List the items of a batch, in their order",
        parameters: [batchId, state("ItemState"), cursor, limit],
        responses: {
          "200": { description: "One page.", content: json("PayoutItemPage") },
          "400": problem("A parameter is invalid."),
          ...unauthorized,
          ...absent,
          ...tooMany,
          ...unavailable,
        },
      },
    },
    "/payout-batches/{id}/items/{item}": {
      get: {
        operationId: "showPayoutItem",
        summary: "Show an item, with the reasons, charges and rates that banks reported of it",
        parameters: [batchId, itemNumber],
        responses: {
          "200": { description: "The item.", content: json("PayoutItemDetail") },
          ...unauthorized,
          ...absent,
          ...tooMany,
          ...unavailable,
        },
      },
    },
    "/payout-batches/{id}/approval": {
      post: intervention(
        "approveBatch",
        "Approve a batch, under another key than the one that submitted it",
        "Approval",
        [batchId],
      ),
    },
    "/payout-batches/{id}/cancellation": {
      post: intervention("cancelBatch", "Cancel a batch, or some of its items", "Cancellation", [batchId]),
    },
    "/payout-batches/{id}/decline": {
      post: intervention("declineBatch", "Decline to approve a batch, which cancels it", "Decline", [
        batchId,
      ]),
    },
    "/payout-batches/{id}/schedule": {
      post: intervention("rescheduleBatch", "Change when a scheduled batch may start to pay", "Schedule", [
        batchId,
      ]),
    },
    "/payout-batches/{id}/items/{item}/review": {
      post: intervention("reviewItem", "For operators: release or reject a held item", "Review", [
        batchId,
        itemNumber,
      ]),
    },
    "/payout-batches/{id}/items/{item}/retry": {
      post: intervention(
        "retryItem",
        "Retry a failed item; for operators if it was held or parked before, or was not routed",
        "Retry",
        [batchId, itemNumber],
      ),
    },
    "/payout-batches/{id}/items/{item}/resolution": {
      post: intervention(
        "resolveItem",
        "For operators: record how an attempt of a parked item ended",
        "Resolution",
        [batchId, itemNumber],
      ),
    },
    "/payout-batches/{id}/events": {
      get: {
        operationId: "listBatchEvents",
        summary: "List the events of a batch's log",
        parameters: [
          batchId,
          parameter(
            "query",
            "after",
            { type: "integer", minimum: 0 },
            "A version: `next` of the previous page.",
          ),
          limit,
        ],
        responses: {
          "200": { description: "One page.", content: json("BatchEventPage") },
          "400": problem("A parameter is invalid."),
          ...unauthorized,
          ...absent,
          ...tooMany,
          ...unavailable,
        },
      },
    },
    "/webhook-endpoints": {
      post: {
        operationId: "createWebhookEndpoint",
        summary: "Add a webhook endpoint; its secret is shown once",
        requestBody: { required: true, content: json("NewWebhookEndpoint") },
        responses: {
          "201": { description: "The endpoint and its secret.", content: json("CreatedWebhookEndpoint") },
          "400": problem("A field is invalid, or the URL is refused."),
          ...unauthorized,
          ...forbidden,
          "413": problem("The body is larger than 64 KiB."),
          ...unreadable,
          ...tooMany,
          ...unavailable,
        },
      },
      get: {
        operationId: "listWebhookEndpoints",
        summary: "List webhook endpoints, oldest first",
        responses: {
          "200": { description: "All of the partner's endpoints.", content: json("WebhookEndpointList") },
          ...unauthorized,
          ...forbidden,
          ...tooMany,
          ...unavailable,
        },
      },
    },
    "/webhook-endpoints/{id}": {
      delete: {
        operationId: "removeWebhookEndpoint",
        summary: "Remove a webhook endpoint and its pending deliveries",
        parameters: [parameter("path", "id", { type: "string" }, "The endpoint.")],
        responses: {
          "204": { description: "The endpoint was removed." },
          ...unauthorized,
          ...forbidden,
          ...absent,
          ...tooMany,
          ...unavailable,
        },
      },
    },
    "/bank-callbacks/{bank}": {
      post: {
        operationId: "hearBank",
        summary: "For banks: report the outcome of a transfer, signed as a Standard Webhook",
        security: forAnyone,
        parameters: [parameter("path", "bank", { type: "string" }, "The bank's name."), ...webhookHeaders],
        requestBody: { required: true, content: json("BankCallback") },
        responses: {
          "202": { description: "Acknowledged; a repetition has no effect." },
          "400": problem("The body is invalid, or names another bank than the path."),
          "401": problem("The signature is invalid, or older than five minutes."),
          ...absent,
          "413": problem("The body is larger than 64 KiB."),
          ...unreadable,
          ...tooSlow,
          ...unavailable,
        },
      },
    },
    "/compliance-callbacks": {
      post: {
        operationId: "hearComplianceEngine",
        summary: "For the compliance engine: report later decisions, signed as a Standard Webhook",
        security: forAnyone,
        parameters: webhookHeaders,
        requestBody: { required: true, content: json("ComplianceCallback") },
        responses: {
          "202": { description: "Acknowledged; a repetition has no effect." },
          "400": problem("The body is invalid."),
          "401": problem("The signature is invalid, or older than five minutes."),
          ...absent,
          "413": problem("The body is larger than 256 KiB."),
          ...unreadable,
          ...tooSlow,
          ...unavailable,
        },
      },
    },
    "/compliance-callbacks/lists": {
      post: {
        operationId: "hearOfLists",
        summary:
          "For the compliance engine: announce the lists in use from now on, signed as a Standard Webhook",
        security: forAnyone,
        parameters: webhookHeaders,
        requestBody: { required: true, content: json("ListAnnouncement") },
        responses: {
          "202": {
            description: "Acknowledged. Nothing is sent from now on that was screened against other lists.",
          },
          "400": problem("The body is invalid."),
          "401": problem("The signature is invalid, or older than five minutes."),
          ...absent,
          "413": problem("The body is larger than 4 KiB."),
          ...unreadable,
          ...unavailable,
        },
      },
    },
    "/ledger-callbacks/funded": {
      post: {
        operationId: "hearLedger",
        summary: "For the ledger: report that a partner's account was funded, signed as a Standard Webhook",
        security: forAnyone,
        parameters: webhookHeaders,
        requestBody: { required: true, content: json("Funding") },
        responses: {
          "202": { description: "Acknowledged. Batches that wait for funds in that currency retry." },
          "400": problem("The body is invalid."),
          "401": problem("The signature is invalid, or older than five minutes."),
          "404": problem("The service has no secret for the ledger's signatures."),
          "413": problem("The body is larger than 4 KiB."),
          ...unreadable,
          ...tooSlow,
          ...unavailable,
        },
      },
    },
    ...administrationPaths,
    ...openly("/healthz", "isAlive", "Whether the process is alive", "It is alive."),
    ...openly("/openapi.json", "showOpenApi", "This document", "The document."),
    ...openly("/", "showIndex", "Links to the API", "The index."),
  },
  components: {
    securitySchemes: { apiKey: { type: "http", scheme: "bearer" } },
    schemas: { ...schemas, ...administrationSchemas },
  },
}

function openly<Path extends string>(path: Path, operationId: string, summary: string, description: string) {
  const get = { operationId, summary, security: forAnyone, responses: { "200": { description } } }
  return { [path]: { get } }
}
