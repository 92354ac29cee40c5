/** What the client of `npm run bench:pipeline` learns from NATS: live, when an event is published; and what is stored. */
import { jetstreamManager } from "@nats-io/jetstream"
import type { NatsConnection } from "@nats-io/transport-node"

/** Events by batch, of one name. */
export interface EventsOf {
  /** When the event about a batch arrived, in milliseconds since 1970. Resolves at once if it came before. */
  readonly of: (batch: string, withinMs: number) => Promise<number>
  readonly close: () => void
}

/** Listens to the events with this name from now on; resolves when the server knows it. */
export const listen = async (nats: NatsConnection, stream: string, name: string): Promise<EventsOf> => {
  const seen = new Map<string, number>()
  const waiting = new Map<string, (atMs: number) => void>()
  const subscription = nats.subscribe(`${stream.toLowerCase()}.events.*.*.${name}`, {
    callback: (error, { subject }) => {
      if (error !== null) return
      const [, , , batch = ""] = subject.split(".")
      const atMs = performance.timeOrigin + performance.now()
      seen.set(batch, atMs)
      waiting.get(batch)?.(atMs)
      waiting.delete(batch)
    },
  })
  await nats.flush()
  const of = (batch: string, withinMs: number): Promise<number> =>
    new Promise((resolve, reject) => {
      const atMs = seen.get(batch)
      if (atMs !== undefined) return resolve(atMs)
      const late = () => reject(new Error(`no ${name} of ${batch} within ${withinMs} ms`))
      const timer = setTimeout(late, withinMs)
      waiting.set(batch, (atMs) => {
        clearTimeout(timer)
        resolve(atMs)
      })
    })
  return { of, close: () => subscription.unsubscribe() }
}

/** How many events with this name are stored in the stream. */
export const stored = async (nats: NatsConnection, stream: string, name: string): Promise<number> => {
  const manager = await jetstreamManager(nats)
  const filter = `${stream.toLowerCase()}.events.*.*.${name}`
  const { state } = await manager.streams.info(stream, { subjects_filter: filter })
  return Object.values(state.subjects ?? {}).reduce((sum, count) => sum + count, 0)
}
