/**
 * The API as a partner calls it: a method for each operation, with promises. docs/CLIENT.md explains it. Only fetch and what else web
 * platforms have is used, so that it runs in Node 20 and later.
 */
import { readJson } from "./answers.ts"
import type { BatchDryRun, NewPayoutBatch, PayoutBatch, PayoutItemDetail } from "./api-types.ts"
import {
  type ActOptions,
  type FileOptions,
  type PayoutFile,
  type PostedBatch,
  postBatch,
  postFile,
  tryBatch,
  tryFile,
} from "./batch-posting.ts"
import { type Acknowledged, type AnswerOf, act, type BodyOf, doOnce, type QueryOf, read } from "./calls.ts"
import { draftsOf } from "./drafts.ts"
import { type EventStreamOptions, eventStream } from "./event-stream.ts"
import { type ExportedItems, exportedFile, exportedItems } from "./exports.ts"
import { entriesOf } from "./pages.ts"
import { proofsOf } from "./proofs.ts"
import { type SettlingOptions, settled } from "./settling.ts"
import { type CallOptions, defaultLimits, type Limits, limitsOf, type Service } from "./transport.ts"
import { webhookDeliveriesOf } from "./webhook-deliveries.ts"
import { webhookSecretsOf } from "./webhook-secrets.ts"
import type { WebhookEndpoint } from "./webhook-types.ts"

export interface ClientOptions extends Partial<Limits> {
  /** The address of the service, with the path under which it is, if it is under one. */
  readonly url: string
  readonly apiKey: string
  /** In place of the platform's own `fetch`. */
  readonly fetch?: typeof fetch | undefined
}

type Filters<Name extends "listPayoutBatches" | "listPayoutItems" | "searchPayoutItems"> = Omit<
  QueryOf<Name>,
  "cursor"
>

const EVENTS_PER_PAGE = 200

/**
 * A client of the service at `url`. Throws a `TypeError` if the address or the key can be none; the error has neither.
 *
 * What is wrong with a call rejects its promise with an `AtlasPayError`: see errors.ts.
 */
export const partnerClient = (options: ClientOptions) => {
  const service = serviceOf(options)
  return {
    /** Posts a batch. The promise resolves once the service has it for good. A text is taken for the JSON of one. */
    post: (batch: NewPayoutBatch | string, options: ActOptions = {}): Promise<PostedBatch> =>
      postBatch(service, batch, options),

    /** Posts a file of payouts; the terms of its batch are in `terms`. */
    postFile: (file: PayoutFile, options: FileOptions): Promise<PostedBatch> =>
      postFile(service, file, options),

    /** What would become of a batch if it was posted now. Nothing is stored. */
    dryRun: (batch: NewPayoutBatch | string, options: CallOptions = {}): Promise<BatchDryRun> =>
      tryBatch(service, batch, options),

    /** The same of a file. */
    dryRunFile: (file: PayoutFile, options: Omit<FileOptions, "idempotencyKey">): Promise<BatchDryRun> =>
      tryFile(service, file, options),

    batch: (
      id: string,
      { atLeast, asOf, ...options }: QueryOf<"showPayoutBatch"> & CallOptions = {},
    ): Promise<PayoutBatch> =>
      read(service, "showPayoutBatch", { id }, { atLeast, asOf }, { id: "string", state: "string" }, options),

    /** The batch once it is closed, or needs the attention of a person. */
    settled: (id: string, options: SettlingOptions = {}): Promise<PayoutBatch> =>
      settled(service, id, options),

    /** Batches, the newest first. */
    batches: (filters: Filters<"listPayoutBatches"> = {}, options: CallOptions = {}) =>
      entriesOf<PayoutBatch, string>("GET /payout-batches", undefined, async (cursor) => {
        const query = { ...filters, cursor }
        const page = await read(service, "listPayoutBatches", {}, query, { payoutBatches: "array" }, options)
        return { entries: page.payoutBatches, next: page.next }
      }),

    /** The items of a batch, in their order. */
    items: (id: string, filters: Filters<"listPayoutItems"> = {}, options: CallOptions = {}) =>
      entriesOf(`GET /payout-batches/${id}/items`, undefined, async (cursor: string | undefined) => {
        const query = { ...filters, cursor }
        const page = await read(service, "listPayoutItems", { id }, query, { items: "array" }, options)
        return { entries: page.items, next: page.next }
      }),

    /** Items of all batches, those of the newest batch first. */
    searchItems: (filters: Filters<"searchPayoutItems"> = {}, options: CallOptions = {}) =>
      entriesOf("GET /payout-items", undefined, async (cursor: string | undefined) => {
        const query = { ...filters, cursor }
        const page = await read(service, "searchPayoutItems", {}, query, { items: "array" }, options)
        return { entries: page.items, next: page.next }
      }),

    /** One item, with what banks reported of it. */
    item: (
      id: string,
      item: number,
      { asOf, ...options }: QueryOf<"showPayoutItem"> & CallOptions = {},
    ): Promise<PayoutItemDetail> =>
      read(service, "showPayoutItem", { id, item }, { asOf }, { item: "number", state: "string" }, options),

    /** The events that a batch's log has after a version. */
    events: (
      id: string,
      { after, limit = EVENTS_PER_PAGE }: QueryOf<"listBatchEvents"> = {},
      options: CallOptions = {},
    ) =>
      entriesOf(`GET /payout-batches/${id}/events`, after, async (from: number | undefined) => {
        const query = { after: from, limit }
        const page = await read(service, "listBatchEvents", { id }, query, { events: "array" }, options)
        return { entries: page.events, next: page.next }
      }),

    /** What people did to a batch, after a version of its log. */
    acts: (id: string, { after, limit }: QueryOf<"listBatchActs"> = {}, options: CallOptions = {}) =>
      entriesOf(`GET /payout-batches/${id}/acts`, after, async (from: number | undefined) => {
        const query = { after: from, limit }
        const page = await read(service, "listBatchActs", { id }, query, { acts: "array" }, options)
        return { entries: page.acts, next: page.next }
      }),

    /** What came of items on each day from one to another, by currency, bank and state. */
    dailyTotals: (filters: Omit<QueryOf<"listDailyTotals">, "cursor">, options: CallOptions = {}) =>
      entriesOf("GET /reports/daily-totals", undefined, async (cursor: string | undefined) => {
        const query = { ...filters, cursor }
        const page = await read(service, "listDailyTotals", {}, query, { totals: "array" }, options)
        return { entries: page.totals, next: page.next }
      }),

    /** How often attempts failed or were returned on the days from one to another, by bank and code. */
    failures: (filters: QueryOf<"countFailures">, options: CallOptions = {}) =>
      read(service, "countFailures", {}, filters, { failures: "array" }, options),

    /** The events of a batch as they come, until it is closed. */
    eventStream: (id: string, options: EventStreamOptions = {}) => eventStream(service, id, options),

    /** All items of a batch, or of all batches, in one answer. */
    exportItems: (items: ExportedItems = {}, options: CallOptions = {}) =>
      exportedItems(service, items, options),

    /** The same as the bytes of a file, which counts only if they all came. */
    exportFile: (form: "csv" | "ndjson", items: ExportedItems = {}, options: CallOptions = {}) =>
      exportedFile(service, items, form, options),

    approve: (id: string, body: BodyOf<"approveBatch">, options?: ActOptions): Promise<Acknowledged> =>
      act(service, "approveBatch", { id }, body, options),

    /** Declines to approve a batch, which cancels it. */
    decline: (id: string, body: BodyOf<"declineBatch">, options?: ActOptions): Promise<Acknowledged> =>
      act(service, "declineBatch", { id }, body, options),

    /** Changes when a scheduled batch may start to pay. */
    reschedule: (id: string, body: BodyOf<"rescheduleBatch">, options?: ActOptions): Promise<Acknowledged> =>
      act(service, "rescheduleBatch", { id }, body, options),

    /** Cancels a batch, or only some of its items. */
    cancel: (id: string, body: BodyOf<"cancelBatch">, options?: ActOptions): Promise<Acknowledged> =>
      act(service, "cancelBatch", { id }, body, options),

    /** Releases or rejects a held item. */
    review: (
      id: string,
      item: number,
      body: BodyOf<"reviewItem">,
      options?: ActOptions,
    ): Promise<Acknowledged> => act(service, "reviewItem", { id, item }, body, options),

    /** Tries a failed item again. */
    retry: (
      id: string,
      item: number,
      body: BodyOf<"retryItem"> = {},
      options?: ActOptions,
    ): Promise<Acknowledged> => act(service, "retryItem", { id, item }, body, options),

    /** Records how an attempt of a parked item ended. */
    resolve: (
      id: string,
      item: number,
      body: BodyOf<"resolveItem">,
      options?: ActOptions,
    ): Promise<Acknowledged> => act(service, "resolveItem", { id, item }, body, options),

    /** Batches that are put together before they are submitted. */
    drafts: draftsOf(service),

    /** What proves that a payout is in the log, and that no history was changed. */
    proofs: proofsOf(service),

    /** Adds an endpoint. Its secret is in this answer only. A call without an answer is not repeated: look at the list first. */
    createWebhookEndpoint: (
      body: BodyOf<"createWebhookEndpoint">,
      options: CallOptions = {},
    ): Promise<AnswerOf<"createWebhookEndpoint">> =>
      doOnce(service, "createWebhookEndpoint", {}, body, options, async (response) => {
        const answer: unknown = await readJson(response, { id: "string", secret: "string" })
        return answer as AnswerOf<"createWebhookEndpoint">
      }),

    webhookEndpoints: async (options: CallOptions = {}): Promise<ReadonlyArray<WebhookEndpoint>> =>
      (await read(service, "listWebhookEndpoints", {}, {}, { webhookEndpoints: "array" }, options))
        .webhookEndpoints,

    webhookEndpoint: (id: string, options: CallOptions = {}): Promise<WebhookEndpoint> =>
      read(service, "showWebhookEndpoint", { id }, {}, { id: "string", state: "string" }, options),

    /** Changes settings of an endpoint: what `changes` does not have stays, and `null` takes a setting back. */
    changeWebhookEndpoint: (
      id: string,
      changes: BodyOf<"changeWebhookEndpoint">,
      options: CallOptions = {},
    ): Promise<WebhookEndpoint> =>
      doOnce(service, "changeWebhookEndpoint", { id }, changes, options, endpointIn),

    /** Sends nothing to an endpoint until it is resumed. What there is for it waits. */
    pauseWebhookEndpoint: (id: string, options: CallOptions = {}): Promise<WebhookEndpoint> =>
      doOnce(service, "pauseWebhookEndpoint", { id }, undefined, options, endpointIn),

    /** Sends what waits. `missed` in the answer says for which time nothing was stored, because the endpoint was disabled. */
    resumeWebhookEndpoint: (id: string, options: CallOptions = {}): Promise<WebhookEndpoint> =>
      doOnce(service, "resumeWebhookEndpoint", { id }, undefined, options, endpointIn),

    /** Sends a test event to an endpoint, and gives its id. */
    testWebhookEndpoint: (id: string, options: CallOptions = {}): Promise<AnswerOf<"testWebhookEndpoint">> =>
      doOnce(service, "testWebhookEndpoint", { id }, undefined, options, async (response) => {
        const answer: unknown = await readJson(response, { event: "string" })
        return answer as AnswerOf<"testWebhookEndpoint">
      }),

    ...webhookDeliveriesOf(service),

    /** Removes an endpoint and its pending deliveries. */
    removeWebhookEndpoint: (id: string, options: CallOptions = {}): Promise<void> =>
      doOnce(service, "removeWebhookEndpoint", { id }, undefined, options, async (response) => {
        await response.body?.cancel()
      }),

    /** What signs the webhooks of an endpoint. */
    webhookSecrets: webhookSecretsOf(service),
  }
}
const endpointIn = async (response: Response): Promise<WebhookEndpoint> => {
  const answer: unknown = await readJson(response, { id: "string", state: "string" })
  return answer as WebhookEndpoint
}

export type AtlasPay = ReturnType<typeof partnerClient>

/** Where requests go, once the settings are such that no request can fail for them, or show the key in an error. */
const serviceOf = ({ url, apiKey, fetch: ownFetch = fetch, ...limits }: ClientOptions): Service => {
  const place = URL.canParse(url) ? new URL(url) : undefined
  if (place === undefined || !/^https?:$/.test(place.protocol) || place.search !== "" || place.hash !== "")
    throw new TypeError("The address of the service is expected: https://payouts.example")
  if (place.username !== "" || place.password !== "")
    throw new TypeError("The address of the service has credentials: the API key alone is sent")
  if (!/^[\x21-\x7e]+$/.test(apiKey))
    throw new TypeError("The API key has characters that no key has, or none")
  return { url: url.replace(/\/+$/, ""), apiKey, fetch: ownFetch, limits: limitsOf(defaultLimits, limits) }
}
