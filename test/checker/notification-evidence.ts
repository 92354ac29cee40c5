/** Reads what a deployment has published and delivered: the stream with a plain client, the tables with plain SQL. */
import { jetstream, jetstreamManager } from "@nats-io/jetstream"
import { connect } from "@nats-io/transport-node"
import postgres from "postgres"
import type { StoredDelivery, StreamedMessage } from "./notifications.ts"

/** All messages of a stream that are there now, in order. `url` may name several servers, and have a user and a password. */
export const readStream = async (url: string, stream: string): Promise<ReadonlyArray<StreamedMessage>> => {
  const urls = url.split(",").map((one) => new URL(one))
  const { username = "", password = "" } = urls[0] ?? {}
  const connection = await connect({
    servers: urls.map(({ host }) => host),
    ...(username === "" ? {} : { user: username, pass: password }),
  })
  try {
    const { state } = await (await jetstreamManager(connection)).streams.info(stream)
    const messages: Array<StreamedMessage> = []
    if (state.messages === 0) return messages
    const consumer = await jetstream(connection).consumers.get(stream)
    for await (const message of await consumer.fetch({ max_messages: state.messages, expires: 10_000 }))
      messages.push({ subject: message.subject, body: message.string() })
    return messages
  } finally {
    await connection.close()
  }
}

export const readDeliveries = async (databaseUrl: string): Promise<ReadonlyArray<StoredDelivery>> => {
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} })
  try {
    return await sql<Array<StoredDelivery>>`
      select event_id as "eventId", endpoint, state, attempts, partner, body
      from webhook_deliveries join webhook_events on webhook_events.id = event_id
      order by webhook_deliveries.position`
  } finally {
    await sql.end()
  }
}
