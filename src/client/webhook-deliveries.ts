/** What became of webhooks, and how they are sent again. */
import { readJson } from "./answers.ts"
import { type AnswerOf, type BodyOf, doOnce, type OperationName, type QueryOf, read } from "./calls.ts"
import { entriesOf } from "./pages.ts"
import type { CallOptions, Service } from "./transport.ts"
import type { WebhookDelivery, WebhookReplay } from "./webhook-types.ts"

const answerIn =
  <Name extends OperationName>(essential: Readonly<Record<string, string>>) =>
  async (response: Response): Promise<AnswerOf<Name>> => {
    const answer: unknown = await readJson(response, essential)
    return answer as AnswerOf<Name>
  }

/** An event's id as it is written in a path. */
const inPath = (event: string): string => event.replaceAll(":", ".")

/** The methods of the client that are about deliveries of webhooks. */
export const webhookDeliveriesOf = (service: Service) => ({
  /** Deliveries, the newest first; with `batch`, those of its last event first. */
  webhookDeliveries: (
    filters: Omit<QueryOf<"listWebhookDeliveries">, "cursor"> = {},
    options: CallOptions = {},
  ) =>
    entriesOf<WebhookDelivery, string>("GET /webhook-deliveries", undefined, async (cursor) => {
      const query = { ...filters, cursor }
      const essential = { webhookDeliveries: "array" } as const
      const page = await read(service, "listWebhookDeliveries", {}, query, essential, options)
      return { entries: page.webhookDeliveries, next: page.next }
    }),

  /** A delivery with its attempts; with `body`, the event as it is sent. */
  webhookDelivery: (
    id: string,
    event: string,
    { body, ...options }: QueryOf<"showWebhookDelivery"> & CallOptions = {},
  ): Promise<AnswerOf<"showWebhookDelivery">> =>
    read(
      service,
      "showWebhookDelivery",
      { id, event: inPath(event) },
      { body },
      { state: "string", ended: "array" },
      options,
    ),

  /** Sends a webhook again, under the same id. A call without an answer is not repeated: look at the delivery first. */
  resendWebhook: (id: string, event: string, options: CallOptions = {}): Promise<AnswerOf<"resendWebhook">> =>
    doOnce(
      service,
      "resendWebhook",
      { id, event: inPath(event) },
      undefined,
      options,
      answerIn<"resendWebhook">({ stateBefore: "string" }),
    ),

  /** Sends what was given up for an endpoint again. If `isComplete` is false, call it again. */
  redriveWebhooks: (
    id: string,
    body: BodyOf<"redriveWebhooks"> = {},
    options: CallOptions = {},
  ): Promise<AnswerOf<"redriveWebhooks">> =>
    doOnce(
      service,
      "redriveWebhooks",
      { id },
      body,
      options,
      answerIn<"redriveWebhooks">({ resent: "number" }),
    ),

  /** Sends events to an endpoint from the logs of batches. A call without an answer is not repeated: look at the list first. */
  startWebhookReplay: (
    id: string,
    body: BodyOf<"startWebhookReplay">,
    options: CallOptions = {},
  ): Promise<WebhookReplay> =>
    doOnce(
      service,
      "startWebhookReplay",
      { id },
      body,
      options,
      answerIn<"startWebhookReplay">({ id: "string", state: "string" }),
    ),

  /** The replays of an endpoint, the newest first. */
  webhookReplays: async (id: string, options: CallOptions = {}): Promise<ReadonlyArray<WebhookReplay>> =>
    (await read(service, "listWebhookReplays", { id }, {}, { webhookReplays: "array" }, options))
      .webhookReplays,

  webhookReplay: (id: string, replay: string, options: CallOptions = {}): Promise<WebhookReplay> =>
    read(service, "showWebhookReplay", { id, replay }, {}, { id: "string", state: "string" }, options),
})
