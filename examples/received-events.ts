/**
 * Events that were received, in a SQLite file. An event is on disk before the receiver answers: if the receiver dies in between, the
 * event is sent again, and is dropped as a repetition. What is kept is handled afterwards, and again if the receiver died meanwhile.
 *
 * One process at a time uses a file. Nothing is ever removed from it: remove what is handled once it is older than any repetition.
 */
import { DatabaseSync } from "node:sqlite"

export interface Event {
  readonly id: string
  readonly type: string
  /** The place among the events of its batch, in ten digits. Events about webhook endpoints, tests too, have no batch. */
  readonly sequence?: string
  readonly data: { readonly batchId?: string }
}

/** Handles each event; a handler that throws gets the event again at the next one, or at the next start. */
export const receivedEvents = (file: string, handle: (event: Event) => void) => {
  const database = new DatabaseSync(file)
  database.exec(`
    pragma journal_mode = wal;
    pragma synchronous = full;
    create table if not exists events (id text primary key, batch text, sequence integer, body text, handled integer default 0);
    create index if not exists by_batch on events (batch, sequence);
    create index if not exists to_handle on events (handled) where handled = 0`)
  const insert = database.prepare(
    "insert into events (id, batch, sequence, body) values (?, ?, ?, ?) on conflict (id) do nothing",
  )
  const find = database.prepare("select 1 from events where batch = ? and sequence = ?")
  const unhandled = database.prepare("select id, body from events where handled = 0 order by batch, sequence")
  const markHandled = database.prepare("update events set handled = 1 where id = ?")

  const handleAll = () => {
    try {
      for (const { id, body } of unhandled.all()) {
        handle(JSON.parse(String(body)))
        markHandled.run(String(id))
      }
    } catch (error) {
      console.error("an event is not handled yet:", error)
    }
  }
  handleAll()
  return {
    /** Keeps an event, once. What is already here is not handled again. */
    keep: (event: Event, body: string): void => {
      const { id, data, sequence: place = "0" } = event
      const [batch, sequence] = [data.batchId ?? "", Number(place)]
      if (insert.run(id, batch, sequence, body).changes === 0) console.log(`again ${id}`)
      // It may be on its way, because webhooks overtake each other, or of a type that the endpoint does not get.
      else if (sequence > 1 && find.get(batch, sequence - 1) === undefined)
        console.log(`gap ${batch} lacks ${sequence - 1}`)
    },
    /** Call it after the answer. */
    handleAll,
  }
}
