/**
 * Takes a partner's events from JetStream: keeps each one on disk, acknowledges it, and handles it then.
 *
 *   NATS_URL=nats://user:password@host:4222 NATS_STREAM=ATLASPAY PARTNER=acme node examples/nats-subscriber.ts events.sqlite
 *
 * Nothing is verified here: only AtlasPay can check the seal of a message. Use this where nobody else may publish on
 * `atlaspay.>`, and webhooks otherwise.
 */
import { AckPolicy, DeliverPolicy, jetstream, jetstreamManager } from "@nats-io/jetstream"
import { connect } from "@nats-io/transport-node"
import { receivedEvents } from "./received-events.ts"

const {
  NATS_URL = "nats://127.0.0.1:4222",
  NATS_STREAM: stream = "ATLASPAY",
  PARTNER: partner = "acme",
} = process.env
const RETRY_MS = 5_000

const events = receivedEvents(process.argv[2] ?? "events.sqlite", ({ id, type }) =>
  console.log(`handled ${id} ${type}`),
)

const { protocol, username, password, host } = new URL(NATS_URL)
const connection = await connect({
  servers: `${protocol}//${host}`,
  ...(username === "" ? {} : { user: username, pass: decodeURIComponent(password) }),
  maxReconnectAttempts: -1,
})

/** The consumer is durable: it goes on where it was. If the stream is created again, so is the consumer, and all comes again. */
const receive = async () => {
  const manager = await jetstreamManager(connection)
  await manager.consumers.add(stream, {
    durable_name: `receiver-${partner}`,
    filter_subject: `${stream.toLowerCase()}.events.${partner}.>`,
    deliver_policy: DeliverPolicy.All,
    ack_policy: AckPolicy.Explicit,
  })
  const consumer = await jetstream(connection).consumers.get(stream, `receiver-${partner}`)
  const messages = await consumer.consume({ abort_on_missing_resource: true })
  console.log("ready")
  for await (const message of messages) {
    const body = message.string()
    events.keep(JSON.parse(body), body)
    message.ack()
    events.handleAll()
  }
}

while (!connection.isClosed()) {
  await receive().catch((error: unknown) => console.error(String(error)))
  await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
}
