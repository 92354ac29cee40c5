import { Effect, Latch } from "effect"

/**
 * What the calls under way tell the loop of an actor. Putting never waits: a call tells one message for each of its items
 * and one more, and an actor starts a bounded number of calls, so that bounds the queue too.
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

  /** Waits for a message, or until it is woken without one; whether there is one. */
  readonly arrives: Effect.Effect<boolean> = Effect.map(this.#arrived.await, () => {
    this.#arrived.closeUnsafe()
    return this.#messages.length > 0
  })

  /** Ends the wait for a message. */
  wake(): void {
    this.#arrived.openUnsafe()
  }
}
