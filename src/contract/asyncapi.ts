/**
 * The AsyncAPI 3.0 document (https://www.asyncapi.com/docs/reference/specification/v3.0.0): which events go out on which subjects of NATS
 * and as webhooks, with their headers. All schemas come from the contracts of the events.
 */
import { componentsOf } from "../parsing/json-schemas.ts"
import { type EventFamily, eventFamilies, type Subjects } from "./event-families.ts"
import { contractsOf } from "./event-schemas.ts"

type Json = Readonly<Record<string, unknown>>

const info = {
  title: "AtlasPay events",
  version: "0.2.0",
  description:
    "CloudEvents 1.0 in JSON, the same on NATS JetStream and in webhooks. They are published at least once: drop repetitions by `id`. " +
    "The contract only grows: ignore members and types that you do not know.",
  contact: { name: "The operator of this service" },
  license: { name: "Apache-2.0", url: "https://www.apache.org/licenses/LICENSE-2.0" },
  tags: [{ name: "payouts", description: "Batches of payouts." }],
}

const servers = {
  nats: {
    host: "127.0.0.1:4222",
    protocol: "nats",
    description: "NATS JetStream of the operator: `NATS_URL`.",
  },
  endpoint: {
    host: "{host}",
    protocol: "https",
    description: "The partner's own server, which receives webhooks.",
    variables: { host: { description: "The host of the endpoint's URL.", default: "partner.example.com" } },
  },
}

const header = (description: string, more: Json = {}): Json => ({ type: "string", description, ...more })
const objectOf = (properties: Readonly<Record<string, Json>>, required: ReadonlyArray<string>): Json => ({
  type: "object",
  properties,
  required,
})

/** What a signature of so many bytes looks like. */
const signatureLike = (version: string, bytes: number): string =>
  `${version},${Buffer.alloc(bytes, "signature").toString("base64")}`

const traceparent = header("The same as in the event, if the event has it (W3C Trace Context).")

/** The headers of a message on NATS. Those of a discrepancy have no time of publication. */
const natsHeaders = objectOf(
  {
    "content-type": header("The event is in structured mode.", { const: "application/cloudevents+json" }),
    "Nats-Msg-Id": header("The event's `id`, and after a dot a part that nobody else can predict."),
    "Atlaspay-Published": header("When it was published, in milliseconds since 1970.", {
      pattern: "^[0-9]+$",
    }),
    "Atlaspay-Seal": header("A seal, which only the service can check."),
    traceparent,
  },
  ["content-type", "Nats-Msg-Id", "Atlaspay-Seal"],
)

const webhookHeaders = objectOf(
  {
    "content-type": header("The event is in structured mode; frameworks parse this type.", {
      const: "application/json",
    }),
    "webhook-id": header("The event's `id`: the same at each attempt. Drop repetitions by it."),
    "webhook-timestamp": header(
      "When the attempt was made, in seconds since 1970. Refuse one that is more than five minutes off.",
      { pattern: "^[0-9]+$" },
    ),
    "webhook-signature": header(
      "One signature or more, separated by spaces, of `<webhook-id>.<webhook-timestamp>.<body>` as Standard Webhooks define them. " +
        "`v1,` and an HMAC-SHA-256 in Base64 for each live secret, and, if the endpoint has a key for them, `v1a,` and an Ed25519 " +
        "signature in Base64 for each live key. While a secret or a key is being replaced there are two of its kind, the new one " +
        "first. A webhook is genuine if one of them verifies. Ignore versions that you do not know.",
      { examples: [`${signatureLike("v1", 32)} ${signatureLike("v1a", 64)}`] },
    ),
    traceparent,
  },
  ["content-type", "webhook-id", "webhook-timestamp", "webhook-signature"],
)

const named = (kind: string, name: string): Json => ({ $ref: `#/components/${kind}/${name}` })

/** The document, of families of events. */
export const asyncApiOf = (families: ReadonlyArray<EventFamily>): Json => {
  const contracts = contractsOf(families)
  const { schemas, definitions } = componentsOf([...contracts.values()], false)
  const payloads = Object.fromEntries([...contracts.keys()].map((name, index) => [name, schemas[index]]))
  const onNats = families.flatMap(({ subjects, ...family }) =>
    subjects === undefined ? [] : [natsChannel(family, subjects)],
  )
  const posted = families.filter(({ webhooks }) => webhooks)
  const channels = [...onNats, ...(posted.length === 0 ? [] : [webhookChannel(posted)])]
  return {
    asyncapi: "3.0.0",
    id: "urn:com:atlaspay:events",
    info,
    defaultContentType: "application/cloudevents+json",
    servers,
    channels: Object.fromEntries(channels.map(({ name, channel }) => [name, channel])),
    operations: Object.fromEntries(channels.map(({ operation, sends }) => [operation, sends])),
    components: {
      schemas: {
        ...sorted({ ...definitions, ...payloads }),
        NatsHeaders: natsHeaders,
        WebhookHeaders: webhookHeaders,
      },
    },
  }
}

interface Channel {
  readonly name: string
  readonly channel: Json
  readonly operation: string
  readonly sends: Json
}

const natsChannel = (family: Omit<EventFamily, "subjects">, subjects: Subjects): Channel => {
  const { channel, title, description, contracts } = family
  const { address, stream, parameters } = subjects
  return {
    name: channel,
    channel: {
      address,
      title,
      description: `${description} The stream is \`${stream}\`, where \`NATS_STREAM\` is not set.`,
      servers: [{ $ref: "#/servers/nats" }],
      parameters: Object.fromEntries(
        Object.entries(parameters).map(([name, text]) => [name, { description: text }]),
      ),
      messages: messagesOf([contracts], "application/cloudevents+json", "NatsHeaders"),
    },
    operation: `publish${channel.charAt(0).toUpperCase()}${channel.slice(1)}`,
    sends: sending(channel, `Publishes on JetStream: ${title.charAt(0).toLowerCase()}${title.slice(1)}.`),
  }
}

const webhookChannel = (families: ReadonlyArray<EventFamily>): Channel => ({
  name: "webhooks",
  channel: {
    address: null,
    title: "Webhooks",
    description:
      "Each event is posted to the endpoints of its partner that want its type, signed as Standard Webhooks define it.",
    servers: [{ $ref: "#/servers/endpoint" }],
    messages: messagesOf(
      families.map(({ contracts }) => contracts),
      "application/json",
      "WebhookHeaders",
    ),
  },
  operation: "postWebhooks",
  sends: {
    ...sending("webhooks", "Posts an event to an endpoint, and again until it is answered with 2xx."),
    bindings: { http: { method: "POST", bindingVersion: "0.3.0" } },
  },
})

const sending = (channel: string, summary: string): Json => ({
  action: "send",
  channel: { $ref: `#/channels/${channel}` },
  summary,
})

const messagesOf = (
  maps: ReadonlyArray<EventFamily["contracts"]>,
  contentType: string,
  headers: string,
): Json =>
  Object.fromEntries(
    maps.flatMap((contracts) =>
      Object.entries(contracts).map(([name, schema]) => [
        name,
        {
          name,
          title: name,
          summary: schema.ast.annotations?.description,
          contentType,
          headers: named("schemas", headers),
          payload: named("schemas", name),
        },
      ]),
    ),
  )

const sorted = (all: Json): Json =>
  Object.fromEntries(Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1)))

export const asyncApiDocument = asyncApiOf(eventFamilies)
