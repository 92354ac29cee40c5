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
