/** Reads server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation). */
import { Unusable } from "./answers.ts"

export interface ServerSentEvent {
  /** `message` unless the stream names another one. */
  readonly type: string
  readonly data: string
  /** How long to wait before connecting again, if the stream said so with or before this event. */
  readonly retryMs: number | undefined
}

/** An event of the log may have five hundred items. */
const EVENT_CHARACTERS_MAX = 16 * 1024 * 1024

/** The events in the bytes of a stream. What is not complete at its end is no event. */
export async function* serverSentEvents(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<ServerSentEvent> {
  const decoder = new TextDecoder()
  const event = new Event()
  let rest = ""
  for await (const chunk of chunks) {
    const text = rest + decoder.decode(chunk, { stream: true })
    // A return at the end may be the first half of a line's end.
    const lines = text.split(/\r\n|\n|\r(?!$)/)
    rest = lines.pop() ?? ""
    for (const line of lines) {
      const whole = event.take(line)
      if (whole !== undefined) yield whole
    }
    if (rest.length + event.length > EVENT_CHARACTERS_MAX)
      throw new Unusable(`an event has more than ${EVENT_CHARACTERS_MAX} characters`)
  }
}

/** An event that comes line by line. */
class Event {
  #type = ""
  #data: Array<string> = []
  #retryMs: number | undefined
  length = 0

  /** Takes a line; gives the event when the line ends one that has data. */
  take(line: string): ServerSentEvent | undefined {
    if (line === "") return this.#dispatched()
    this.length += line.length
    const colon = line.indexOf(":")
    const field = colon === -1 ? line : line.slice(0, colon)
    const value = colon === -1 ? "" : line.slice(colon + 1).replace(/^ /, "")
    if (field === "data") this.#data.push(value)
    if (field === "event") this.#type = value
    if (field === "retry" && /^[0-9]{1,9}$/.test(value)) this.#retryMs = Number(value)
    return undefined
  }

  #dispatched(): ServerSentEvent | undefined {
    const [type, data] = [this.#type || "message", this.#data]
    this.#type = ""
    this.#data = []
    this.length = 0
    return data.length === 0 ? undefined : { type, data: data.join("\n"), retryMs: this.#retryMs }
  }
}
