/** Whoever can write to NATS speaks for nobody: partners are told what the service published, and all of it. */
import { once } from "node:events"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { text } from "node:stream/consumers"
import { jetstream, jetstreamManager } from "@nats-io/jetstream"
import { connect, headers, type MsgHdrs } from "@nats-io/transport-node"
import { ConfigProvider, Effect, Layer } from "effect"
import { Webhook } from "standardwebhooks"
import { expect, it } from "vitest"
import { AppConfig } from "../../src/config.ts"
import { serversIn } from "../../src/platform/nats-address.ts"
import { eventMessages } from "../../src/publisher/event-message.ts"
import { decodePublicEvent, type PublicEvent } from "../../src/publisher/public-event.ts"
import { API_KEY, eventually, PlatformUnderTest } from "../platform-under-test.ts"

const payouts = {
  items: ["Ada Lovelace", "Sam Sanctioned", "Clara Closed"].map((name, index) => ({
    reference: `invoice-${index + 1}`,
    amount: { currency: "EUR", value: `${index + 1}.00` },
    beneficiary: { name, account: { scheme: "iban", iban: "DE89370400440532013000" } },
  })),
}

interface Told {
  readonly id: string
  readonly type: string
  readonly data: { readonly item?: number; readonly itemReference?: string }
}

/** The partner's server: what it was sent, verified as the partner does. */
const startPartner = async (platform: PlatformUnderTest) => {
  const told: Array<Told> = []
  const endpoint = { webhook: new Webhook("c2VjcmV0") }
  const server = createServer(async (request, response) => {
    const body = await text(request)
    told.push(endpoint.webhook.verify(body, request.headers as Record<string, string>) as Told)
    response.writeHead(204).end()
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  const answer = await fetch(`${platform.url}/webhook-endpoints`, {
    method: "POST",
    headers: { authorization: `Bearer ${API_KEY}`, "content-type": "application/json" },
    body: JSON.stringify({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` }),
  })
  endpoint.webhook = new Webhook(((await answer.json()) as { secret: string }).secret)
  return { told, [Symbol.dispose]: () => void server.close() }
}

const openNats = async ({ environment: { NATS_URL = "", NATS_STREAM = "" } }: PlatformUnderTest) => {
  const connection = await connect(serversIn(NATS_URL))
  const manager = await jetstreamManager(connection)
  return {
    stream: NATS_STREAM,
    manager,
    publish: (subject: string, body: string, header?: MsgHdrs, msgID?: string) =>
      jetstream(connection).publish(subject, body, {
        ...(header === undefined ? {} : { headers: header }),
        ...(msgID === undefined ? {} : { msgID }),
      }),
    /** The last message of a batch's that was published under an event's name. */
    message: async (batch: string, name: string) => {
      const subject = `${NATS_STREAM.toLowerCase()}.events.acme.${batch}.${name}`
      const found = await manager.streams.getMessage(NATS_STREAM, { last_by_subj: subject })
      if (found === null) throw new Error(`nothing on ${subject}`)
      return { subject, body: found.string(), header: found.header }
    },
    [Symbol.asyncDispose]: () => connection.close(),
  }
}

/** Seals as somebody does who knows how, and not the master keys. */
const sealedByAnother = (event: PublicEvent, environment: Readonly<Record<string, string>>) =>
  Effect.runPromise(
    AppConfig.pipe(
      Effect.map((settings) => eventMessages(settings).write(event, Date.now())),
      Effect.provide(
        AppConfig.layer.pipe(Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown(environment)))),
      ),
    ),
  )

it("a forged message is not delivered, whatever it carries, and holds up none that is genuine", {
  timeout: 60_000,
}, async () => {
  await using platform = await PlatformUnderTest.open()
  const service = await platform.start()
  await using nats = await openNats(platform)
  using partner = await startPartner(platform)
  const first = await platform.submit("first", payouts)
  await platform.closed(first)
  await eventually("the partner was told of the first batch", async () => partner.told.length === 5)

  const paid = await nats.message(first, "PayoutSettled")
  const forgery = (changes: object): string => {
    const event = JSON.parse(paid.body)
    return JSON.stringify({
      ...event,
      ...changes,
      data: { ...event.data, item: 2, itemReference: "invoice-2" },
    })
  }
  /** What stands above the genuine message, but for the id, by which JetStream would drop a copy. */
  const copied = (name = "Content-Type", value = "application/cloudevents+json") => {
    const header = headers()
    for (const key of ["Atlaspay-Published", "Atlaspay-Seal"]) header.set(key, paid.header.get(key))
    header.set(name, value)
    return header
  }
  const otherKey = `other=${Buffer.alloc(32, 9).toString("base64")}`
  const sameName = `test=${Buffer.alloc(32, 9).toString("base64")}`
  // As before any seal, with the seal of another message, at another time, and on another subject.
  await nats.publish(paid.subject, forgery({ id: `${first}:90` }))
  await nats.publish(paid.subject, forgery({ id: `${first}:91` }), copied())
  await nats.publish(paid.subject, paid.body, copied("Atlaspay-Published", String(Date.now())))
  await nats.publish(paid.subject.replace(".acme.", ".globex."), paid.body, copied())
  await nats.publish(paid.subject, forgery({ id: `${first}:92` }), copied("Atlaspay-Seal", "test."))
  // Sealed as ours are, under keys that are not, and for another deployment.
  for (const changes of [
    { MASTER_KEYS: otherKey },
    { MASTER_KEYS: sameName },
    { STREAM_PREFIX: "another" },
  ]) {
    const event = decodePublicEvent(forgery({ id: `${first}:93` }))
    if (event._tag === "Failure") throw new Error(event.failure.message)
    const sealed = await sealedByAnother(event.success, { ...platform.environment, ...changes })
    await nats.publish(sealed.subject, sealed.body, sealed.headers)
  }
  // And one that is genuine, again.
  await nats.publish(paid.subject, paid.body, copied())

  const second = await platform.submit("second", payouts)
  await platform.closed(second)
  await eventually("the partner was told of the second batch", async () => partner.told.length >= 10)
  await eventually("nothing waits on the stream", async () => {
    const { num_ack_pending, num_pending } = await nats.manager.consumers.info(nats.stream, "webhooks")
    return num_ack_pending === 0 && num_pending === 0
  })
  const settled = (await platform.books()).flatMap(({ transfers }) =>
    transfers.filter(({ status }) => status === "settled"),
  )
  const toldPaid = partner.told.filter(({ type }) => type === "com.atlaspay.payout.settled.v1")
  expect(toldPaid.map(({ data }) => data.itemReference)).toEqual(settled.map(() => "invoice-1"))
  expect(new Set(partner.told.map(({ id }) => id)).size).toBe(10)
  expect(partner.told).toHaveLength(10)
  const refused = (await (await fetch(`${service.operationsUrl}/metrics`)).text()).match(
    /^atlaspay_webhook_messages_refused_total\{.*$/gm,
  )
  expect(refused?.sort()).toEqual([
    'atlaspay_webhook_messages_refused_total{reason="forged"} 6',
    'atlaspay_webhook_messages_refused_total{reason="no-seal"} 1',
    'atlaspay_webhook_messages_refused_total{reason="unknown-key"} 1',
  ])
  expect(service.lines.join("\n")).not.toContain("invoice-2")
})

it("an event is delivered also when somebody sent a message under its id before", async () => {
  await using platform = await PlatformUnderTest.open()
  await platform.start()
  await using nats = await openNats(platform)
  using partner = await startPartner(platform)
  const first = await platform.submit("known", payouts)
  await platform.closed(first)
  await eventually("the partner was told of the first batch", async () => partner.told.length === 5)
  // Ids are easy to foresee once the batch's is known, as it is when items are held for the morning.
  const later = { ...payouts, executeAt: new Date(Date.now() + 3_000).toISOString() }
  const second = await platform.submit("foreseen", later)
  for (let version = 1; version <= 40; version += 1)
    for (const id of [`${second}:${version}`, `${second}:${version}:1`])
      await nats.publish(`${nats.stream.toLowerCase()}.events.acme.${second}.Noise`, "noise", undefined, id)
  await platform.closed(second)
  await eventually("the partner was told all", async () => partner.told.length >= 10)
  expect(new Set(partner.told.map(({ id }) => id)).size).toBe(10)
})
