/** The API as an OpenAPI 3.1 document. A test compares its paths with the routes that exist. */
import { schemas } from "./openapi-schemas.ts"

const schema = (name: keyof typeof schemas) => ({ $ref: `#/components/schemas/${name}` })
const json = (name: keyof typeof schemas) => ({ "application/json": { schema: schema(name) } })

const problem = (description: string) => ({
  description,
  content: { "application/problem+json": { schema: schema("Problem") } },
})

const unauthorized = { "401": problem("No API key, or one that is not known.") }
const forbidden = { "403": problem("The key is known, and is not for that; detail says which is.") }
const absent = { "404": problem("There is no such resource, or it belongs to another partner.") }
const unavailable = { "503": problem("Try again after the seconds in Retry-After.") }
const tooMany = {
  "429": problem("You ask for more than one partner may have. Try again after Retry-After seconds."),
}
const tooSlow = { "408": problem("The body came in too slowly.") }

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
const cursor = parameter("query", "cursor", { type: "string" }, "`next` of the page before.")
const limit = parameter("query", "limit", { type: "integer", minimum: 1 }, "Entries per page at most.")
const state = (name: "BatchState" | "ItemState") =>
  parameter("query", "state", schema(name), "Only those in this state.")

const webhookHeaders = ["webhook-id", "webhook-timestamp", "webhook-signature"].map((name) =>
  parameter("header", name, { type: "string" }, "Standard Webhooks."),
)

const itemNumber = parameter(
  "path",
  "item",
  { type: "integer", minimum: 1 },
  "The item's place in the batch.",
)

const idempotencyKey = { type: "string", minLength: 1, maxLength: 255, pattern: "^[ -~]+$" }

const mayBeRepeated = parameter(
  "header",
  "Idempotency-Key",
  idempotencyKey,
  "For a day the same key and body on this path are put to the batch once, and answered with Idempotent-Replayed: true.",
  false,
)

/** A command of a person to a batch under way. */
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
      description: "In the batch's mailbox, with what it is expected to cause.",
      content: json("Expected"),
    },
    "400": problem("The body is not as agreed; the problem names the field."),
    ...unauthorized,
    ...forbidden,
    ...absent,
    "409": problem("The batch refuses it as it stands, for the reason given."),
    ...tooSlow,
    "422": problem("The key was used before with another body."),
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
      "Pays batches of payouts, each item exactly once, and proves every step from an append-only log.",
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
            "Names the batch for ever: the same key and body give the same answer, with Idempotent-Replayed: true.",
          ),
        ],
        requestBody: { required: true, content: json("NewPayoutBatch") },
        responses: {
          "202": {
            description: "The batch is in the log and will be paid.",
            content: json("AcceptedPayoutBatch"),
          },
          "400": problem("A header or field is not as agreed; errors names each. Nothing was stored."),
          ...unauthorized,
          "403": problem(
            "It takes a partner's key, or the keys that seal the partner's accounts were destroyed.",
          ),
          ...tooSlow,
          "413": problem("The body is larger than 48 MiB."),
          "415": problem("The body is not JSON."),
          "422": problem("The key was used before with another body; batch names what it stands for."),
          "429": problem(
            "You have as many batches open, or bodies under way, as one partner may have. Try again after Retry-After seconds.",
          ),
          ...unavailable,
        },
      },
      get: {
        operationId: "listPayoutBatches",
        summary: "List payout batches, the newest first",
        parameters: [
          state("BatchState"),
          cursor,
          limit,
          parameter("query", "partner", { type: "string" }, "For operators, who have to say whose batches."),
        ],
        responses: {
          "200": { description: "A page.", content: json("PayoutBatchPage") },
          "400": problem("A parameter is not as agreed."),
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
            "The version that the answer must not be behind.",
          ),
        ],
        responses: {
          "200": { description: "The batch.", content: json("PayoutBatch") },
          "400": problem("A parameter is not as agreed."),
          ...unauthorized,
          ...absent,
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
          "200": { description: "A page.", content: json("PayoutItemPage") },
          "400": problem("A parameter is not as agreed."),
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
    "/payout-batches/{id}/items/{item}/review": {
      post: intervention("reviewItem", "For operators: release or reject an item that is held", "Review", [
        batchId,
        itemNumber,
      ]),
    },
    "/payout-batches/{id}/items/{item}/retry": {
      post: intervention(
        "retryItem",
        "Try a failed item again; operators, if people had to look at it",
        "Retry",
        [batchId, itemNumber],
      ),
    },
    "/payout-batches/{id}/items/{item}/resolution": {
      post: intervention(
        "resolveItem",
        "For operators: say how an attempt of a parked item ended",
        "Resolution",
        [batchId, itemNumber],
      ),
    },
    "/payout-batches/{id}/events": {
      get: {
        operationId: "listBatchEvents",
        summary: "List what happened to a batch, from its log",
        parameters: [
          batchId,
          parameter(
            "query",
            "after",
            { type: "integer", minimum: 0 },
            "`next` of the page before: a version.",
          ),
          limit,
        ],
        responses: {
          "200": { description: "A page.", content: json("BatchEventPage") },
          "400": problem("A parameter is not as agreed."),
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
          "400": problem("A field is not as agreed, or the URL is refused."),
          ...unauthorized,
          ...forbidden,
          "413": problem("The body is larger than 64 KiB."),
          "415": problem("The body is not JSON."),
          ...unavailable,
        },
      },
      get: {
        operationId: "listWebhookEndpoints",
        summary: "List webhook endpoints, the oldest first",
        responses: {
          "200": { description: "All of the partner's endpoints.", content: json("WebhookEndpointList") },
          ...unauthorized,
          ...forbidden,
          ...unavailable,
        },
      },
    },
    "/webhook-endpoints/{id}": {
      delete: {
        operationId: "removeWebhookEndpoint",
        summary: "Remove a webhook endpoint and what is still to be delivered to it",
        parameters: [parameter("path", "id", { type: "string" }, "The endpoint.")],
        responses: {
          "204": { description: "It is removed." },
          ...unauthorized,
          ...forbidden,
          ...absent,
          ...unavailable,
        },
      },
    },
    "/bank-callbacks/{bank}": {
      post: {
        operationId: "hearBank",
        summary: "For banks: the outcome of a transfer, signed as a Standard Webhook",
        security: forAnyone,
        parameters: [parameter("path", "bank", { type: "string" }, "The bank's name."), ...webhookHeaders],
        requestBody: { required: true, content: json("BankCallback") },
        responses: {
          "202": { description: "It was heard; hearing it again changes nothing." },
          "400": problem("The body is not as agreed, or from another bank than the path."),
          "401": problem("The signature does not verify, or is older than five minutes."),
          ...absent,
          "413": problem("The body is larger than 64 KiB."),
          ...tooSlow,
          ...unavailable,
        },
      },
    },
    "/compliance-callbacks": {
      post: {
        operationId: "hearComplianceEngine",
        summary: "For the compliance engine: decisions that it left for later, signed as a Standard Webhook",
        security: forAnyone,
        parameters: webhookHeaders,
        requestBody: { required: true, content: json("ComplianceCallback") },
        responses: {
          "202": { description: "It was heard; hearing it again changes nothing." },
          "400": problem("The body is not as agreed."),
          "401": problem("The signature does not verify, or is older than five minutes."),
          ...absent,
          "413": problem("The body is larger than 256 KiB."),
          ...tooSlow,
          ...unavailable,
        },
      },
    },
    "/compliance-callbacks/lists": {
      post: {
        operationId: "hearOfLists",
        summary:
          "For the compliance engine: the lists that it goes by from now on, signed as a Standard Webhook",
        security: forAnyone,
        parameters: webhookHeaders,
        requestBody: { required: true, content: json("ListAnnouncement") },
        responses: {
          "202": { description: "From now on nothing is sent that was screened by other lists." },
          "400": problem("The body is not as agreed."),
          "401": problem("The signature does not verify, or is older than five minutes."),
          ...absent,
          "413": problem("The body is larger than 4 KiB."),
          ...unavailable,
        },
      },
    },
    "/ledger-callbacks/funded": {
      post: {
        operationId: "hearLedger",
        summary: "For the ledger: a partner's account was funded, signed as a Standard Webhook",
        security: forAnyone,
        parameters: webhookHeaders,
        requestBody: { required: true, content: json("Funding") },
        responses: {
          "202": { description: "Batches that wait for funds in that currency try again." },
          "400": problem("The body is not as agreed."),
          "401": problem("The signature does not verify, or is older than five minutes."),
          "404": problem("The service was given no secret that the ledger signs with."),
          "413": problem("The body is larger than 4 KiB."),
          ...tooSlow,
          ...unavailable,
        },
      },
    },
    ...openly("/healthz", "isAlive", "Whether the process lives", "It lives."),
    ...openly("/openapi.json", "showOpenApi", "This document", "The document."),
    ...openly("/", "showIndex", "Where to go from here", "The index."),
  },
  components: {
    securitySchemes: { apiKey: { type: "http", scheme: "bearer" } },
    schemas,
  },
}

function openly<Path extends string>(path: Path, operationId: string, summary: string, description: string) {
  const get = { operationId, summary, security: forAnyone, responses: { "200": { description } } }
  return { [path]: { get } }
}
