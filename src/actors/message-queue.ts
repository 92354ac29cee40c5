import { Effect, Latch } from "effect"

/**
 * Messages from the calls under way to the loop of their actor. `put` never waits. The queue is bounded all the same: a call
 * puts one message for each of its items and one more, and an actor starts a bounded number of calls.
 */
export class MessageQueue<Message> {
  #messages: Array<Message> = []
  readonly #arrived = Latch.makeUnsafe(false)

  put(message: Message): void {
    if (this.#messages.push(message) === 1) this.wake()
  }

  takeAll(): ReadonlyArray<Message> {
    const messages = this.#messages
    this.#messages = []
    this.#arrived.closeUnsafe()
    return messages
  }

  /** How many messages wait for which this is true. */
  countOf(isCounted: (message: Message) => boolean): number {
    return this.#messages.reduce((count, message) => (isCounted(message) ? count + 1 : count), 0)
  }

  /** Waits for a message or for {@link wake}. Returns whether there is a message. */
  readonly arrives: Effect.Effect<boolean> = Effect.map(this.#arrived.await, () => {
    this.#arrived.closeUnsafe()
    return this.#messages.length > 0
  })

  /** Ends a wait, also if there is no message. */
  wake(): void {
    this.#arrived.openUnsafe()
  }
}

/** The queues of all running actors of a worker. */
export class MessageQueues<Message> {
  readonly #queues = new Set<MessageQueue<Message>>()
  readonly #some = Latch.makeUnsafe(false)

  add(queue: MessageQueue<Message>): void {
    this.#queues.add(queue)
    this.#some.openUnsafe()
  }

  delete(queue: MessageQueue<Message>): void {
    this.#queues.delete(queue)
    if (this.#queues.size === 0) this.#some.closeUnsafe()
  }

  /** Waits until an actor runs. */
  readonly some: Effect.Effect<void> = Effect.asVoid(this.#some.await)

  /** Ends the waits of all actors. */
  wakeAll(): void {
    for (const queue of this.#queues) queue.wake()
  }
}
