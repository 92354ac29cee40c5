/** The AsyncAPI document: it is complete, and what is published is as it says. AsyncAPI's own parser reads it in `npm run lint:asyncapi`. */
import { readFileSync } from "node:fs"
import { Ajv2020 } from "ajv/dist/2020.js"
import formats from "ajv-formats"
import { Effect, Redacted, Result, Schema } from "effect"
import { describe, expect, it } from "vitest"
import { AppConfig } from "../../src/config.ts"
import { asyncApiDocument, asyncApiOf } from "../../src/contract/asyncapi.ts"
import { type EventFamily, eventFamilies } from "../../src/contract/event-families.ts"
import { eventSchemasOf } from "../../src/contract/event-schemas.ts"
import { newSigningKey } from "../../src/platform/webhook-signing-key.ts"
import { endpointEventTypes } from "../../src/publisher/endpoint-event.ts"
import { eventMessages } from "../../src/publisher/event-message.ts"
import { decodePublicEvent, publicEventTypes } from "../../src/publisher/public-event.ts"
import { discrepancyKinds } from "../../src/reconciliation/discrepancy.ts"
import { eventOf } from "../../src/reconciliation/discrepancy-event.ts"
import { makeSender } from "../../src/webhooks/sender.ts"
import { settings } from "../settings.ts"
import { startReceiver } from "../webhooks/receiver.ts"
import { firstEventOf } from "../webhooks/webhook-platform.ts"

type Json = Readonly<Record<string, unknown>>

const at = (document: Json, ...path: ReadonlyArray<string>): unknown =>
  path.reduce<unknown>((value, name) => Object(value)[name], document)

const validator = new Ajv2020({ strict: false })
formats.default(validator)
// Not the whole document: its `id` is no keyword of JSON Schema.
validator.addSchema({ components: asyncApiDocument.components }, "asyncapi")
const mismatchOf = (name: string, value: unknown): string | undefined => {
  const validate = validator.getSchema(`asyncapi#/components/schemas/${name}`)
  if (validate === undefined) throw new Error(`there is no schema ${name}`)
  return validate(value) ? undefined : validator.errorsText(validate.errors)
}

/** Whether a subject is one of a channel: each parameter stands for one token. */
const isOf = (channel: string, subject: string): boolean => {
  const tokens = String(at(asyncApiDocument, "channels", channel, "address")).split(".")
  const given = subject.split(".")
  return (
    tokens.length === given.length &&
    tokens.every((token, index) => token.startsWith("{") || token === given[index])
  )
}

describe("the AsyncAPI document", () => {
  it("has every event of batches and endpoints on NATS and as a webhook, tests as webhooks alone, and discrepancies on NATS alone", () => {
    const messagesIn = (channel: string) =>
      Object.keys(Object(at(asyncApiDocument, "channels", channel, "messages")))
    expect(messagesIn("batchEvents")).toEqual(Object.keys(publicEventTypes))
    expect(messagesIn("endpointEvents")).toEqual(Object.keys(endpointEventTypes))
    expect(messagesIn("webhooks")).toEqual([
      ...Object.keys(publicEventTypes),
      ...Object.keys(endpointEventTypes),
      "WebhookEndpointTest",
    ])
    expect(messagesIn("discrepancies")).toEqual(["DiscrepancyFound"])
  })

  it("refers only to what it has, and has no schema that nobody refers to", () => {
    const text = JSON.stringify(asyncApiDocument)
    const refs = [...text.matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, path = ""]) => path)
    for (const path of refs) expect(at(asyncApiDocument, ...path.split("/")), path).toBeDefined()
    const named = refs
      .filter((path) => path.startsWith("components/schemas/"))
      .map((path) => path.split("/")[2])
    expect(new Set(named)).toEqual(
      new Set(Object.keys(Object(at(asyncApiDocument, "components", "schemas")))),
    )
  })

  it("says when each event comes", () => {
    for (const [, schema] of eventSchemasOf(eventFamilies)) expect(schema.description).toMatch(/\.$/)
  })

  it("describes a message on NATS: its subject, its headers and its event", async () => {
    const appConfig = await Effect.runPromise(Effect.provide(AppConfig, settings({ STREAM_PREFIX: "ap" })))
    const event = { ...firstEventOf("acme"), traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-01` }
    const { subject, id, headers, body } = eventMessages(appConfig).write(event, 5)
    expect(isOf("batchEvents", subject)).toBe(true)
    const sent = Object.fromEntries(headers.keys().map((name) => [name, headers.get(name)]))
    const described = Object(at(asyncApiDocument, "components", "schemas", "NatsHeaders", "properties"))
    expect(Object.keys(described).sort()).toEqual([...Object.keys(sent), "Nats-Msg-Id"].sort())
    expect(mismatchOf("NatsHeaders", { ...sent, "Nats-Msg-Id": id })).toBeUndefined()
    expect(mismatchOf("NatsHeaders", sent)).toContain("Nats-Msg-Id")
    expect(mismatchOf("PayoutBatchAccepted", JSON.parse(body))).toBeUndefined()
    expect(mismatchOf("PayoutSettled", JSON.parse(body))).toBeDefined()
  })

  it("describes the event that docs/EVENTS.md shows", () => {
    const page = readFileSync(new URL("../../docs/EVENTS.md", import.meta.url), "utf8")
    const [, shown = ""] = /^```json\n([\s\S]*?)^```/m.exec(page) ?? []
    expect(mismatchOf("PayoutSettled", JSON.parse(shown))).toBeUndefined()
    expect(Result.isSuccess(decodePublicEvent(shown))).toBe(true)
  })

  it("describes a webhook: its headers and its signatures, of two secrets and a key", async () => {
    const event = { traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-01`, ...firstEventOf("acme") }
    const secrets = [1, 2].map((byte) => Redacted.make(`whsec_${Buffer.alloc(32, byte).toString("base64")}`))
    const [secret = Redacted.make(""), previous = secret] = secrets
    const sent = await Effect.runPromise(
      Effect.gen(function* () {
        const { received, url } = yield* startReceiver()
        const send = yield* makeSender({ timeoutMs: 5_000, allowPrivate: true })
        const besides = [previous, Redacted.make(newSigningKey())]
        const delivery = { eventId: event.id, url, secret, besides, body: JSON.stringify(event) }
        yield* Effect.callback<void>((resume) => {
          send(delivery, Date.now(), () => resume(Effect.void))
        })
        return received[0]?.headers ?? {}
      }).pipe(Effect.scoped),
    )
    const described = Object(at(asyncApiDocument, "components", "schemas", "WebhookHeaders", "properties"))
    const ofHttp = ["host", "connection", "content-length", "user-agent"]
    expect(Object.keys(described).sort()).toEqual(
      Object.keys(sent)
        .filter((name) => !ofHttp.includes(name))
        .sort(),
    )
    expect(mismatchOf("WebhookHeaders", sent)).toBeUndefined()
    const [example] = described["webhook-signature"].examples
    const shapeOf = (signatures: unknown) =>
      String(signatures)
        .split(" ")
        .map((one) => one.replace(/,.*/, ({ length }) => `,${length - 1}`))
    expect(shapeOf(sent["webhook-signature"])).toEqual(["v1,44", ...shapeOf(example)])
  })

  it.each(Object.keys(discrepancyKinds))("describes a discrepancy: %s", (kind) => {
    const { subject, body } = eventOf("ATLASPAY", "2026-01-02", 0, {
      kind: kind as keyof typeof discrepancyKinds,
      expected: "nothing",
      found: "12.34 EUR",
    })
    expect(isOf("discrepancies", subject)).toBe(true)
    expect(mismatchOf("DiscrepancyFound", JSON.parse(body))).toBeUndefined()
  })
})

describe("another family of events", () => {
  const Disabled = Schema.Struct({ type: Schema.Literal("com.atlaspay.other.v1"), by: Schema.String })
  const family: EventFamily = {
    channel: "otherEvents",
    title: "Other events",
    description: "For a test.",
    contracts: { OtherHappened: Disabled },
    webhooks: true,
  }

  it("is a schema, and a webhook; without a subject it is not on NATS", () => {
    const document = asyncApiOf([...eventFamilies, family])
    expect(at(document, "channels", "webhooks", "messages", "OtherHappened", "payload")).toEqual({
      $ref: "#/components/schemas/OtherHappened",
    })
    expect(at(document, "channels", "otherEvents")).toBeUndefined()
    expect(at(document, "components", "schemas", "OtherHappened", "required")).toEqual(["type", "by"])
    expect(eventSchemasOf([family]).get("OtherHappened")).toMatchObject({ required: ["type", "by"] })
  })

  it("may not call an event as another family does", () => {
    expect(() => eventSchemasOf([family, family])).toThrow("two events are called OtherHappened")
  })
})
